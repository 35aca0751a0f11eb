"""Follow-ups that were due while nothing ran, or are due for two sweeps at once."""

import asyncio
from datetime import timedelta
from pathlib import Path

from adapters.testing import ScriptedServer
from bot.testing import Clock, open_bot
from tests.bot.timed.promises import ADA, NINE, asks, due, obeys, settings, waiting

# ── late, and again ──────────────────────────────────────────────────────────────────────────────────


async def test_three_days_down_they_come_late_and_say_so_and_repeated_ones_come_once(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(obeys) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await asks(bot, when=NINE, note="call mum")
            await asks(bot, when=NINE, note="stretch", repeat="0 9 * * *")
        clock.advance(days=4)
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            said = await bot.sweep()
            assert len(said) == 2
            assert "call mum\n[It was due at 2026-03-02T09:00:00+00:00: say that it comes late.]" in said[0]
            assert "missed 3 more times" in said[1]
            (timer,) = await waiting(bot)
            assert timer.due_at.isoformat() == "2026-03-06T09:00:00+00:00"
            assert await bot.sweep() == []


async def test_months_down_are_not_counted_to_the_last_time(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="stretch", repeat="*/15 * * * *")
        bot.clock.advance(days=200)
        (said,) = await bot.sweep()
        assert "missed at least 30 more times" in said
        (timer,) = await waiting(bot)
        assert bot.clock.moment < timer.due_at < bot.clock.moment + timedelta(minutes=15)


# ── killed, and twice at once ────────────────────────────────────────────────────────────────────────


async def test_two_sweeps_at_once_hand_it_over_once(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        await asyncio.gather(*(bot.app.sweep() for _ in range(5)))
        await bot.app.lanes.idle()
        await bot.app.outbox.settled(ADA.address)
        assert [text for _, text in bot.platform.sent].count("You wanted: call mum") == 1
