"""A follow-up that the model makes nothing of is said by code."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import open_bot, texts
from tests.bot.timed.promises import ADA, asks, due, obeys, settings


def useless(*replies: Reply) -> Any:
    """Obeys people, and makes the replies to a follow-up, the last of them for ever."""
    left = list(replies)

    def reply(request: Request) -> Reply:
        of_clock = any('"type": "follow_up"' in text for text in texts(request["messages"], "user"))
        if not of_clock:
            return obeys(request)
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


async def test_text_alone_is_not_sent_the_model_is_reminded_and_then_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(useless(answer("Time to call!"))) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            assert await bot.sweep() == ["A reminder: call mum"]
            assert "Call send_message, or stay_silent" in texts(server.requests[-1]["messages"], "user")[-1]
            assert len(server.requests) == 4


async def test_a_model_that_remembers_when_reminded_speaks_for_itself(tmp_path: Path) -> None:
    async with ScriptedServer(useless(answer("Time to call!"), says("Time to call!"))) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            assert await bot.sweep() == ["Time to call!"]


async def test_the_agent_may_decide_that_it_is_of_no_use_any_more(tmp_path: Path) -> None:
    silent = answer(None, ("stay_silent", {"reason": "she has called"}))
    async with ScriptedServer(useless(silent)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        assert await bot.sweep() == []
        assert len(server.requests) == 3
        assert "I had nothing to say to it" in await bot.command("followups")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer(""), id="nothing"),
        pytest.param(answer(None, ("no_such_tool", {})), id="calls that fail"),
        pytest.param(answer("Hm.", ("core_memory_append", {"label": "human", "content": "x"})), id="an edit"),
        pytest.param(fails(400, "no"), id="refused"),
    ],
)
async def test_a_model_that_is_of_no_use_costs_nobody_the_reminder(tmp_path: Path, reply: Reply) -> None:
    async with ScriptedServer(useless(reply)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        assert await bot.sweep() == ["A reminder: call mum"]
        assert bot.platform.notices == []
        assert "delivered" in await bot.command("followups")
        assert "Put aside" not in await bot.command("status")


async def test_where_no_budget_is_left_for_it_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server:
        given = settings(server, budget_tokens_per_user_day=100_000, budget_heartbeat_fraction=0.0)
        async with open_bot(tmp_path, **given) as bot:
            await due(bot)
            assert await bot.sweep() == ["A reminder: call mum"]
            assert len(server.requests) == 2


async def test_while_the_model_is_down_it_waits_and_then_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(useless(fails(503, retry_after_ms="1"))) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            assert await bot.sweep() == []
            assert bot.platform.notices == []
            bot.clock.advance(hours=1, minutes=1)
            await bot.app.lanes.idle()
            await asyncio.sleep(0)
            while not bot.platform.sent[1:]:
                bot.clock.advance(minutes=10)
                await bot.app.lanes.idle()
                await asyncio.sleep(0)
            await bot.app.outbox.settled(ADA.address)
            assert bot.platform.sent[-1][1] == "A reminder: call mum"


async def test_while_nobody_can_hear_of_it_one_that_repeats_does_not_pile_up(tmp_path: Path) -> None:
    is_down = False

    def reply(request: Request) -> Reply:
        return fails(503, retry_after="36000") if is_down else obeys(request)

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server, llm_retry_hours=24)) as bot:
            await asks(bot, when="2026-03-01T13:00", note="drink", repeat="0 * * * *")
            await asks(bot, when="2026-03-01T13:00", note="stretch", repeat="0 * * * *")
            is_down = True
            for hour in range(13, 19):
                bot.clock.moment = datetime(2026, 3, 1, hour, tzinfo=UTC)
                assert await bot.sweep() == []
            assert await bot.command("followups cancel 2") == "The follow-up 2 is cancelled."
            is_down = False
            await bot.say("Hi")
            await bot.app.lanes.idle()
            assert [text for _, text in bot.platform.sent[2:]] == ["You wanted: drink", "Hello."]
            bot.clock.moment = datetime(2026, 3, 1, 19, tzinfo=UTC)
            assert await bot.sweep() == ["You wanted: drink"]


async def test_a_server_that_does_not_force_calls_is_asked_without(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        return fails(400, "tool_choice is not supported") if "tool_choice" in request else obeys(request)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        assert await bot.sweep() == ["You wanted: call mum"]
        await asks(bot, when="2026-03-03T09:00", note="again")
        bot.clock.advance(days=1)
        assert await bot.sweep() == ["You wanted: again"]
    assert sum("tool_choice" in request for request in server.requests) == 1


async def test_with_a_model_that_only_writes_text_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            clock = bot.clock
        before = len(server.requests)
        async with open_bot(tmp_path, clock=clock, **settings(server, llm_tier="text")) as bot:
            assert await bot.sweep() == ["A reminder: call mum"]
        assert len(server.requests) == before
