"""Whose clock a follow-up goes by: who sets it, who moves, and what summer time does."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.commands import CommandCall
from adapters.testing import ScriptedServer
from bot.testing import Clock, RecordingPlatform, at_channel, direct, open_bot
from tests.bot.timed.promises import NINE, asks, obeys, settings, waiting


async def test_the_agent_asks_for_the_zone_once_where_nobody_knows_it(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, platform=platform, **settings(server)) as bot:
        origin = direct("7", platform="discord")

        async def orders(**arguments: str) -> dict[str, Any]:
            order = {"tool": "schedule_follow_up", "note": "call mum"} | arguments
            (said,) = await bot.write_at(origin, json.dumps(order))
            came_to: dict[str, Any] = json.loads(said.partition("\n")[0])
            return came_to

        refused = await orders(when=NINE)
        assert "ask them once in which city they live" in refused["message"]
        assert "2026-03-02T09:00+00:00" in refused["message"]
        assert (await orders(when="2026-03-01T12:20+00:00"))["due"] == "2026-03-01T12:20:00+00:00"  # "in 20 minutes"
        assert (await orders(when=f"{NINE}[Asia/Tokyo]"))["due"] == "2026-03-02T09:00:00+09:00"
        assert (await orders(when=NINE))["zone"] == "Asia/Tokyo"  # it is kept
        shown = await bot.app.commands.run(CommandCall(origin, "timezone"))
        assert "Asia/Tokyo" in shown.text


async def test_a_zone_that_somebody_has_set_is_not_changed_by_a_word(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        assert (await asks(bot, when=f"{NINE}[Asia/Tokyo]", note="x"))["due"] == "2026-03-02T09:00:00+09:00"
        assert "Europe/Lisbon" in await bot.command("timezone")
        await bot.command("timezone America/New_York")  # nine in Tokyo stays nine in Tokyo
        (timer,) = await waiting(bot)
        assert timer.due_at.isoformat() == "2026-03-02T00:00:00+00:00"
        came_to = await asks(bot, when=f"{NINE}[Asia/Tokyo]", note="x", repeat="0 9 * * *")
        assert "by their own clock, America/New_York" in came_to["message"]


async def test_a_zone_that_somebody_names_in_a_channel_is_theirs_and_not_the_channels(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, platform=platform, **settings(server)) as bot:
        order = {"tool": "schedule_follow_up", "when": f"{NINE}[Asia/Tokyo]", "note": "x", "repeat": "0 9 * * *"}
        await bot.write_at(at_channel("7"), json.dumps(order))
        agent = await bot.app.agents.get("discord:channel:home/general")
        assert agent.zone.key == "UTC"
        bot.clock.advance(hours=12, minutes=1)
        await bot.sweep()
        (timer,) = await bot.app.stores.timers.follow_ups(agent.id)
        assert timer.due_at.isoformat() == "2026-03-03T00:00:00+00:00"


async def test_where_the_operator_names_a_zone_it_holds_for_those_who_set_none(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server:
        given = settings(server, bot_timezone="Europe/Berlin")
        async with open_bot(tmp_path, platform=platform, **given) as bot:
            order = json.dumps({"tool": "schedule_follow_up", "when": NINE, "note": "x"})
            (said,) = await bot.write_at(direct("7", platform="discord"), order)
    assert json.loads(said.partition("\n")[0])["zone"] == "Europe/Berlin"


async def test_who_moves_takes_local_times_along_and_leaves_moments(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        await asks(bot, when=NINE, note="local")
        await asks(bot, when=f"{NINE}+00:00", note="moment")
        await asks(bot, when=NINE, note="again", repeat="0 9 * * *")
        answered = await bot.command("timezone Asia/Tokyo")
        assert "2 follow-ups" in answered
        due = {timer.note: timer.due_at.isoformat() for timer in await waiting(bot)}
    assert due == {
        "local": "2026-03-02T00:00:00+00:00",
        "again": "2026-03-02T00:00:00+00:00",
        "moment": "2026-03-02T09:00:00+00:00",
    }


async def test_who_moves_past_its_time_hears_of_it_at_once(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        await asks(bot, when="2026-03-01T16:00", note="call mum")
        await bot.command("timezone Asia/Tokyo")
        late = "call mum\n[It was due at 2026-03-01T16:00:00+09:00: say that it comes late.]"
        assert await bot.sweep() == [f"You wanted: {late}"]


async def test_a_repeated_one_goes_by_the_new_clock_after_it_has_come(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        await asks(bot, when=NINE, note="again", repeat="0 9 * * *")
        bot.clock.advance(hours=21, minutes=1)
        await bot.sweep()
        await bot.command("timezone America/New_York")
        (timer,) = await waiting(bot)
    assert timer.due_at.isoformat() == "2026-03-02T14:00:00+00:00"  # nine there is still to come


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        (datetime(2026, 3, 28, 8, tzinfo=UTC), [23, 24, 24]),
        (datetime(2026, 10, 24, 7, tzinfo=UTC), [25, 24, 24]),
    ],
    ids=["put forward", "put back"],
)
async def test_nine_stays_nine_when_the_clock_changes(tmp_path: Path, start: datetime, hours: list[int]) -> None:
    clock = Clock(start)
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, clock=clock, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        day = clock.moment.date().isoformat()
        await asks(bot, when=f"{day}T09:00", note="stretch", repeat="0 9 * * *")
        due = [(await waiting(bot))[0].due_at]
        for _ in hours:
            clock.moment = due[-1]
            assert await bot.sweep() == ["You wanted: stretch"]
            due.append((await waiting(bot))[0].due_at)
    assert [(later - earlier) / timedelta(hours=1) for earlier, later in pairwise(due)] == hours
