"""What is held of an agent's messages while others are removed beside a search."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.ports import Kind, NewMessage
from memory.recall import message_index
from memory.recall.message_index import Entry, MessageIndex, VectorKind
from memory.recall.storage import RecallStorage
from memory.search.ranking import Told
from memory.sqlite.database import Database
from memory.sqlite.tables import messages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


class Interrupted(MessageIndex):
    """An index in which messages are removed right after its next rows were read."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.to_remove: int | None = None

    async def _read(self, connection: AsyncConnection, agent_id: int, *where: Any) -> Sequence[Any]:
        rows = await super()._read(connection, agent_id, *where)
        if self.to_remove is not None:
            async with self.database.write() as transaction:
                await transaction.execute(delete(messages).where(messages.c.id == self.to_remove))
            self.to_remove = None
            self.let_go(agent_id)
        return rows


async def keep(database: Database, index: MessageIndex, agent_id: int, *texts: str) -> list[int]:
    new = [NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text=text) for text in texts]
    async with database.write() as transaction:
        kept = await RecallStorage(database).append(transaction, agent_id, None, new)
        await index.add(transaction, [Entry.of(agent_id, message) for message in kept])
    return [message.id for message in kept]


async def held(database: Database, index: MessageIndex, agent_id: int) -> list[int]:
    async with database.read() as connection:
        return [int(id_) for id_ in (await index.told(connection, agent_id, None, ZONE)).ids]


async def test_what_is_removed_while_it_is_read_is_not_held(database: Database, ada: int) -> None:
    index = Interrupted(database)
    first, second = await keep(database, index, ada, "one", "two")
    index.to_remove = first
    assert first in await held(database, index, ada)  # what it read before
    assert await held(database, index, ada) == [second]


async def test_what_is_removed_while_newer_messages_are_read_is_not_held(database: Database, ada: int) -> None:
    index = Interrupted(database)
    first, second = await keep(database, index, ada, "one", "two")
    assert await held(database, index, ada) == [first, second]
    (third,) = await keep(database, index, ada, "three")
    index.to_remove = second
    await held(database, index, ada)
    assert await held(database, index, ada) == [first, third]


async def test_what_others_lose_is_no_concern_of_an_agent(database: Database, ada: int, bob: int) -> None:
    index = Interrupted(database)
    adas, bobs = await keep(database, index, ada, "one", "two"), await keep(database, index, bob, "three")
    assert await held(database, index, bob) == bobs
    index.to_remove = adas[0]
    await held(database, index, ada)
    assert (await held(database, index, ada), await held(database, index, bob)) == (adas[1:], bobs)


# ── many messages ────────────────────────────────────────────────────────────────────────────────────

KIND = VectorKind.of("topics", 2)


async def told(database: Database, index: MessageIndex, agent_id: int) -> Told:
    async with database.read() as connection:
        return await index.told(connection, agent_id, KIND, ZONE)


async def vectors_made(database: Database, index: MessageIndex, agent_id: int, ids: Sequence[int]) -> None:
    async with database.write() as transaction:
        await index.set_vectors(transaction, KIND, [(agent_id, id_, (id_ / 100, 1.0)) for id_ in ids])


def same(one: Told, other: Told) -> bool:
    return one.names == other.names and all(
        np.array_equal(getattr(one, of.name), getattr(other, of.name)) for of in fields(Told) if of.name != "names"
    )


async def test_many_messages_are_taken_in_by_parts_while_all_else_goes_on(
    database: Database, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = MessageIndex()
    ids = await keep(database, index, ada, *(f"I saw {number} cats" for number in range(25)))
    await vectors_made(database, index, ada, ids[::2])
    at_once = await told(database, MessageIndex(), ada)
    monkeypatch.setattr(message_index, "READ_AT_ONCE", 10)
    monkeypatch.setattr(message_index, "MANY", 2)
    goes_on, parts = threading.Event(), list[int]()
    loop, take_in = asyncio.get_running_loop(), message_index._told_of

    def while_the_loop_goes_on(rows: Sequence[Any], *others: Any) -> Told:
        goes_on.clear()
        loop.call_soon_threadsafe(goes_on.set)
        assert goes_on.wait(20), "the loop stands still"
        parts.append(len(rows))
        return take_in(rows, *others)

    monkeypatch.setattr(message_index, "_told_of", while_the_loop_goes_on)
    assert same(await told(database, index, ada), at_once)
    assert parts == [10, 10, 5]
    await vectors_made(database, index, ada, ids[1::2])
    late = await told(database, index, ada)
    assert same(late, await told(database, MessageIndex(), ada))
    assert late.vectors.any(axis=1).all()


async def test_of_too_many_messages_the_newest_are_held(
    database: Database, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_index, "READ_AT_ONCE", 3)
    monkeypatch.setattr(message_index, "MAX_AT_HAND", 8)
    index = MessageIndex()
    ids = await keep(database, index, ada, *map(str, range(20)))
    assert (await told(database, index, ada)).ids.tolist() == ids[-8:]
    ids += await keep(database, index, ada, "one more", "and one")
    assert (await told(database, index, ada)).ids.tolist() == ids[-8:]
    await vectors_made(database, index, ada, ids)
    late = await told(database, index, ada)
    assert same(late, await told(database, MessageIndex(), ada))
    assert late.vectors.any(axis=1).all()


async def test_what_is_removed_while_a_later_part_is_read_is_not_held(
    database: Database, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_index, "READ_AT_ONCE", 2)
    index = Interrupted(database)
    ids = await keep(database, index, ada, *map(str, range(7)))
    index.to_remove = ids[0]
    await held(database, index, ada)
    assert await held(database, index, ada) == ids[1:]
