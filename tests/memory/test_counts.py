"""What an operator watches: every number, read without going through a whole table; and the database's pulse."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, insert

from memory.counts import Counts, count
from memory.sqlite.database import Database
from memory.sqlite.one_trip import driver_of
from memory.sqlite.pulse import Pulse
from memory.sqlite.tables import inbox, outbox, turns

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_event(number: int, state: str, age_s: float = 0) -> dict[str, Any]:
    return {
        "platform": "socket",
        "event_id": f"event-{number}",
        "scope": "socket:dm:ada",
        "state": state,
        "kind": "user_message",
        "is_timed": False,
        "origin": {},
        "author": "ada",
        "text": "Hello",
        "sent_at": NOW,
        "received_at": NOW - timedelta(seconds=age_s),
    }


def a_reply(agent_id: int, number: int, state: str, age_s: float = 0) -> dict[str, Any]:
    at = NOW - timedelta(seconds=age_s)
    return {
        "agent_id": agent_id,
        "platform": "socket",
        "channel": "ada",
        "text": "Hi",
        "key": f"key{number}",
        "state": state,
        "created_at": at,
        "done_at": at if state == "sent" else None,
    }


def a_turn(agent_id: int, state: str, failing_since: datetime | None = None) -> dict[str, Any]:
    return {
        "agent_id": agent_id,
        "state": state,
        "origin": {},
        "is_timed": False,
        "message_ids": [],
        "begun_at": NOW,
        "changed_at": NOW,
        "progress": {},
        "failing_since": failing_since,
    }


async def keep(database: Database, ada: int) -> None:
    """Some of everything."""
    states = [("waiting", 30.0), ("waiting", 90.0), ("taken", 0.0), ("done", 999.0), ("parked", 0.0)]
    replies = [("waiting", 5.0), ("sending", 50.0), ("sent", 999.0), ("dead", 0.0), ("doubtful", 0.0), ("dead", 0.0)]
    async with database.write() as transaction:
        await transaction.execute(insert(inbox), [an_event(n, *row) for n, row in enumerate(states)])
        await transaction.execute(insert(outbox), [a_reply(ada, n, *row) for n, row in enumerate(replies)])
        rows = [a_turn(ada, "running"), a_turn(ada, "running", NOW), a_turn(ada, "parked", NOW), a_turn(ada, "done")]
        await transaction.execute(insert(turns), rows)


EXPECTED = Counts(
    inbox_waiting=2,
    inbox_oldest_waiting_seconds=90,
    events_parked=1,
    turns_unfinished=2,
    turns_waiting_for_model=1,
    outbox_waiting=2,
    outbox_oldest_waiting_seconds=50,
    replies_dead=2,
    replies_doubtful=1,
)


async def test_each_number_is_what_it_says(database: Database, ada: int) -> None:
    async with database.read() as connection:
        assert await count(connection, NOW) == Counts(0, 0, 0, 0, 0, 0, 0, 0, 0)
    await keep(database, ada)
    async with database.read() as connection:
        assert await count(connection, NOW) == EXPECTED


async def test_every_number_comes_from_a_small_index(database: Database) -> None:
    asked: list[str] = []
    async with database.read() as connection:
        engine = connection.sync_connection
        assert engine is not None
        event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement))
        await count(connection, NOW)
        statements = tuple(asked)
        plans = [
            str(row[3])
            for statement in statements
            for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert len(statements) == 5
    used = {word for plan in plans for word in plan.split() if word.startswith("ix_")}
    assert used == {"ix_inbox_waiting", "ix_inbox_parked", "ix_turns_running", "ix_outbox_open", "ix_outbox_lost"}
    assert all("INDEX ix_" in plan or "TEMP B-TREE" in plan for plan in plans), plans


async def test_the_pulse_is_felt_while_the_writer_comes_to_it(database: Database, ada: int) -> None:
    await keep(database, ada)
    pulse = Pulse(database, lambda: NOW, within_s=0.01)
    hold, held = asyncio.Event(), asyncio.Event()

    async def write_for_long() -> None:
        async with database.write():
            held.set()
            await hold.wait()

    writing = asyncio.create_task(write_for_long())
    await held.wait()
    assert not await pulse.writes()
    assert not await pulse.writes()  # the same question: no second one waits behind it
    hold.set()
    await writing
    await pulse.end()
    patient = Pulse(database, lambda: NOW)
    assert await patient.writes()
    assert await patient.counts() == EXPECTED
    await patient.end()


async def test_who_shared_a_commit_with_the_pulse_and_broke_it_is_no_answer_and_no_error(database: Database) -> None:
    pulse = Pulse(database, lambda: NOW)
    hold, held = asyncio.Event(), asyncio.Event()

    async def write_for_long() -> None:
        async with database.write() as transaction:
            await transaction.exec_driver_sql("DELETE FROM turns")
            held.set()
            await hold.wait()

    async def break_the_transaction() -> None:
        async with database.write() as transaction:
            await driver_of(transaction).run(lambda connection: connection.execute("ROLLBACK"))
            raise sqlite3.OperationalError("database or disk is full")

    writing = asyncio.create_task(write_for_long())
    await held.wait()
    feeling = asyncio.create_task(pulse.writes())
    while not database.in_line:
        await asyncio.sleep(0)
    breaking = asyncio.create_task(break_the_transaction())
    while database.in_line < 2:
        await asyncio.sleep(0)
    hold.set()
    await asyncio.wait([writing, breaking, feeling])
    assert [isinstance(task.exception(), sqlite3.OperationalError) for task in (writing, breaking)] == [True, True]
    assert feeling.result() is False
    assert await pulse.writes()
    await pulse.end()
