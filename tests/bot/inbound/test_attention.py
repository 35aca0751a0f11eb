"""Which messages of a channel are answered, which are read, and which are not."""

from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Aim
from adapters.testing import ScriptedServer, says
from bot.inbound.attention import Attention, judge
from bot.testing import RecordingPlatform, open_bot, texts
from memory.people.channels import Mode
from memory.ports import Kind

ANSWER, CONSIDER, HEAR, IGNORE = Attention.ANSWER, Attention.CONSIDER, Attention.HEAR, Attention.IGNORE


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 8192, "llm_tier": "tools"} | more


@pytest.mark.parametrize(
    ("mode", "at_us", "at_all", "at_others"),
    [
        (Mode.MENTION, ANSWER, IGNORE, IGNORE),
        (Mode.THREAD, ANSWER, IGNORE, IGNORE),
        (Mode.LISTEN, ANSWER, HEAR, HEAR),
        (Mode.OPEN, ANSWER, CONSIDER, HEAR),
        (Mode.OFF, IGNORE, IGNORE, IGNORE),
    ],
)
def test_what_becomes_of_a_message_is_a_matter_of_its_aim_and_the_channels_mode(
    mode: Mode, at_us: Attention, at_all: Attention, at_others: Attention
) -> None:
    assert [judge(aim, mode) for aim in (Aim.AT_US, Aim.AT_ALL, Aim.AT_OTHERS)] == [at_us, at_all, at_others]


async def test_a_channel_is_answered_when_the_bot_is_mentioned_and_else_not_read(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hello Ada.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.write("The code is 7351.", aim=Aim.AT_ALL) == []
        assert await bot.write("Hello bot") == ["Hello Ada."]
        assert await bot.write("Not for you", aim=Aim.AT_OTHERS) == []
        kept = await bot.app.shelves.recall.queue((await bot.agent(channel="general")).id)
        assert [message.text for message in kept if message.kind is Kind.USER_MESSAGE] == ["Hello bot"]
    (address, _) = bot.platform.sent[0]
    assert (address.channel, address.thread) == ("general", None)


async def test_in_a_thread_that_it_takes_part_in_it_need_not_be_mentioned_again(tmp_path: Path) -> None:
    async with ScriptedServer([says("One."), says("Two."), says("Three.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.write("Elsewhere", thread="t0", aim=Aim.AT_ALL) == []
            assert await bot.write("Hello", thread="t1") == ["One."]
            assert await bot.write("And you?", person="bob", thread="t1", aim=Aim.AT_ALL) == ["Two."]
            assert await bot.write("Ada, look", person="bob", thread="t1", aim=Aim.AT_OTHERS) == []
            assert await bot.write("Elsewhere", thread="t0", aim=Aim.AT_ALL) == []
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.write("Still there?", thread="t1", aim=Aim.AT_ALL) == ["Three."]
            await bot.choose_mode(Mode.OFF)
            assert await bot.write("And now?", thread="t1", aim=Aim.AT_ALL) == []
            assert await bot.write("And now?") == []
    assert [address.thread for address, _ in bot.platform.sent] == ["t1"]


async def test_in_thread_mode_an_answer_opens_a_thread_at_the_message(tmp_path: Path) -> None:
    async with ScriptedServer([says("One."), says("Two.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.THREAD)
        await bot.write("Hello", message_id="m7")
        assert await bot.write("And?", thread="m7", aim=Aim.AT_ALL) == ["Two."]
        assert [address.thread for address, _ in bot.platform.sent] == ["m7", "m7"]
        assert '"thread": "m7"' in texts(server.requests[-1]["messages"], "user")[-1]


async def test_a_channel_has_one_agent_and_one_memory_for_all_its_people_and_threads(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.write("My code is 7351.", person="ada")
        await bot.write("What is the code?", person="bob", thread="t1")
        assert "7351" in str(server.requests[-1]["messages"])
        await bot.write("What is the code?", person="bob", channel="other")
        await bot.say("What is the code?", person="bob")
        assert all("7351" not in str(request["messages"]) for request in server.requests[-2:])


async def test_a_mode_that_was_chosen_holds_after_a_restart(tmp_path: Path) -> None:
    platform = RecordingPlatform()
    async with ScriptedServer() as server:
        async with open_bot(tmp_path, platform=platform, **settings(server)) as bot:
            await bot.choose_mode(Mode.LISTEN)
        async with open_bot(tmp_path, platform=platform, **settings(server)) as bot:
            await bot.write("The code is 7351.", aim=Aim.AT_ALL)
            assert len((await bot.agent(channel="general")).queue) == 1
            assert (await bot.app.stores.channels.find("console:channel:general")).changed_by == "console:ada"
