"""Timers as rows: each fires once, whoever looks at the same time, and whenever the process ends."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.core.agents import AgentStore
from memory.ports import Kind
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox, NewEvent
from memory.turns.timers import FOLLOW_UP, HEARTBEAT, WAITING, Firing, NewTimer, RunState, Timer, Timers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVED = (["console"], [FOLLOW_UP, HEARTBEAT])
MINUTE = timedelta(minutes=1)


def follow_up(minutes: float = 0, note: str = "", **more: Any) -> NewTimer:
    fixed = {"kind": FOLLOW_UP, "origin": {"at": "home"}, "platform": "console", "person": "console:ada"}
    return NewTimer(**fixed | {"due_at": NOW + minutes * MINUTE, "note": note} | more)


def event_of(timer: Timer) -> NewEvent:
    return NewEvent(
        platform=timer.platform,
        event_id=timer.event_id,
        scope=timer.scope,
        kind=Kind.FOLLOW_UP,
        is_timed=True,
        origin=timer.origin,
        author="",
        text=timer.note,
        sent_at=NOW,
    )


def once(timer: Timer) -> Firing:
    return Firing(timer, event_of(timer), None)


@pytest.fixture
async def ada(database: Database) -> int:
    async with database.write() as transaction:
        return (await AgentStore(database).create(transaction, "console:dm:ada", (("human", ""),), NOW)).id


@pytest.fixture
def timers(database: Database) -> Timers:
    return Timers(database, Inbox(database))


async def keep(database: Database, timers: Timers, agent_id: int, *new: NewTimer) -> None:
    async with database.write() as transaction:
        await timers.add(transaction, agent_id, new, NOW)


async def events(database: Database) -> list[tuple[str, str]]:
    async with database.read() as connection:
        rows = await connection.exec_driver_sql("SELECT event_id, state FROM inbox ORDER BY id")
        return [(row[0], row[1]) for row in rows]


async def test_what_is_due_comes_first_things_first(database: Database, timers: Timers, ada: int) -> None:
    await keep(database, timers, ada, follow_up(2, "later"), follow_up(-5, "first"), follow_up(0, "second"))
    assert [timer.note for timer in await timers.due(NOW, 10, *SERVED)] == ["first", "second"]
    assert [timer.note for timer in await timers.due(NOW, 1, *SERVED)] == ["first"]
    assert await timers.next_due(NOW, *SERVED) == NOW + 2 * MINUTE


async def test_what_nobody_serves_stays(database: Database, timers: Timers, ada: int) -> None:
    await keep(database, timers, ada, follow_up(), follow_up(platform="discord"), follow_up(kind="tide"))
    assert len(await timers.due(NOW, 10, *SERVED)) == 1
    assert await timers.due(NOW, 10, *SERVED, ["console:dm:bob"]) == ()
    assert len(await timers.due(NOW, 10, ["discord", "console"], [FOLLOW_UP, "tide"], ["console:dm:ada"])) == 3


async def test_a_paused_agent_is_not_woken(database: Database, timers: Timers, ada: int) -> None:
    await keep(database, timers, ada, follow_up())
    async with database.write() as transaction:
        await AgentStore(database).save_paused(transaction, ada, NOW)
    assert await timers.due(NOW, 10, *SERVED) == ()
    async with database.write() as transaction:
        await AgentStore(database).save_paused(transaction, ada, None)
    assert len(await timers.due(NOW, 10, *SERVED)) == 1


async def test_firing_and_event_are_one_and_happen_once(database: Database, timers: Timers, ada: int) -> None:
    await keep(
        database, timers, ada, follow_up(-1, "a"), follow_up(-1, "b"), follow_up(-1, "again", repeat="0 9 * * *")
    )
    due = await timers.due(NOW, 10, *SERVED)
    firings = [*map(once, due[:2]), Firing(due[2], event_of(due[2]), NOW + 9 * MINUTE)]
    handed = await asyncio.gather(*(timers.hand_over(firings, NOW) for _ in range(4)))
    assert sorted(map(len, handed)) == [0, 0, 0, 3]
    assert await timers.due(NOW, 10, *SERVED) == ()
    (again,) = await timers.due(NOW + 9 * MINUTE, 10, *SERVED)
    assert (again.fires, again.fired_at, again.event_id) == (1, NOW, "timer-3-2")
    assert await events(database) == [(f"timer-{id_}-1", "waiting") for id_ in (1, 2, 3)]


async def test_one_that_was_moved_or_cancelled_since_it_was_read_does_not_fire(
    database: Database, timers: Timers, ada: int
) -> None:
    await keep(database, timers, ada, follow_up(-1, "moved"), follow_up(-1, "cancelled"), follow_up(-1, "neither"))
    due = await timers.due(NOW, 10, *SERVED)
    await timers.move([(due[0], NOW + MINUTE)])
    assert await timers.end(ada, [2, 99], NOW) == {2}
    await timers.hand_over([once(timer) for timer in due], NOW)
    assert await events(database) == [("timer-3-1", "waiting")]


async def test_one_that_has_fired_since_it_was_read_is_not_moved(database: Database, timers: Timers, ada: int) -> None:
    await keep(database, timers, ada, follow_up(-1))
    (due,) = await timers.due(NOW, 10, *SERVED)
    await timers.hand_over([Firing(due, event_of(due), NOW + 9 * MINUTE)], NOW)
    await timers.move([(due, NOW - MINUTE)])
    assert await timers.next_due(None, *SERVED) == NOW + 9 * MINUTE


async def test_one_that_has_fired_is_cancelled_as_long_as_its_turn_has_not_begun(
    database: Database, timers: Timers, ada: int
) -> None:
    await keep(database, timers, ada, follow_up(-1), follow_up(-1))
    await timers.hand_over([once(timer) for timer in await timers.due(NOW, 10, *SERVED)], NOW)
    async with database.write() as transaction:
        (first, _) = await Inbox(database).waiting()
        await Inbox(database).take(transaction, [first])
    assert await timers.end(ada, [1, 2], NOW) == {2}
    runs = await timers.runs_of(await timers.follow_ups(ada))
    assert {id_: run.state for id_, run in runs.items()} == {1: RunState.TAKEN}
    assert await events(database) == [("timer-1-1", "taken"), ("timer-2-1", "done")]


async def test_nobody_cancels_what_is_another_agents(database: Database, timers: Timers, ada: int) -> None:
    await keep(database, timers, ada, follow_up(-1))
    assert await timers.end(ada + 1, [1], NOW) == frozenset()
    assert len(await timers.due(NOW, 10, *SERVED)) == 1


async def test_of_every_other_kind_an_agent_has_one(database: Database, timers: Timers, ada: int) -> None:
    async with database.write() as transaction:
        for minutes in (5, 90, 60):
            await timers.set(transaction, ada, follow_up(minutes, kind=HEARTBEAT), NOW)
        await timers.set(transaction, ada, follow_up(1, kind="tide"), NOW)
    heart = await timers.find(ada, HEARTBEAT)
    assert heart is not None
    assert heart.due_at == NOW + 60 * MINUTE
    async with database.write() as transaction:
        await timers.hold(transaction, ada, HEARTBEAT, NOW + 180 * MINUTE)
        await timers.set(transaction, ada, follow_up(70, kind=HEARTBEAT), NOW)
    assert await timers.next_due(NOW + 2 * MINUTE, *SERVED) == NOW + 180 * MINUTE
    async with database.write() as transaction:
        await timers.drop(transaction, ada, HEARTBEAT)
    assert await timers.find(ada, HEARTBEAT) is None
    assert await timers.find(ada, "tide") is not None


async def test_one_that_is_put_off_fires_then_and_one_that_is_dropped_never(
    database: Database, timers: Timers, ada: int
) -> None:
    await keep(database, timers, ada, follow_up(-1, "off"), follow_up(-1, "dropped"))
    off, dropped = await timers.due(NOW, 10, *SERVED)
    assert await timers.hand_over([Firing(off, None, NOW + MINUTE), Firing(dropped, None, None)], NOW) == ()
    (left,) = await timers.follow_ups(ada)
    assert (left.note, left.due_at, left.fires) == ("off", NOW + MINUTE, 0)


async def test_a_turn_that_is_taken_back_never_set_or_cancelled_anything(
    database: Database, timers: Timers, ada: int
) -> None:
    await keep(
        database, timers, ada, follow_up(5, "before", source_message_id=1), follow_up(-1, "set", source_message_id=7)
    )
    async with database.write() as transaction:
        await timers.cancel(transaction, ada, [1], NOW, ended_by=7)
    await timers.hand_over([once(timer) for timer in await timers.due(NOW, 10, *SERVED)], NOW)
    async with database.write() as transaction:
        await timers.take_back(transaction, ada, [7, 8])
    (left,) = await timers.follow_ups(ada)
    assert (left.note, left.state) == ("before", WAITING)
    assert await events(database) == [("timer-2-1", "done")]


async def test_messages_of_a_day_are_counted_and_the_next_day_anew(
    database: Database, timers: Timers, ada: int
) -> None:
    async with database.write() as transaction:
        await timers.set(transaction, ada, follow_up(kind=HEARTBEAT), NOW)
        for day, count in (("a", 2), ("a", 1), ("b", 1)):
            await timers.note_said(transaction, ada, HEARTBEAT, day, count)
    heart = await timers.find(ada, HEARTBEAT)
    assert heart is not None
    assert (heart.said_on, heart.said) == ("b", 1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(-2, 6), st.none() | st.integers(1, 4)),
        st.tuples(st.just("cancel"), st.integers(1, 8), st.none()),
        st.tuples(st.just("sweep"), st.integers(0, 3), st.integers(1, 3)),
    ),
    max_size=20,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_each_firing_is_one_event(steps: Any) -> None:
    """Against a model: timers that come once or again, sweeps of several at once, and cancellations."""
    with tempfile.TemporaryDirectory() as folder:
        names, fired = asyncio.run(_lived(Path(folder), steps))
    assert names == +fired


async def _lived(folder: Path, steps: Any) -> tuple[Counter[int], Counter[int]]:
    """How often each timer became an event, and how often it should have."""
    database = await Database.open(folder / "bot.db", folder, NOW)
    timers, now = Timers(database, Inbox(database)), NOW
    async with database.write() as transaction:
        ada = (await AgentStore(database).create(transaction, "console:dm:ada", (("human", ""),), NOW)).id
    waits: dict[int, tuple[datetime, int | None]] = {}
    made, fired = 0, Counter[int]()
    for what, number, more in steps:
        if what == "set":
            made += 1
            waits[made] = (now + number * MINUTE, more)
            await keep(database, timers, ada, follow_up((now - NOW) / MINUTE + number, str(more or "")))
        elif what == "cancel":
            await timers.end(ada, [number], now)
            waits.pop(number, None)
        else:
            now += number * MINUTE
            await asyncio.gather(*(_sweep(timers, now) for _ in range(more)))
            for id_, (at, every) in list(waits.items()):
                if at <= now:
                    fired[id_] += 1
                    del waits[id_]
                    if every is not None:
                        waits[id_] = (now + every * MINUTE, every)
    names = Counter(int(name.split("-")[1]) for name, _ in await events(database))
    await database.close()
    return names, fired


async def _sweep(timers: Timers, now: datetime) -> None:
    firings = []
    for timer in await timers.due(now, 100, *SERVED):
        again = now + int(timer.note) * MINUTE if timer.note else None
        firings.append(Firing(timer, event_of(timer), again))
    await timers.hand_over(firings, now)


def _sweep_until_killed(path: Path, kill_at: int) -> None:
    """In a process of its own: hand over all that is due, a few at a time; killed at its n-th commit."""
    commits = 0

    class Mortal(sqlite3.Connection):
        def commit(self) -> None:
            nonlocal commits
            if self.in_transaction:
                commits += 1
                if commits == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            super().commit()
            if commits + 1 == -kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    connect = sqlite3.connect
    sqlite3.connect = lambda *given, **options: connect(*given, **{"factory": Mortal} | options)  # type: ignore

    async def sweep() -> None:
        database = await Database.open(path, path.parent, NOW)
        timers = Timers(database, Inbox(database))
        while due := await timers.due(NOW, 3, *SERVED):
            await timers.hand_over([once(timer) for timer in due], NOW)
        await database.close()

    asyncio.run(sweep())


@pytest.mark.parametrize("kill_at", [1, 2, 4, -2, -3])
async def test_killed_before_or_after_any_commit_each_fires_once(tmp_path: Path, kill_at: int) -> None:
    path = tmp_path / "bot.db"
    database = await Database.open(path, tmp_path, NOW)
    timers = Timers(database, Inbox(database))
    async with database.write() as transaction:
        ada = (await AgentStore(database).create(transaction, "console:dm:ada", (("human", ""),), NOW)).id
    await keep(database, timers, ada, *(follow_up(-number) for number in range(10)))
    await database.close()
    spawn = multiprocessing.get_context("spawn")
    codes = []
    for deadly in (kill_at, 10**6):
        process = spawn.Process(target=_sweep_until_killed, args=(path, deadly))
        process.start()
        await asyncio.to_thread(process.join)
        codes.append(process.exitcode)
    assert codes == [-signal.SIGKILL, 0]
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT event_id FROM inbox")]
        states = [state for (state,) in connection.execute("SELECT DISTINCT state FROM timers")]
    assert sorted(names) == sorted(f"timer-{id_}-1" for id_ in range(1, 11))
    assert states == ["fired"]
