"""Archival storage: notes that the agent chose to keep, found by meaning and by words, as long as it lives.

SQL is the record. Vectors follow after the commit, so a note is never lost to an embedder that is down;
until its vector stands in the index it is found by words alone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, or_, select, update

from memory.database import Database, Transaction, finish
from memory.ports import Embedder, IndexEntry, IndexLost, NewPassage, Passage, Vector, VectorIndex
from memory.search import best_first, blend, like_patterns, query_words, rank_by_words
from memory.tables import passages

logger = logging.getLogger(__name__)

MAX_BY_MEANING = 100
LIKE_ENOUGH = 0.15
"""Cosine similarity from which a passage counts as found by its meaning."""

MAX_CANDIDATES = 5000
_BATCH = 64
_INSERT = insert(passages).returning(passages.c.id, sort_by_parameter_order=True)


class ArchivalStorage:
    """Passages of all agents; every read names one agent."""

    def __init__(self, database: Database, index: VectorIndex, embedder: Embedder, now: Callable[[], datetime]) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder
        self._now = now
        self._indexing: asyncio.Task[None] | None = None
        self._is_wanted = False
        self._known_as = ""

    async def insert(self, transaction: Transaction, agent_id: int, new: Sequence[NewPassage]) -> tuple[int, ...]:
        """Keep passages; call `index_pending` after the commit."""
        if not new:
            return ()
        rows = [
            {
                "agent_id": agent_id,
                "content": passage.content,
                "tags": list(passage.tags),
                "source_message_id": passage.source_message_id,
                "created_at": passage.created_at,
            }
            for passage in new
        ]
        return tuple((await transaction.execute(_INSERT, rows)).scalars().all())

    async def catch_up(self) -> int:
        """At start: embed what was left without a vector, and anew what another embedder made; returns how many."""
        of_others = passages.c.embedder.not_like(f"{_escaped(self._embedder.name)}/%", escape="\\")
        await self._update(update(passages).where(of_others).values(indexed_at=None, embedder=None))
        return await self.index_pending()

    def index_soon(self) -> None:
        """After a commit: embed what waits, beside what the caller does next."""
        self._is_wanted = True
        if self._indexing is None or self._indexing.done():
            self._indexing = asyncio.create_task(self._index_quietly(), name="index notes")

    async def index_pending(self) -> int:
        """Embed every passage that has no vector; returns how many were done.

        An embedder that cannot be reached leaves the rest for the next call.
        """
        pending = passages.c.indexed_at.is_(None)
        done = 0
        while True:
            async with self._database.read() as connection:
                rows = (
                    await connection.execute(select(passages).where(pending).order_by(passages.c.id).limit(_BATCH))
                ).all()
            if not rows:
                return done
            try:
                vectors = await self._embedder.embed([row.content for row in rows])
            except ConnectionError as error:
                logger.warning("notes wait for their vectors: %s", error)
                return done
            embedder = await self._embedder_of(vectors[0])
            for agent_id in dict.fromkeys(row.agent_id for row in rows):
                entries = [
                    IndexEntry(row.id, vector, tuple(row.tags))
                    for row, vector in zip(rows, vectors, strict=True)
                    if row.agent_id == agent_id
                ]
                try:
                    await self._index.upsert(agent_id, embedder, entries)
                except IndexLost as loss:
                    await self._forget_index(loss)
                    await self._index.upsert(agent_id, embedder, entries)
            done_now = update(passages).where(passages.c.id.in_([row.id for row in rows]))
            await self._update(done_now.values(indexed_at=self._now(), embedder=embedder))
            done += len(rows)

    async def count(self, agent_id: int) -> int:
        """How many passages the agent keeps."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).where(passages.c.agent_id == agent_id)) or 0

    async def search(self, agent_id: int, query: str, tags: Sequence[str] = ()) -> tuple[int, ...]:
        """Ids of passages near the query in meaning or sharing words with it, best first.

        `tags`: only passages that carry all of them.
        """
        if not await self.count(agent_id):
            return ()  # a new agent opens no index
        by_meaning = await self._by_meaning(agent_id, query, tags)
        by_words = await self._by_words(agent_id, query, tags)
        return best_first(blend([(1.0, by_meaning), (1.0, by_words)]))

    async def get(self, agent_id: int, ids: Sequence[int]) -> tuple[Passage, ...]:
        """Passages in the order of `ids`; those that are gone are left out."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(passages).where(passages.c.agent_id == agent_id, passages.c.id.in_(ids))
            )
            found = {row.id: _from_row(row) for row in rows}
        return tuple(found[id_] for id_ in ids if id_ in found)

    async def close(self) -> None:
        """Finish the notes under way and release the index; what is left waits for the next start."""
        if self._indexing is not None:
            await asyncio.wait([self._indexing])
        await self._index.close()

    async def _index_quietly(self) -> None:
        while self._is_wanted:  # again, if rows came while the last ones were embedded
            self._is_wanted = False
            try:
                await self.index_pending()
            except Exception:  # nobody waits for this task; the rows stay marked, and the next call tries again
                logger.exception("notes wait for their vectors")

    async def _by_meaning(self, agent_id: int, query: str, tags: Sequence[str]) -> dict[int, float]:
        if self._indexing is not None:
            await asyncio.wait([self._indexing])  # a note kept a moment ago is found by its meaning, too
        try:
            (vector,) = await self._embedder.embed([query])
            near = await self._nearest(agent_id, vector, tags)
        except ConnectionError as error:
            logger.warning("searching by words alone: %s", error)
            return {}
        except Exception:  # the index is a help; without it words still find
            logger.exception("searching by words alone")
            return {}
        alive = {passage.id for passage in await self.get(agent_id, [id_ for id_, _ in near])}
        return {id_: likeness for id_, likeness in near if likeness >= LIKE_ENOUGH and id_ in alive}

    async def _nearest(self, agent_id: int, vector: Vector, tags: Sequence[str]) -> Sequence[tuple[int, float]]:
        embedder = await self._embedder_of(vector)
        try:
            return await self._index.nearest(agent_id, embedder, vector, tags, MAX_BY_MEANING)
        except IndexLost as loss:
            await self._forget_index(loss)
            await self.index_pending()
            return await self._index.nearest(agent_id, embedder, vector, tags, MAX_BY_MEANING)

    async def _embedder_of(self, vector: Vector) -> str:
        """The embedder's name with the vector's dimension; vectors of another dimension are marked to be made anew."""
        name = f"{self._embedder.name}/{len(vector)}"
        if name != self._known_as:
            self._known_as = name
            stale = update(passages).where(passages.c.embedder != name)
            if await self._update(stale.values(indexed_at=None, embedder=None)):
                self.index_soon()
        return name

    async def _forget_index(self, loss: IndexLost) -> None:
        """Mark every passage as not indexed, so that `index_pending` builds the index anew."""
        logger.info("building the vector index: %s", loss)
        await self._update(update(passages).values(indexed_at=None))

    async def _update(self, statement: Any) -> int:
        """Run one statement in a transaction of its own, to its end; returns how many rows it changed."""

        async def commit() -> int:
            async with self._database.write() as transaction:
                return (await transaction.execute(statement)).rowcount

        return await finish(commit())

    async def _by_words(self, agent_id: int, query: str, tags: Sequence[str]) -> dict[int, float]:
        words = query_words(query)
        if not words:
            return {}
        shares_a_word = or_(
            *(passages.c.content.like(pattern, escape="\\") for word in words for pattern in like_patterns(word))
        )
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(passages.c.id, passages.c.content, passages.c.tags)
                .where(passages.c.agent_id == agent_id, shares_a_word)
                .order_by(passages.c.id.desc())
                .limit(MAX_CANDIDATES)
            )
            texts = {id_: content for id_, content, own in rows if set(tags) <= set(own)}
        return rank_by_words(words, texts)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _from_row(row: Any) -> Passage:
    return Passage(
        id=row.id,
        content=row.content,
        tags=tuple(row.tags),
        source_message_id=row.source_message_id,
        created_at=row.created_at,
    )
