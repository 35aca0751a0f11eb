"""What is said is indexed after its commit: in a moment, many messages together, or when a search cannot wait."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import false, select, true, update

from memory.ports import Message
from memory.recall.beside import beside
from memory.recall.message_index import Entry, MessageIndex, may_be_found
from memory.recall.message_vectors import MessageVectors
from memory.recall.rows import from_row, of_agent
from memory.sqlite.database import FEW_ROWS, Database, finish
from memory.sqlite.tables import messages

logger = logging.getLogger(__name__)

INDEXED_AFTER_S = 2.0
"""How long after a message the index is brought up to date, so that one batch serves many."""

_BATCH = 200
_LONG = 50_000
_IS_UNINDEXED = (messages.c.indexed == false()) & messages.c.text.is_not(None)


class MessageIndexing:
    """Keeps an index, and its vectors if there are any, up to date with the messages of all agents."""

    def __init__(self, database: Database, index: MessageIndex, vectors: MessageVectors | None) -> None:
        self._database = database
        self._index = index
        self._vectors = vectors
        self._under_way: asyncio.Task[None] | None = None
        self._is_wanted = False
        self._closing = asyncio.Event()
        self._one_batch = asyncio.Lock()
        self._changed: list[tuple[int, Sequence[int]]] = []

    def soon(self) -> None:
        """After a commit: catch up in a moment, with all that is said until then; a search waits for words alone.

        Message by message it would cost as much again as the turn itself.
        """
        self._is_wanted = True
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._catch_up_quietly(), name="index messages")

    async def catch_up(self, told: Callable[[int], None]) -> None:
        """Index what is not indexed yet, and make the vectors that are missing; `told` is how many were made so far."""
        await self.words()
        if self._vectors is not None:
            await self._vectors.make_missing(told, self._closing.is_set)

    async def words(self, agent_id: int | None = None) -> None:
        """Index the messages of an agent that are not yet, but for their vectors; None: of all agents."""
        while not self._closing.is_set() and await self._index_some(agent_id):
            pass

    async def begin_anew(self) -> int:
        """Empty the index, for `catch_up` to fill; returns how many messages that are."""

        async def commit() -> int:
            async with self._database.write(alone=True) as transaction:
                await self._index.empty(transaction)
                said = update(messages).where(messages.c.text.is_not(None)).values(indexed=False)
                return (await transaction.execute(said)).rowcount

        return await finish(commit())

    @asynccontextmanager
    async def pausing(self) -> AsyncIterator[None]:
        """Inside, messages may change, and each is told to `changed`: none is indexed by what it says no more."""
        async with self._one_batch:
            self._changed.clear()
            try:
                yield
            finally:
                for agent_id, message_ids in self._changed:
                    self._forget_read(agent_id, message_ids)

    def changed(self, agent_id: int, message_ids: Sequence[int]) -> None:
        """Inside `pausing`: these get another text, or go."""
        self._changed.append((agent_id, message_ids))
        self._forget_read(agent_id, message_ids)

    async def close(self) -> None:
        """End what is under way beside, after the batch at hand; what is left waits for the next start."""
        self._closing.set()
        if self._under_way is not None:
            await asyncio.wait([self._under_way])

    def _forget_read(self, agent_id: int, message_ids: Sequence[int]) -> None:
        """Before the commit and after it: what is read in between is of no use, either."""
        self._index.let_go(agent_id)
        if self._vectors is not None:
            self._vectors.rewritten(message_ids)

    async def _catch_up_quietly(self) -> None:
        while self._is_wanted:  # again, if messages came meanwhile
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), INDEXED_AFTER_S)
                return
            self._is_wanted = False
            try:
                await self.catch_up(lambda done: None)
            except Exception:  # nobody waits for this task; the rows stay marked, and the next call tries again
                logger.exception("messages wait to be indexed")

    async def _index_some(self, agent_id: int | None) -> bool:
        """Returns whether more may wait; what comes meanwhile is for the next time, with others."""
        of_whom = true() if agent_id is None else of_agent(agent_id)
        async with self._one_batch:  # a search and the task beside it may come to the same messages
            async with self._database.read() as connection:
                waiting = select(messages).where(of_whom, _IS_UNINDEXED)
                by_agent = waiting.order_by(messages.c.agent_id, messages.c.id)  # as they stand in their index
                rows = (await connection.execute(by_agent.limit(_BATCH))).all()
            if rows:
                await finish(self._index_these([(row.agent_id, from_row(row)) for row in rows]))
        return len(rows) == _BATCH

    async def _index_these(self, waiting: Sequence[tuple[int, Message]]) -> None:
        said = [(agent_id, message) for agent_id, message in waiting if may_be_found(message)]
        length = sum(len(message.text or "") for _, message in said)
        entries = await beside(length, _LONG, _entries_of, said)
        async with self._database.write(alone=len(waiting) > FEW_ROWS) as transaction:
            ids = [message.id for _, message in waiting]
            untaken = update(messages).where(messages.c.id.in_(ids), messages.c.indexed == false())
            taken = set(await transaction.scalars(untaken.values(indexed=True).returning(messages.c.id)))
            await self._index.add(transaction, [entry for entry in entries if entry.message_id in taken])


def _entries_of(said: Sequence[tuple[int, Message]]) -> list[Entry]:
    return [Entry.of(agent_id, message) for agent_id, message in said]
