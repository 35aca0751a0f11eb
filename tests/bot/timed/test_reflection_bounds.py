"""What a reflection may cost: so many a day, so many steps, its share of the budget, a prompt that fits the window."""

from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.events import reflection
from bot.testing import direct, open_bot
from bot.timed.reflection import MAX_STEPS
from bot.timed.reflection_scene import ENOUGH_MESSAGES, ON_REQUEST
from tests.bot.timed.reflecting import (
    FIVE,
    append,
    asked_to_reflect,
    is_reflecting,
    material,
    model,
    reflect,
    talk,
    with_model,
)


async def test_too_little_new_costs_nothing_and_what_was_looked_at_is_new_no_more(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE[: ENOUGH_MESSAGES - 1])
        await reflect(bot)
        assert asked_to_reflect(server) == []
        await talk(bot, "Good night")
        await reflect(bot)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == 1
        await bot.say("There is much to tell. " * 60)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == 2
        assert "I live in Lisbon" not in material(asked_to_reflect(server)[1])


async def test_whoever_wants_it_now_has_it_now(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.say("Hello")
        await bot.in_chat("reflect")
    assert len(asked_to_reflect(server)) == 1


async def test_a_day_has_so_many_and_no_more(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model()) as server,
        open_bot(tmp_path, **with_model(server, reflection_max_per_day=2)) as bot,
    ):
        for _ in range(3):
            await talk(bot, *FIVE)
            await reflect(bot)
        assert len(asked_to_reflect(server)) == 2
        bot.clock.advance(days=1)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == 3
        await bot.say("Hi", person="bob")
        await (await bot.app.receiver.wake(direct("bob"), reflection(ON_REQUEST, bot.clock())))
        assert len(asked_to_reflect(server)) == 4


async def test_a_model_that_never_comes_to_an_end_is_stopped(tmp_path: Path) -> None:
    def for_ever(request: Request) -> Reply:
        if not is_reflecting(request):
            return says("I see.")
        return answer(None, ("archival_memory_search", {"query": "figs", "request_heartbeat": True}))

    async with ScriptedServer(for_ever) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == MAX_STEPS
        await reflect(bot)
        assert len(asked_to_reflect(server)) == MAX_STEPS


async def test_a_paused_agent_does_not_reflect(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        await bot.command("pause")
        await reflect(bot)
        await bot.command("resume")
        assert asked_to_reflect(server) == []


async def test_it_is_paid_from_the_share_of_timed_events(tmp_path: Path) -> None:
    caps = {"budget_tokens_per_user_day": 100_000, "budget_heartbeat_fraction": 0.001}
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server, **caps)) as bot:
        await talk(bot, *FIVE)
        await reflect(bot)
        assert asked_to_reflect(server) == []
        assert bot.platform.notices == []
        assert "aside" not in await bot.command("status")
        assert await bot.say("Still there?") == ["I see."]


@pytest.mark.parametrize("window", [2560, 4096, 32768])
async def test_what_it_reads_fits_the_window(tmp_path: Path, window: int) -> None:
    """However much was said and is kept, and whatever the model looks up."""
    looks = ("conversation_search", {"query": "apples market", "request_heartbeat": True})
    tidying = [answer("Hm. " * 50, looks, looks, append("Bought apples.", heartbeat=True)) for _ in range(MAX_STEPS)]
    async with (
        ScriptedServer(
            model(*tidying, chats=lambda request: says("How nice!") if "tools" in request else answer("Hm."))
        ) as server,
        open_bot(tmp_path, **with_model(server, llm_context_window=window)) as bot,
    ):
        for number in range(30):
            await bot.command(f"remember Fact {number}: I bought apples on the {number}th market.")
            await bot.say(f"Day {number}. I went to the market and bought apples. " * 6)
        await reflect(bot)
        requests = asked_to_reflect(server)
        room, count = bot.app.shelves.room, bot.app.shelves.counter.count
        assert requests
        for request in requests:
            said = sum(count(str(message)) for message in request["messages"])
            assert said + count(str(request["tools"])) * 0.8 < 1.2 * room.limit
        assert "Said since the last time" in material(requests[0])
        assert "Day 29" in material(requests[0])
