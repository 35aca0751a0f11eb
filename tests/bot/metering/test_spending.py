"""A whole bot with budgets: what people are told, what `status` shows, and what a turn writes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Aim
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, Clock, direct, in_channel, open_bot
from memory.people.channels import Mode
from memory.sqlite.database import Database
from memory.sqlite.one_trip import driver_of

LIMIT = "You have reached your daily limit of tokens with me; it begins anew at midnight (UTC)."


def counted(request: Request) -> Reply:
    return answer(None, ("send_message", {"message": "I see."}), prompt_tokens=3000, completion_tokens=100)


async def told(bot: Bot, text: str, **options: Any) -> list[str]:
    """What the person hears of one message, replies and notices."""
    before = len(bot.platform.notices)
    return [*await bot.say(text, **options), *bot.platform.notices[before:]]


async def test_who_has_reached_the_limit_is_told_once_a_day_also_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(counted) as server:
        options: dict[str, Any] = {"llm_model": "m", "openai_base_url": server.url, "budget_tokens_per_user_day": 8000}
        async with open_bot(tmp_path, clock=clock, **options) as bot:
            assert await told(bot, "One") == ["I see."]
            assert await told(bot, "Two") == ["I see."]
            assert await told(bot, "Three") == [LIMIT]
            assert await told(bot, "Four") == []
            assert await told(bot, "One", person="bob") == ["I see."]
        async with open_bot(tmp_path, clock=clock, **options) as bot:
            assert await told(bot, "Five") == []
            clock.advance(days=1)
            assert await told(bot, "Six") == ["I see."]
        assert len(server.requests) == 4


async def test_what_nobody_meant_for_the_bot_does_not_use_up_the_news_of_a_limit(tmp_path: Path) -> None:
    async with ScriptedServer(counted) as server:
        options: dict[str, Any] = {"llm_model": "m", "openai_base_url": server.url, "budget_tokens_per_user_day": 8000}
        async with open_bot(tmp_path, llm_tier="tools", **options) as bot:
            for text in ("One", "Two"):
                await bot.say(text)
            await bot.choose_mode(Mode.OPEN)
            assert await bot.write("Anybody there?", aim=Aim.AT_ALL) == []
            assert bot.platform.notices == []  # nobody waits for an answer
            assert await told(bot, "Three") == [LIMIT]


async def test_killed_at_any_commit_whoever_has_reached_the_limit_is_told(tmp_path: Path) -> None:
    """Told twice, perhaps: after a death nobody knows whether they have heard it."""
    clock, data = Clock(), tmp_path / "data"
    copies: list[tuple[Path, int]] = []
    async with ScriptedServer(counted) as server:
        options: dict[str, Any] = {"llm_model": "m", "openai_base_url": server.url, "budget_tokens_per_user_day": 8000}
        async with open_bot(data, clock=clock, **options) as bot:
            for text in ("One", "Two"):
                await bot.say(text)
            write = bot.app.stores.database.write

            @asynccontextmanager
            async def copying(**more: Any) -> AsyncIterator[Any]:
                async with write(**more) as transaction:
                    yield transaction
                copies.append((tmp_path / f"copy{len(copies)}", len(bot.platform.notices)))
                copies[-1][0].mkdir()
                with closing(sqlite3.connect(data / "bot.db")) as connection:
                    connection.execute("VACUUM INTO ?", (str(copies[-1][0] / "bot.db"),))

            bot.app.stores.database.write = copying  # type: ignore[method-assign]
            assert await told(bot, "Three") == [LIMIT]
            bot.app.stores.database.write = write  # type: ignore[method-assign]
        assert len(copies) > 2
        for copy, before in copies:
            async with open_bot(copy, clock=clock, **options) as bot:
                await bot.app.lanes.idle()
                await bot.app.notices.settled("console")
                assert [LIMIT] * before + bot.platform.notices in ([LIMIT], [LIMIT, LIMIT]), copy.name
        assert len(server.requests) == 2


async def test_of_several_people_who_are_answered_together_each_is_told_once_a_day(tmp_path: Path) -> None:
    async with ScriptedServer(counted) as server:
        options: dict[str, Any] = {"llm_model": "m", "openai_base_url": server.url, "budget_tokens_per_day": 8000}
        async with open_bot(tmp_path, bot_max_waiting_messages=1, **options) as bot:
            for text in ("One", "Two"):
                await bot.say(text)
            assert len(await told(bot, "Three")) == 1
            hold = asyncio.Event()
            lane = bot.app.lanes.submit("console:channel:general", hold.wait)  # type: ignore[arg-type]
            for person in ("ada", "bob", "ada", "carl"):
                await bot.app.receiver.receive(in_channel("Hi", bot.clock(), person))
            hold.set()
            await lane
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert len(bot.platform.notices) == 3


async def test_status_shows_what_was_used(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(counted) as server:
        async with open_bot(tmp_path, clock=clock, llm_model="m", openai_base_url=server.url) as bot:
            assert "Used" not in await bot.command("status")
            await bot.say("One")
            clock.advance(days=1)
            await bot.say("Two")
            await bot.say("Three")
            shown = await bot.command("status")
    line = "calls of the model, {:,} tokens of prompts (0 of them cached), {} of answers\n"
    assert f"- Used today: 2 {line.format(6000, 200)}" in shown
    assert f"- Used in all: 3 {line.format(9000, 300)}" in shown
    assert "Budgets" not in shown
    assert "$" not in shown  # a server of one's own


@pytest.mark.parametrize("ends", [False, True])
async def test_what_was_paid_while_the_database_took_nothing_is_kept_once_it_does(tmp_path: Path, ends: bool) -> None:
    clock, is_full = Clock(), False

    def reply(request: Request) -> Reply:
        nonlocal is_full
        is_full = len(server.requests) == 1
        return counted(request)

    async with ScriptedServer(reply) as server:
        options: dict[str, Any] = {
            "llm_model": "m",
            "openai_base_url": server.url,
            "budget_tokens_per_user_day": 90_000,
        }
        async with open_bot(tmp_path, clock=clock, **options) as bot:
            write = bot.app.stores.database.write

            def refusing(**more: Any) -> Any:
                if is_full:
                    raise OSError("database or disk is full")
                return write(**more)

            bot.app.stores.database.write = refusing  # type: ignore[method-assign]
            assert await bot.say("One") == []
            is_full = False
            if not ends:
                clock.advance(minutes=1)
                for _ in range(10):
                    await asyncio.sleep(0)
                await bot.app.lanes.idle()
        async with open_bot(tmp_path, clock=clock, **options) as bot:
            await bot.app.lanes.idle()
            shown = await bot.command("status")
    assert "- Used today: 2 calls of the model, 6,000 tokens of prompts" in shown
    assert "you 6,200 of 90,000 tokens" in shown


async def test_status_shows_how_much_of_each_limit_is_used(tmp_path: Path) -> None:
    async with ScriptedServer(counted) as server:
        async with open_bot(
            tmp_path,
            llm_model="m",
            openai_base_url=server.url,
            budget_tokens_per_user_day=50_000,
            budget_tokens_per_day=1_000_000,
        ) as bot:
            await bot.say("One")
            await bot.say("One", person="bob")
            await bot.app.receiver.wake(direct("ada"), _heartbeat(bot))
            shown = await bot.command("status")
    assert (
        "- Budgets of today: you 6,200 of 50,000 tokens; everybody 9,300 of 1,000,000 tokens; "
        "timed events of everybody 3,100 of 100,000 tokens; your timed events 3,100 of 5,000 tokens\n"
    ) in shown


async def test_a_timed_event_over_its_share_is_not_told_to_anybody(tmp_path: Path) -> None:
    async with ScriptedServer(counted) as server:
        async with open_bot(
            tmp_path, llm_model="m", openai_base_url=server.url, budget_tokens_per_user_day=20_000
        ) as bot:
            await bot.app.receiver.wake(direct("ada"), _heartbeat(bot))
            assert (server.requests, bot.platform.notices) == ([], [])
            assert await told(bot, "One") == ["I see."]


async def test_a_call_that_nothing_came_of_is_counted_all_the_same(tmp_path: Path) -> None:
    looks_up = answer(None, ("core_memory_append", {"label": "human", "content": "x"}), prompt_tokens=10)
    script = [looks_up, fails(400), says("Hello")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("One")
            assert "- Used today: 1 call of" in await bot.command("status")
            await bot.say("Two")
            assert "- Used today: 2 calls of" in await bot.command("status")


async def test_a_summary_is_charged_to_whose_turn_it_is(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: counted(request) if request.get("tools") else _summary()) as server:
        async with open_bot(
            tmp_path, llm_model="m", openai_base_url=server.url, budget_tokens_per_user_day=100_000
        ) as bot:
            for _ in range(6):
                await bot.say("A word. " * 50)
            assert "left the window" in await bot.in_chat("summarize")
            shown = await bot.command("status")
    assert "- Used in all: 7 calls of the model, 18,400 tokens of prompts" in shown
    assert "you 19,020 of 100,000 tokens" in shown


async def test_without_limits_nothing_is_written_before_a_call(tmp_path: Path) -> None:
    async with ScriptedServer(counted) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("One")
            statements = await _statements(bot.app.stores.database)
            await bot.say("Two")
    assert [line for line in statements if " spent" in line] == []
    assert len([line for line in statements if " usage " in line]) == 1


async def test_with_a_limit_it_is_two_short_statements(tmp_path: Path) -> None:
    async with ScriptedServer(counted) as server:
        async with open_bot(
            tmp_path, llm_model="m", openai_base_url=server.url, budget_tokens_per_user_day=100_000
        ) as bot:
            await bot.say("One")
            statements = await _statements(bot.app.stores.database)
            await bot.say("Two")
    assert [line.split()[0] for line in statements if "spent" in line] == ["INSERT", "UPDATE"]


@pytest.mark.parametrize(
    ("options", "cost"),
    [
        ({"llm_model": "gpt-4.1-mini", "openai_api_key": "k"}, 0.4),
        ({"llm_model": "gpt-4.1-mini", "openai_api_key": "k", "openai_base_url": "https://api.openai.com/v1"}, 0.4),
        ({"llm_model": "gpt-4.1-mini", "openai_base_url": "http://127.0.0.1:1/v1"}, None),
        ({"llm_model": "gpt-77", "openai_api_key": "k"}, None),
        ({"llm_model": "gpt-4o.gguf"}, None),
        ({}, None),
    ],
)
def test_the_price_is_known_with_openai_alone(options: dict[str, Any], cost: float | None) -> None:
    from bot.implementations import known_prices
    from config.settings import load_settings

    prices = known_prices(load_settings(**options))
    assert (prices.prompt if prices else None) == cost


def _heartbeat(bot: Bot) -> Any:
    from bot.events import heartbeat

    return heartbeat("Time to think.", bot.clock())


def _summary() -> Reply:
    return answer("They spoke of words.", prompt_tokens=400, completion_tokens=20)


async def _statements(database: Database) -> list[str]:
    """Every statement that writes from now on."""
    seen: list[str] = []
    async with database.write() as transaction:
        await driver_of(transaction).run(lambda connection: connection.set_trace_callback(seen.append))
    return seen
