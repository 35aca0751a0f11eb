"""What is over for a week is forgotten; what may be told again, or was not answered, stays."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from bot.process.tidy import AUDITED, Forgotten, tidy, tidy_as_ever
from memory.core.agents import AgentStore
from memory.counts import count
from memory.people.audit import Audit
from memory.sqlite.database import Database
from memory.sqlite.tables import inbox, outbox, timers, turns
from memory.turns.inbox import Inbox
from memory.turns.outbox import OutboxStore

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OLD, RECENT = NOW - timedelta(days=7, seconds=1), NOW - timedelta(days=6, hours=23)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
    async with database.write() as transaction:
        await AgentStore(database).create(transaction, "socket:dm:ada", [("persona", "I am")], NOW)
    yield database
    await database.close()


def an_event(name: str, state: str, at: datetime) -> dict[str, Any]:
    return {
        "platform": "socket",
        "event_id": name,
        "scope": "socket:dm:ada",
        "state": state,
        "kind": "user_message",
        "is_timed": False,
        "origin": {},
        "author": "ada",
        "sent_at": at,
        "received_at": at,
    }


def a_reply(key: str, state: str, at: datetime) -> dict[str, Any]:
    return {
        "agent_id": 1,
        "platform": "socket",
        "channel": "ada",
        "key": key,
        "state": state,
        "created_at": at,
        "done_at": at if state in ("sent", "dead", "doubtful") else None,
    }


def a_turn(state: str, at: datetime) -> dict[str, Any]:
    fixed = {"agent_id": 1, "origin": {}, "is_timed": False, "message_ids": [], "progress": {}}
    return fixed | {"state": state, "begun_at": at, "changed_at": at}


async def kept(database: Database) -> tuple[list[str], list[str], list[str]]:
    async with database.read() as connection:
        events = (await connection.scalars(select(inbox.c.event_id).order_by(inbox.c.id))).all()
        replies = (await connection.scalars(select(outbox.c.key).order_by(outbox.c.id))).all()
        states = (await connection.scalars(select(turns.c.state).order_by(turns.c.id))).all()
    return list(events), list(replies), list(states)


async def test_only_what_is_over_and_old_is_forgotten(database: Database) -> None:
    event_states = ("waiting", "taken", "done", "parked")
    reply_states = ("waiting", "sending", "sent", "dead", "doubtful")
    async with database.write() as transaction:
        for age, at in (("old", OLD), ("recent", RECENT)):
            events = [an_event(f"{age} {state}", state, at) for state in event_states]
            await transaction.execute(insert(inbox), events)
            await transaction.execute(insert(outbox), [a_reply(f"{age} {state}", state, at) for state in reply_states])
        await transaction.execute(insert(turns), [a_turn("running", OLD), a_turn("done", OLD), a_turn("parked", OLD)])
    assert await tidy(database, NOW) == Forgotten(over=3)
    events, replies, turn_states = await kept(database)
    recent = [f"recent {state}" for state in event_states]
    assert events == ["old waiting", "old taken", "old parked", *recent]
    assert replies == [f"old {s}" for s in reply_states if s != "sent"] + [f"recent {s}" for s in reply_states]
    assert turn_states == ["running", "parked"]
    assert await tidy(database, NOW) == Forgotten()


async def test_what_was_put_aside_or_lost_is_told_of_for_thirty_days_and_then_forgotten(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for age, at in (("old", NOW - timedelta(days=30, seconds=1)), ("recent", NOW - timedelta(days=29, hours=23))):
        async with database.write() as transaction:
            await transaction.execute(insert(inbox), [an_event(f"{age} {s}", s, at) for s in ("waiting", "parked")])
            lost = [a_reply(f"{age} {state}", state, at) for state in ("waiting", "dead", "doubtful")]
            await transaction.execute(insert(outbox), lost)
            await transaction.execute(insert(turns), [a_turn("running", at), a_turn("parked", at)])

    with caplog.at_level("INFO"):
        await tidy_as_ever(database, lambda: NOW)
    events, replies, turn_states = await kept(database)
    assert events == ["old waiting", "recent waiting", "recent parked"]
    assert replies == ["old waiting", "recent waiting", "recent dead", "recent doubtful"]
    assert turn_states == ["running", "running", "parked"]
    async with database.read() as connection:
        counts = await count(connection, NOW)  # what doctor tells
    assert (counts.events_parked, counts.replies_dead, counts.replies_doubtful) == (1, 1, 1)
    assert [parked.received_at for parked in await Inbox(database).parked_of("socket:dm:ada")] == [at]
    assert len(await OutboxStore(database).lost_of(1)) == 2
    told = [record.getMessage() for record in caplog.records if record.name == "bot.process.tidy"]
    assert told == ["forgotten over=0 events_parked=1 turns_parked=1 replies_lost=2 acts_audited=0"]


async def test_what_waited_for_long_before_it_was_put_aside_is_told_of_for_as_long(database: Database) -> None:
    long_ago, yesterday = NOW - timedelta(days=60), NOW - timedelta(days=1)
    async with database.write() as transaction:
        await transaction.execute(insert(turns), [{"id": 7, **a_turn("parked", yesterday)}])
        await transaction.execute(insert(inbox), [an_event("a", "parked", long_ago) | {"turn_id": 7}])
    assert await tidy(database, NOW) == Forgotten()
    assert await tidy(database, NOW + timedelta(days=30)) == Forgotten(events_parked=1, turns_parked=1)


async def test_who_did_what_is_known_for_a_year(database: Database) -> None:
    audit, year_ago = Audit(database), NOW - AUDITED
    for what, at in (("older", year_ago - timedelta(seconds=1)), ("younger", year_ago + timedelta(seconds=1))):
        await audit.add("discord:1", what, "discord:dm:2", at)
    assert await tidy(database, NOW) == Forgotten(acts_audited=1)
    assert [act.what for act in await audit.newest(9)] == ["younger"]


async def test_whoever_writes_comes_in_between(database: Database) -> None:
    async with database.write() as transaction:
        await transaction.execute(insert(inbox), [an_event(str(number), "done", OLD) for number in range(4000)])
    tidying = asyncio.create_task(tidy(database, NOW))
    left = 4000
    while left == 4000:
        async with database.write() as transaction:
            left = len((await transaction.scalars(select(inbox.c.id))).all())
    assert 0 < left < 4000
    assert await tidying == Forgotten(over=4000)


async def test_what_breaks_is_logged_and_can_be_done_the_next_day(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def no_clock() -> datetime:
        raise OSError("no clock today")

    async with database.write() as transaction:
        await transaction.execute(insert(inbox), [an_event("a", "done", OLD), an_event("b", "done", RECENT)])
    await tidy_as_ever(database, no_clock)
    assert [record.getMessage() for record in caplog.records] == ["tidying broke"]
    await tidy_as_ever(database, lambda: NOW + timedelta(days=2))
    assert await kept(database) == ([], [], [])


async def test_timers_that_are_over_are_forgotten_after_a_week_and_those_that_wait_never(database: Database) -> None:
    def a_timer(state: str, at: datetime) -> dict[str, Any]:
        fixed = {"agent_id": 1, "kind": "follow_up", "platform": "p", "person": "p:a", "origin": {}, "note": state}
        return fixed | {"state": state, "due_at": at, "set_at": at, "fired_at": at, "ended_at": at}

    async with database.write() as transaction:
        rows = [a_timer(state, at) for state in ("waiting", "fired", "cancelled") for at in (OLD, RECENT)]
        await transaction.execute(insert(timers), rows)
    assert await tidy(database, NOW) == Forgotten(over=2)
    async with database.read() as connection:
        left = (await connection.scalars(select(timers.c.note).order_by(timers.c.id))).all()
    assert left == ["waiting", "waiting", "fired", "cancelled"]


async def test_copies_from_before_upgrades_are_removed_after_a_month(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir(exist_ok=True)
    for name, age in (("before-0002.db", 31), ("before-0003.db", 29)):
        (folder / name).write_bytes(b"")
        moment = (NOW - timedelta(days=age)).timestamp()
        os.utime(folder / name, (moment, moment))
    await tidy_as_ever(database, lambda: NOW, tmp_path)
    assert [path.name for path in folder.iterdir()] == ["before-0003.db"]
