"""Replies as they are kept: with the step that decided them, in order for each place, until the platform has them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select

from memory.sqlite.database import Database
from memory.sqlite.tables import agents, outbox
from memory.turns.outbox import Backlog, OutboxStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def store(database: Database) -> OutboxStore:
    return OutboxStore(database)


async def add(database: Database, agent_id: int, *texts: str, channel: str = "c", thread: str | None = None) -> None:
    async with database.write() as transaction:
        await OutboxStore(database).add(transaction, agent_id, 7, "discord", channel, thread, texts, NOW)


async def rows(database: Database) -> list[Any]:
    async with database.read() as connection:
        return list(await connection.execute(select(outbox).order_by(outbox.c.id)))


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement of a writer or a reader, as it went to SQLite."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        seen.append(statement)

    engines = [engine.sync_engine for engine in (database._readers, database._writers)]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def test_replies_are_kept_in_order_with_keys_of_their_own(
    store: OutboxStore, database: Database, ada: int
) -> None:
    await add(database, ada, "one", "two", "three")
    replies = await store.open_of("discord", "c", None)
    assert [reply.text for reply in replies] == ["one", "two", "three"]
    assert len({reply.key for reply in replies}) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", reply.key) for reply in replies)
    assert {(reply.agent_id, reply.is_unsure, reply.attempts, reply.next_try_at) for reply in replies} == {
        (ada, False, 0, None)
    }
    assert [row.turn_id for row in await rows(database)] == [7, 7, 7]


async def test_nothing_to_say_writes_nothing(store: OutboxStore, database: Database, ada: int) -> None:
    with statements(database) as seen:
        await add(database, ada)
    assert seen == []


async def test_replies_of_a_step_that_was_undone_were_never_decided(
    store: OutboxStore, database: Database, ada: int
) -> None:
    async def broken_step() -> None:
        async with database.write() as transaction:
            await store.add(transaction, ada, 7, "discord", "c", None, ["one"], NOW)
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the one above
        await broken_step()
    assert await store.addresses() == ()


async def test_a_thread_is_a_place_of_its_own(store: OutboxStore, database: Database, ada: int, bob: int) -> None:
    await add(database, ada, "in the channel")
    await add(database, ada, "in a thread", thread="t")
    await add(database, bob, "of another agent", thread="t")
    await add(database, ada, "elsewhere", channel="d")
    assert [reply.text for reply in await store.open_of("discord", "c", None)] == ["in the channel"]
    assert [reply.text for reply in await store.open_of("discord", "c", "t")] == ["in a thread", "of another agent"]
    assert await store.open_of("slack", "c", None) == ()
    assert set(await store.addresses()) == {("discord", "c", None), ("discord", "c", "t"), ("discord", "d", None)}


@pytest.mark.parametrize("thread", [None, "t"])
async def test_what_is_open_is_found_by_its_index(
    store: OutboxStore, database: Database, ada: int, thread: str | None
) -> None:
    await add(database, ada, "one", thread=thread)
    with statements(database) as seen:
        await store.open_of("discord", "c", thread)
        await store.addresses()
        await store.lost_of(ada)
    async with database.read() as connection:
        for statement, index in zip(seen, ["open", "open", "lost"], strict=True):
            values = ("discord", "c", thread)[: statement.count("?")]
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            details = " ".join(row.detail for row in plan)
            assert f"ix_outbox_{index}" in details
            if statement is seen[0]:
                assert "thread=?" in details
                assert "TEMP B-TREE" not in details


async def test_what_the_platform_has_loses_its_text_and_the_next_is_marked_with_it(
    store: OutboxStore, database: Database, ada: int
) -> None:
    await add(database, ada, "one", "two")
    one, two = await store.open_of("discord", "c", None)
    assert await store.sending(one.id)
    assert await store.sent(one.id, "m1", LATER, then=two.id)
    first, second = await rows(database)
    assert (first.state, first.text, first.sent_id, first.done_at) == ("sent", None, "m1", LATER)
    assert (second.state, second.text) == ("sending", "two")
    (left,) = await store.open_of("discord", "c", None)
    assert left.is_unsure
    assert not await store.sent(two.id, None, LATER)
    assert await store.addresses() == ()


async def test_a_reply_put_off_remembers_whether_it_may_have_been_posted(
    store: OutboxStore, database: Database, ada: int
) -> None:
    await add(database, ada, "one")
    (one,) = await store.open_of("discord", "c", None)
    await store.sending(one.id)
    for tries, is_unsure in enumerate((True, False, True), 1):
        await store.put_off(one.id, LATER, "no network", is_unsure=is_unsure)
        (left,) = await store.open_of("discord", "c", None)
        assert (left.is_unsure, left.attempts, left.next_try_at) == (is_unsure, tries, LATER)
    assert (await rows(database))[0].fault == "no network"


async def test_what_was_marked_and_surely_not_sent_waits_again_as_if_not_tried(
    store: OutboxStore, database: Database, ada: int
) -> None:
    await add(database, ada, "one")
    (one,) = await store.open_of("discord", "c", None)
    await store.sending(one.id)
    await store.hold(one.id)
    assert await store.open_of("discord", "c", None) == (one,)
    await store.dead(one.id, "no such channel", LATER)
    await store.hold(one.id)
    assert await store.open_of("discord", "c", None) == ()


async def test_what_is_done_or_gone_is_not_sent(store: OutboxStore, database: Database, ada: int) -> None:
    await add(database, ada, "one", "two")
    one, two = await store.open_of("discord", "c", None)
    await store.dead(one.id, "no such channel", LATER)
    assert not await store.sending(one.id)
    async with database.write() as transaction:
        await transaction.execute(delete(agents).where(agents.c.id == ada))
    assert not await store.sending(two.id)
    assert not await store.sent(one.id, None, LATER, then=two.id)


async def test_what_was_given_up_is_told_with_its_text_to_its_own_agent(
    store: OutboxStore, database: Database, ada: int, bob: int
) -> None:
    await add(database, ada, "one", "two", thread="t")
    one, two = await store.open_of("discord", "c", "t")
    await store.dead(one.id, "no such channel", LATER)
    await store.doubtful(two.id, "history is closed", LATER)
    dead, doubtful = await store.lost_of(ada)
    assert (dead.text, dead.is_doubtful, dead.fault, dead.lost_at) == ("one", False, "no such channel", LATER)
    assert (doubtful.text, doubtful.is_doubtful, doubtful.place) == ("two", True, ("discord", "c", "t"))
    assert await store.lost_of(bob) == ()


async def test_how_much_is_waiting_and_since_when(store: OutboxStore, database: Database, ada: int, bob: int) -> None:
    assert await store.waiting_of(ada) == Backlog(0, None)
    await add(database, ada, "one", "two")
    await add(database, bob, "three")
    assert await store.waiting_of(ada) == Backlog(2, NOW)
    (one, *_) = await store.open_of("discord", "c", None)
    await store.sending(one.id)
    assert (await store.waiting_of(ada)).count == 2
    await store.sent(one.id, None, LATER)
    assert (await store.waiting_of(ada)).count == 1


async def test_only_what_is_done_long_enough_is_removed(store: OutboxStore, database: Database, ada: int) -> None:
    await add(database, ada, "sent", "lost", "recent", "open")
    sent, lost, recent, _ = await store.open_of("discord", "c", None)
    await store.sent(sent.id, None, NOW)
    await store.dead(lost.id, "gone", NOW)
    await store.sent(recent.id, None, LATER)
    assert await store.purge(LATER) == 1
    assert await store.purge(LATER) == 0
    left = [(lost.id, "dead"), (recent.id, "sent"), (recent.id + 1, "waiting")]
    assert [(row.id, row.state) for row in await rows(database)] == left
