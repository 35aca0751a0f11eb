"""Who was told something is not told it again for a while, whatever process tells it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory.people.told import AGAIN_AFTER, Told
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
    yield database
    await database.close()


async def test_what_was_told_is_told_again_after_a_month(database: Database) -> None:
    times = [NOW, NOW + timedelta(microseconds=1), NOW + AGAIN_AFTER - timedelta(seconds=1), NOW + AGAIN_AFTER]
    told = [await Told(database, lambda now=now: now).once("discord", "lacks", "channel 7") for now in times]
    assert told == [True, False, False, True]


async def test_each_thing_is_told_on_each_platform(database: Database) -> None:
    told = Told(database, lambda: NOW)
    things = [(place, about, key) for place in ("discord", "slack") for about in ("a", "b") for key in ("1", "2" * 300)]
    assert [await told.once(*thing) for thing in things * 2] == [True] * 8 + [False] * 8


async def test_of_many_who_want_to_tell_it_at_once_one_does(database: Database) -> None:
    told = Told(database, lambda: NOW)
    assert sum(await asyncio.gather(*(told.once("discord", "lacks", "channel 7") for _ in range(5)))) == 1


async def test_what_was_told_long_ago_is_forgotten(database: Database) -> None:
    told = Told(database, lambda: NOW)
    for about in ("a", "a_b"):
        await told.once("discord", about, "1")
    await told.purge("a", NOW)
    assert not await told.once("discord", "a", "1")
    await told.purge("a", NOW + timedelta(seconds=1))
    assert await told.once("discord", "a", "1")
    assert not await told.once("discord", "a_b", "1")
