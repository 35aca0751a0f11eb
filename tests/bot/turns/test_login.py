"""A person opens the conversation and has not written: the agent owes a word, as to a message."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import ScriptedServer, answer, says
from bot import events
from bot.testing import Bot, direct, open_bot
from memory.ports import NewMessage


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "scripted", "openai_base_url": server.url, **more}


async def wake(bot: Bot, event: NewMessage) -> list[str]:
    before = len(bot.platform.sent)
    await (await bot.app.receiver.wake(direct("ada"), event))
    return [text for _, text in bot.platform.sent[before:]]


async def log_in(bot: Bot) -> list[str]:
    return await wake(bot, events.login("Ada", bot.clock()))


@pytest.mark.parametrize("reply", [says("Welcome!"), answer("Welcome!")], ids=["called", "bare text"])
async def test_a_login_is_answered(tmp_path: Path, reply: Any) -> None:
    async with ScriptedServer([reply]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await log_in(bot) == ["Welcome!"]
        told = json.loads(server.requests[0]["messages"][-1]["content"])
        assert (told["type"], told["message"]) == ("login", "Ada opened the conversation.")


async def test_an_agent_that_says_nothing_at_a_login_is_reminded_and_then_the_person_is_told(tmp_path: Path) -> None:
    silent = answer(None, ("core_memory_append", {"label": "human", "content": "Ada"}))
    async with ScriptedServer([silent, silent]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await log_in(bot) == []
        assert "heard nothing" in server.requests[1]["messages"][-1]["content"]
        assert bot.platform.notices == ["I could not find the words for a greeting. Please write to me."]


async def test_a_login_with_empty_answers_only_is_given_up_and_told(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: answer("")) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await log_in(bot) == []
        assert bot.platform.notices == ["I could not find the words for a greeting. Please write to me."]


async def test_bare_text_on_a_heartbeat_or_an_alert_is_not_delivered(tmp_path: Path) -> None:
    async with ScriptedServer([answer("Just thinking."), answer("Noted.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await wake(bot, events.heartbeat("An hour has passed.", bot.clock())) == []
            assert await wake(bot, events.system_alert("The disk is full.", bot.clock())) == []
            assert len(server.requests) == 2
            assert bot.platform.notices == []


async def test_the_text_tier_opens_the_conversation(tmp_path: Path) -> None:
    async with ScriptedServer([answer("Hello Ada."), answer("Welcome back!")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
            await bot.say("My name is Ada")
            assert await log_in(bot) == ["Welcome back!"]
        system, *said, last = server.requests[1]["messages"]
    assert "My name is Ada." in system["content"]
    assert [message["content"] for message in said] == ["My name is Ada", "Hello Ada."]
    assert "has just opened the conversation" in last["content"]


async def test_the_text_tier_stays_silent_on_a_heartbeat(tmp_path: Path) -> None:
    async with ScriptedServer() as server, open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
        assert await wake(bot, events.heartbeat("An hour has passed.", bot.clock())) == []
        assert server.requests == []
