"""What happens beside the conversation reaches the agent as events, and costs no call of the model by itself."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, direct, open_bot, texts
from memory.ports import Kind

SETTINGS = {"llm_model": "m", "llm_tier": "tools"}


def events(request: Request) -> list[dict[str, Any]]:
    return [json.loads(text) for text in texts(request["messages"], "user")]


async def kinds(bot: Bot) -> list[Kind]:
    return [queued.message.kind for queued in (await bot.agent()).queue]


# ── long absence ─────────────────────────────────────────────────────────────────────────────────────


async def test_who_was_away_for_long_is_announced_in_the_turn_of_their_message(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Hi.")) as server:
        async with open_bot(tmp_path, **SETTINGS, openai_base_url=server.url) as bot:
            await bot.say("Hello")
            bot.clock.advance(days=2)
            await bot.say("Hello again")
            assert Kind.LOGIN not in await kinds(bot)
            bot.clock.advance(days=12)
            assert await bot.say("Still there?") == ["Hi."]
            *_, back, message = events(server.requests[-1])
            assert (back["type"], back["message"]) == ("login", "Ada is back; last seen 12 days ago.")
            assert message["message"] == "Still there?"
            assert len(server.requests) == 3
            agent = await bot.agent()
            last = [queued.message for queued in agent.queue][-4:]
            assert [it.kind for it in last] == [Kind.LOGIN, Kind.USER_MESSAGE, Kind.ASSISTANT, Kind.TOOL_RESULT]
            assert len({it.turn_id for it in last}) == 1


async def test_that_turn_is_taken_back_as_one_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Hi.")) as server:
        async with open_bot(tmp_path, **SETTINGS, openai_base_url=server.url) as bot:
            await bot.say("Hello")
            kept = await bot.kept()
            bot.clock.advance(days=12)
            await bot.say("Still there?")
            await bot.in_chat("pop")
            assert await bot.kept() == kept


async def test_in_a_channel_nobody_is_announced(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Hi.")) as server:
        async with open_bot(tmp_path, **SETTINGS, openai_base_url=server.url) as bot:
            await bot.write("Hello")
            bot.clock.advance(days=12)
            await bot.write("Hello")
            assert all(event["type"] == "user_message" for event in events(server.requests[-1]))


async def test_what_a_clock_set_off_is_no_visit(tmp_path: Path) -> None:
    silent = answer(None, ("stay_silent", {"reason": "x"}))

    def reply(request: Request) -> Reply:
        return silent if events(request)[-1]["type"] == "heartbeat" else says("Hi.")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **SETTINGS, openai_base_url=server.url) as bot:
            await bot.say("Hello")
            await bot.in_chat("heartbeat")
            assert Kind.LOGIN not in await kinds(bot)


# ── a budget near its end ────────────────────────────────────────────────────────────────────────────


async def test_a_budget_near_its_end_is_told_once_a_day(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: answer("Hi.", prompt_tokens=7000, completion_tokens=50)) as server:
        given = SETTINGS | {"openai_base_url": server.url, "budget_tokens_per_user_day": 30_000}
        async with open_bot(tmp_path, **given) as bot:
            for _ in range(4):
                assert await bot.say("Hello") == ["Hi."]
            (alert,) = [it.message for it in (await bot.agent()).queue if it.message.kind is Kind.SYSTEM_ALERT]
            assert (alert.text or "").startswith("Budget: 28200 of the 30000 tokens for this person today are used.")
            assert len(server.requests) == 4  # it is told with the step, and asks nothing
            bot.clock.advance(days=1)
            await bot.say("Hello")
            assert (await kinds(bot)).count(Kind.SYSTEM_ALERT) == 1
            for _ in range(3):
                await bot.say("Hello")
            assert (await kinds(bot)).count(Kind.SYSTEM_ALERT) == 2


async def test_without_limits_nothing_is_looked_at(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: answer("Hi.", prompt_tokens=7000, completion_tokens=50)) as server:
        async with open_bot(tmp_path, **SETTINGS, openai_base_url=server.url) as bot:
            for _ in range(5):
                await bot.say("Hello")
            assert Kind.SYSTEM_ALERT not in await kinds(bot)


# ── documents ────────────────────────────────────────────────────────────────────────────────────────


async def test_loaded_documents_are_told_to_the_agent_and_no_model_is_asked(tmp_path: Path) -> None:
    (tmp_path / "tea.txt").write_text("The tea is green.", encoding="utf-8")
    async with ScriptedServer(lambda _: says("Hi.")) as server:
        async with open_bot(tmp_path / "data", **SETTINGS, openai_base_url=server.url) as bot:
            await bot.say("Hello")
            await bot.in_chat(f"attach {tmp_path / 'tea.txt'}")
            assert len(server.requests) == 1
            await bot.in_chat(f"attach {tmp_path / 'tea.txt'}")  # nothing new
            await bot.say("What do you have?")
            told = [event["message"] for event in events(server.requests[-1]) if event["type"] == "system_alert"]
            assert len(told) == 1
            assert "1 document loaded" in told[0]
            assert "archival_memory_search" in told[0]


@pytest.mark.parametrize("gap", [timedelta(days=2), timedelta(days=5)])
async def test_how_long_is_long_is_a_setting(tmp_path: Path, gap: timedelta) -> None:
    async with ScriptedServer(lambda _: says("Hi.")) as server:
        given = SETTINGS | {"openai_base_url": server.url, "heartbeat_idle_days": 4}
        async with open_bot(tmp_path, **given) as bot:
            await bot.say("Hello")
            bot.clock.advance(days=gap.days)
            await bot.say("Hello")
            assert (Kind.LOGIN in await kinds(bot)) == (gap.days >= 4)
            assert direct("ada").address in {address for address, _ in bot.platform.sent}
