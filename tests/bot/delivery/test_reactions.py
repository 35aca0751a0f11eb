"""Reactions: put on the message that woke the agent, in order with its replies, and tried again like them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Aim, InboundMessage
from adapters.testing import ScriptedServer, answer, says
from bot import events
from bot.testing import Fault, RecordingPlatform, among_many, direct, in_channel, open_bot, texts
from memory.people.channels import Mode


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 8192, "llm_tier": "tools"} | more


def reacts(emoji: str = "👍", **more: Any) -> Any:
    return answer(None, ("react", {"emoji": emoji} | more))


class WithoutReactions(RecordingPlatform):
    """A platform that knows none."""

    react = None  # type: ignore[assignment]


async def test_an_agent_reacts_to_the_message_that_woke_it(tmp_path: Path) -> None:
    async with ScriptedServer([reacts()]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.write("Thank you!", thread="t1", message_id="m1") == []
        assert bot.platform.reactions == [(among_many("ada", thread="t1").address, "m1", "👍")]
        assert len(server.requests) == 1  # that is an answer: it is not reminded to speak
        assert bot.platform.notices == []


async def test_reactions_and_replies_are_shown_in_the_order_in_which_they_were_decided(tmp_path: Path) -> None:
    mixed = answer(
        None,
        ("send_message", {"message": "One"}),
        ("react", {"emoji": "🎉"}),
        ("send_message", {"message": "Two"}),
        ("react", {"emoji": "👀"}),
    )
    async with ScriptedServer([mixed]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.write("Go", message_id="m1") == ["One", "Two"]
        assert bot.platform.timeline == ["One", "🎉", "Two", "👀"]


async def test_words_may_follow_a_reaction(tmp_path: Path) -> None:
    async with ScriptedServer([reacts(request_heartbeat=True), answer("Just text.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.write("Go") == ["Just text."]


async def test_an_unaddressed_message_may_be_reacted_to(tmp_path: Path) -> None:
    async with ScriptedServer([reacts()]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.OPEN)
        await bot.write("It is my birthday", aim=Aim.AT_ALL, message_id="m1")
        assert [message for _, message, _ in bot.platform.reactions] == ["m1"]


async def test_a_reaction_that_fails_is_tried_again_and_is_not_looked_for(tmp_path: Path) -> None:
    both = answer(None, ("react", {"emoji": "👍"}), ("send_message", {"message": "Done."}))
    async with ScriptedServer([both]) as server, open_bot(tmp_path, **settings(server)) as bot:
        lost, posted = PlatformUnavailable("gone", may_be_posted=False), PlatformUnavailable("nobody heard")
        bot.platform.on_react.extend([Fault(lost), Fault(posted, is_posted=True)])
        bot.platform.on_find.append(Fault(AssertionError("it is not looked for")))
        assert await bot.write("Go", message_id="m1") == []
        while len(bot.platform.timeline) < 2:
            bot.clock.advance(minutes=1)
            await asyncio.sleep(0.01)
        assert bot.platform.timeline == ["👍", "Done."]


async def test_a_reaction_that_is_refused_does_not_hold_up_the_replies_behind_it(tmp_path: Path) -> None:
    both = answer(None, ("react", {"emoji": "👍"}), ("send_message", {"message": "Done."}))
    async with ScriptedServer([both]) as server, open_bot(tmp_path, **settings(server)) as bot:
        bot.platform.on_react.append(Fault(DeliveryRefused("unknown emoji")))
        assert await bot.write("Go") == ["Done."]


async def test_a_reaction_that_a_killed_process_left_is_put_by_the_next(tmp_path: Path) -> None:
    platform = RecordingPlatform()
    async with ScriptedServer([reacts()]) as server:
        async with open_bot(tmp_path, platform=platform, **settings(server)) as bot:
            platform.on_react.append(Fault(PlatformUnavailable("gone")))
            await bot.write("Go", message_id="m1")
            assert platform.reactions == []
        async with open_bot(tmp_path, platform=platform, **settings(server)) as bot:
            while not platform.reactions:
                bot.clock.advance(minutes=1)
                await asyncio.sleep(0.01)
    assert [reaction[1:] for reaction in platform.reactions] == [("m1", "👍")]


@pytest.mark.parametrize("emoji", ["", "  ", "👍 👎", "x" * 101])
async def test_what_is_no_emoji_is_told_to_the_model(tmp_path: Path, emoji: str) -> None:
    async with ScriptedServer([reacts(emoji), says("Ok.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.write("Go") == ["Ok."]
        assert "no emoji" in json.loads(texts(server.requests[1]["messages"], "tool")[-1])["message"]
        assert bot.platform.reactions == []


async def test_where_there_are_no_reactions_the_model_is_told(tmp_path: Path) -> None:
    async with ScriptedServer([reacts(), says("Thanks.")]) as server:
        async with open_bot(tmp_path, platform=WithoutReactions(), **settings(server)) as bot:
            assert await bot.write("Go") == ["Thanks."]
            assert "no reactions here" in texts(server.requests[1]["messages"], "tool")[-1]


async def test_where_no_message_woke_the_agent_the_model_is_told(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hi."), reacts(), answer(None)]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hello")
            await (await bot.app.receiver.wake(direct("ada"), events.heartbeat("It is noon.", bot.clock())))
            assert "No message woke you" in texts(server.requests[2]["messages"], "tool")[-1]


async def test_of_messages_taken_together_the_last_is_reacted_to(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: reacts()) as server, open_bot(tmp_path, **settings(server)) as bot:
        messages: list[InboundMessage] = [
            in_channel(f"Line {number}", bot.clock(), message_id=f"m{number}") for number in range(3)
        ]
        for message in messages:
            await bot.app.receiver.receive(message)
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        await bot.app.outbox.settled(among_many("ada").address)
        assert bot.platform.reactions[-1][1] == "m2"
