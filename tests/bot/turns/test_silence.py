"""Where the bot is not meant it may stay silent; where it is, it may not."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Aim
from adapters.testing import ScriptedServer, answer, fails, says
from bot import events
from bot.testing import Bot, direct, open_bot, texts
from config.words import preset, preset_names
from memory.people.channels import Mode

SILENT = answer("Not mine to answer.", ("stay_silent", {"reason": "they talk about lunch"}))


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 8192, "llm_tier": "tools"} | more


async def unaddressed(bot: Bot, text: str = "Anybody for lunch?") -> list[str]:
    await bot.choose_mode(Mode.OPEN)
    return await bot.write(text, person="bob", aim=Aim.AT_ALL)


@pytest.mark.parametrize("name", preset_names())
def test_whoever_may_speak_may_be_silent(name: str) -> None:
    assert {"send_message", "stay_silent", "react"} <= set(preset(name).tools)


async def test_in_an_open_channel_the_agent_may_speak_unasked_or_stay_silent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with ScriptedServer([SILENT, says("I know a place.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await unaddressed(bot) == []
            assert "stays silent" in caplog.text
            assert "lunch" not in caplog.text  # what is said is not for the log
            assert bot.steps[-1].tools[0].name == "stay_silent"
            assert '"meant_for_you": false' in texts(server.requests[0]["messages"], "user")[-1]
            assert bot.platform.at_work == {}  # nobody is to wait for an answer that may not come
            assert await unaddressed(bot, "Where can one eat here?") == ["I know a place."]
    assert bot.platform.notices == []
    assert len(server.requests) == 2


async def test_a_person_who_asked_is_not_met_with_silence(tmp_path: Path) -> None:
    async with ScriptedServer([SILENT, says("Yes?"), SILENT, says("Yes, Ada?")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.write("Hello bot") == ["Yes?"]
            told = json.loads(texts(server.requests[1]["messages"], "tool")[-1])
            assert told["status"] == "error"
            assert "send_message" in told["message"]
            assert await bot.say("Hello") == ["Yes, Ada?"]


async def test_who_woke_by_a_clock_may_stay_silent(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hi."), SILENT]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Hello")
        await (await bot.app.receiver.wake(direct("ada"), events.heartbeat("It is noon.", bot.clock())))
        assert len(server.requests) == 2
        assert len(bot.platform.sent) == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer(None), id="nothing"),
        pytest.param(answer("  "), id="white space"),
        pytest.param(answer("<think>Not for me.</think>"), id="thoughts alone"),
        pytest.param(
            answer("Noted.", ("core_memory_append", {"label": "channel", "content": "They eat at noon"})),
            id="an edit alone",
        ),
    ],
)
async def test_to_say_nothing_unasked_is_silence_and_no_fault(tmp_path: Path, reply: Any) -> None:
    async with ScriptedServer([reply]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await unaddressed(bot) == []
        assert len(server.requests) == 1
        assert bot.platform.notices == []


@pytest.mark.parametrize("reply", [fails(401, "bad key"), fails(400, "no"), fails(503, x_should_retry="false")])
async def test_whoever_did_not_ask_is_not_told_of_a_models_troubles(tmp_path: Path, reply: Any) -> None:
    async with ScriptedServer(lambda _: reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await unaddressed(bot) == []
        assert bot.platform.notices == []
        assert "Put aside" not in await bot.command("status", channel="general")
        assert len((await bot.agent(channel="general")).queue) == 1  # it is remembered


async def test_a_failing_agent_gives_up_in_silence(tmp_path: Path) -> None:
    broken = answer(None, ("no_such_tool", {}))
    async with ScriptedServer(lambda _: broken) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await unaddressed(bot) == []
        assert bot.platform.notices == []
        assert len(server.requests) == 5


async def test_a_model_that_only_writes_text_does_not_speak_unasked(tmp_path: Path) -> None:
    async with ScriptedServer([answer("At noon.")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
            assert await unaddressed(bot, "Lunch is at noon.") == []
            assert server.requests == []
            assert await bot.write("When is lunch?") == ["At noon."]
            assert "Bob: Lunch is at noon." in str(server.requests[0]["messages"])
