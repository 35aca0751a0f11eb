"""What is held of an agent's messages while others are removed beside a search."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.database import Database
from memory.message_index import Entry, MessageIndex
from memory.ports import Kind, NewMessage
from memory.recall import RecallStorage
from memory.tables import messages

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
