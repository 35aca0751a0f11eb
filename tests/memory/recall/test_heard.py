"""What was heard in a place: found by its names, in no other place, and by an index."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from memory.ports import Kind, NewMessage, Quote
from memory.recall.heard import Heard, Wording
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox, NewEvent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPE, OTHER = "console:dm:ada", "console:dm:bob"


def at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def told(id_: str, minute: int, *, scope: str = SCOPE, channel: str = "c", thread: str | None = None) -> NewEvent:
    return NewEvent(
        platform="console",
        event_id=f"{scope} {id_}",
        scope=scope,
        kind=Kind.USER_MESSAGE,
        is_timed=False,
        origin={"address": {"platform": "console", "channel": channel, "thread": thread}},
        author="ada",
        text=f"Message {id_}",
        sent_at=at(minute),
        message_id=id_,
    )


async def keep(database: Database, agent_id: int, *events: NewEvent, quote: Quote | None = None) -> None:
    """Events whose turn is over."""
    inbox, recall = Inbox(database), RecallStorage(database)
    for number, new in enumerate(events):
        waiting = await inbox.add(new, NOW)
        assert waiting is not None
        async with database.write() as transaction:
            taken = await inbox.take(transaction, [waiting])
            message = NewMessage(
                kind=new.kind, created_at=new.sent_at, text=new.text, platform_id=new.message_id, quote=quote
            )
            await recall.append(transaction, agent_id, None, [message])
            inbox.give(transaction, taken, 1000 + number)
            await inbox.finish(transaction, 1000 + number)


@contextmanager
def asked() -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


async def plans(database: Database, statements: list[tuple[str, Any]]) -> list[str]:
    async with database.read() as connection:
        return [
            str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all())
            for statement, parameters in statements
        ]


async def test_what_was_written_between_two_moments_is_named(database: Database, ada: int, bob: int) -> None:
    await keep(database, ada, *(told(f"m{minute}", minute) for minute in range(4)))
    await keep(database, bob, told("n1", 1, scope=OTHER))
    inbox = Inbox(database)
    await inbox.add(told("waits", 2), NOW)
    await inbox.add(told("parked", 2), NOW, fault="it came more than a day after it was written")
    await inbox.add(told("late", 3), NOW)
    found = await Heard(database).between(SCOPE, "c", None, at(0), at(3))
    assert found == {"m1", "m2", "waits", "parked"}
    assert await Heard(database).between("console:dm:eve", "c", None, at(0), at(3)) == frozenset()


async def test_what_came_by_an_import_is_not_looked_for(database: Database, ada: int) -> None:
    async with database.write() as transaction:
        message = NewMessage(kind=Kind.USER_MESSAGE, created_at=at(1), text="From elsewhere", platform_id="m1")
        await RecallStorage(database).append(transaction, ada, None, [message])
    assert await Heard(database).between(SCOPE, "c", None, at(0), at(3)) == frozenset()


async def test_a_thread_and_its_channel_are_two_places_and_its_first_message_may_be_in_either(
    database: Database, ada: int
) -> None:
    await keep(
        database, ada, told("m1", 1), told("t", 1, thread="t"), told("m2", 2, thread="t"), told("m3", 2, channel="d")
    )
    heard = Heard(database)
    assert await heard.between(SCOPE, "c", None, at(0), at(3)) == {"m1", "t"}
    assert await heard.between(SCOPE, "c", "t", at(0), at(3)) == {"m2"}


async def test_what_is_quoted_is_looked_for_where_it_is_quoted(database: Database, ada: int) -> None:
    for minute, quoted in ((4, "q0"), (5, "q1"), (6, "q3")):
        quote = Quote(quoted, "bob", "Bob", f"Quoted {quoted}", at(int(quoted[1])))
        await keep(database, ada, told(f"m{minute}", minute), quote=quote)
    heard = Heard(database)
    assert await heard.between(SCOPE, "c", None, at(0), at(3)) == {"q1"}
    assert await heard.between(SCOPE, "d", None, at(0), at(3)) == frozenset()
    assert await heard.wordings(SCOPE, ["q1", "m5", "m9"]) == {
        "m5": [Wording(text="Message m5")],
        "q1": [Wording(quote="Quoted q1")],
    }


@pytest.mark.parametrize("number", [1, 100])
async def test_messages_are_found_by_the_names_that_the_platform_has_for_them(
    database: Database, ada: int, number: int
) -> None:
    await keep(database, ada, *(told(f"m{minute}", minute) for minute in range(4)))
    inbox, names = Inbox(database), [f"m{each}" for each in range(number)]
    with asked() as seen:
        assert await inbox.scopes_of("console", names) == {SCOPE}
        assert len(await inbox.named(SCOPE, names)) == min(number, 4)
        await Heard(database).between(SCOPE, "c", None, at(0), at(3))
    found = await plans(database, seen)
    assert len(found) == 9
    assert all("ix_inbox_message_id" in plan for plan in found[:3])
    assert all(f"SCAN {table}" not in plan for plan in found for table in ("inbox", "messages", "documents"))
