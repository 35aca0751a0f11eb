"""Vectors of messages, made after the commit: until a message has its own it is found by words alone."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from memory.ports import Embedder, Vector
from memory.recall.message_index import MessageIndex, VectorKind
from memory.search.query_vectors import QueryVectors
from memory.sqlite.database import FEW_ROWS, Database, finish
from memory.sqlite.tables import message_index, messages

logger = logging.getLogger(__name__)

_BATCH = 128


class MessageVectors:
    """Makes the vectors of one embedder."""

    def __init__(self, database: Database, index: MessageIndex, embedder: Embedder) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder
        self._queries = QueryVectors(embedder)
        self._kind: VectorKind | None = None
        self._rewritten: dict[int, int] = {}
        """Messages that got another text, and the number of the change."""
        self._changes = 0

    def rewritten(self, message_ids: Iterable[int]) -> None:
        """These messages get another text, or have just got it: what is made of an older one is not kept."""
        self._changes += 1
        self._rewritten |= dict.fromkeys(message_ids, self._changes)

    async def kind(self) -> VectorKind | None:
        """What this embedder makes; None while it cannot be reached and nothing was made yet."""
        if self._kind is None:
            await self.of("?")
        return self._kind

    async def of(self, text: str) -> Vector | None:
        """The vector of a query; None if the embedder cannot be reached."""
        vector = await self._queries.of(text)
        if vector is not None:
            self._kind = VectorKind.of(self._embedder.name, len(vector))
        return vector

    async def make_missing(
        self, told: Callable[[int], None] = lambda done: None, is_over: Callable[[], bool] = lambda: False
    ) -> int:
        """Make the vectors of all messages that have none of this embedder's; returns how many.

        An embedder that cannot be reached leaves the rest for the next call.

        Args:
            told: is told how many were made so far.
            is_over: whether to stop before the next batch.
        """
        done = 0
        while not is_over():
            changes = self._changes
            if not (rows := await self._missing()):
                break
            try:
                vectors = await self._embedder.embed([row.text for row in rows])
            except ConnectionError as error:
                logger.warning("messages wait for their vectors: %s", error)
                return done
            self._queries.heard()
            self._kind = VectorKind.of(self._embedder.name, len(vectors[0]))
            await finish(self._keep(rows, vectors, self._kind, changes))
            done += len(rows)
            told(done)
        return done

    async def _missing(self) -> Sequence[Any]:
        """Some messages without a vector, or else with one that another embedder made."""
        by, kind = message_index.c.embedder, self._kind
        if kind is None:
            return await self._some(by.is_(None))
        return await self._some(by.is_(None)) or await self._some(or_(by < kind.checksum, by > kind.checksum))

    async def _some(self, which: ColumnElement[bool]) -> Sequence[Any]:
        statement = (
            select(message_index.c.agent_id, message_index.c.message_id, messages.c.text)
            .join(
                messages,
                (messages.c.agent_id == message_index.c.agent_id) & (messages.c.id == message_index.c.message_id),
            )
            .where(which)
            .limit(_BATCH)
        )
        async with self._database.read() as connection:
            return (await connection.execute(statement)).all()

    async def _keep(self, rows: Sequence[Any], vectors: Sequence[Vector], kind: VectorKind, changes: int) -> None:
        async with self._database.write(alone=len(rows) > FEW_ROWS) as transaction:
            made = [
                (row.agent_id, row.message_id, vector)
                for row, vector in zip(rows, vectors, strict=True)
                if self._rewritten.get(row.message_id, 0) <= changes
            ]
            await self._index.set_vectors(transaction, kind, made)
