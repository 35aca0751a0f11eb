"""The vectors of passages: made after the commit, kept in the index, and held against SQL at each start.

SQL is the record. A passage is marked once its vector stands in the index; until then it is found by words alone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, select, update

from memory.archival.passage_words import PassageWords, seen_by
from memory.ports import Embedder, IndexEntry, IndexLost, Vector, VectorIndex, owner_of_source
from memory.search.query_vectors import PATIENCE_S, QueryVectors
from memory.sqlite.database import Database, finish
from memory.sqlite.tables import attachments, documents, passages

logger = logging.getLogger(__name__)

MAX_BY_MEANING = 100
MAX_LOOKED_AT = 2_000
"""Of the nearest, where only those of some days count."""

LIKE_ENOUGH = 0.15
"""Cosine similarity from which a passage counts as found by its meaning."""

_BATCH = 256
"""So many vectors are written together: of half as many at a time, Chroma takes a third longer for each."""

_EMBEDDED_AT_ONCE = 128
"""Of a longer list, some servers take none."""

_WAITING = passages.c.indexed_at.is_(None)
_WITHOUT_VECTOR = (
    select(passages.c.id, passages.c.agent_id, passages.c.heading, passages.c.content, passages.c.tags)
    .add_columns(documents.c.source_id)
    .outerjoin_from(passages, documents, documents.c.id == passages.c.document_id)
    .where(_WAITING)
    .order_by(passages.c.id)
    .limit(_BATCH)
)
_NOTES = passages.c.document_id.is_(None)
_PIECES = passages.c.document_id.is_not(None)

First = TypeVar("First")
Second = TypeVar("Second")

Told = Callable[[int], None]
"""Is told, now and then, how many passages got their vectors so far."""


class PassageVectors:
    """The vectors of all agents' notes and of all sources' pieces."""

    def __init__(
        self,
        database: Database,
        index: VectorIndex,
        embedder: Embedder | None,
        words: PassageWords,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder
        self._words = words
        self._now = now
        self._queries = QueryVectors(embedder) if embedder is not None else None
        self._indexing: asyncio.Task[None] | None = None
        # Who embeds the notes, or the pieces, does so alone, that none is embedded twice; but no note waits for a book.
        self._embedding_notes, self._embedding_pieces = asyncio.Lock(), asyncio.Lock()
        self._changing_index = asyncio.Lock()
        self._is_wanted = False
        self._known_as = ""

    async def begin_anew(self) -> int:
        """Mark every passage as not indexed, for `index_pending`; returns how many there are."""

        async def commit() -> int:
            async with self._database.write(alone=True) as transaction:
                await self._words.empty(transaction)
                return (await transaction.execute(update(passages).values(indexed_at=None, embedder=None))).rowcount

        return await finish(commit())

    async def catch_up(self) -> int:
        """At start: embed what was left without a vector, and anew what another embedder made; returns how many.

        The index is held against SQL: a vector that is missing is made, one of a passage that is gone is removed.
        """
        if self._embedder is None:
            return await self.index_pending()
        try:
            async with self._changing_index:  # what is written meanwhile would pass for a stranger's
                await self._check_index()
        except Exception:  # what waits gets its vectors all the same
            logger.exception("the vector index could not be held against the database")
        of_others = passages.c.embedder.not_like(f"{_escaped(self._embedder.name)}/%", escape="\\")
        await self._update(update(passages).where(of_others).values(indexed_at=None, embedder=None), alone=True)
        return await self.index_pending()

    def index_soon(self) -> None:
        """After a commit: embed the notes that wait, beside what the caller does next.

        Pieces of documents are left to `index_pending`: a search waits for notes, and must not wait for a book.
        """
        self._is_wanted = self._embedder is not None
        if not self._is_wanted:
            return
        if self._indexing is None or self._indexing.done():
            self._indexing = asyncio.create_task(self._index_quietly(), name="index notes")

    async def index_pending(self, told: Told = lambda done: None) -> int:
        """Embed every passage that has no vector; returns how many were done.

        An embedder that cannot be reached leaves the rest for the next call. Without one, only words are indexed.
        """
        if self._embedder is None:
            await self._words.index_waiting()
            return 0
        _, done = await _both(self._words.index_waiting(), self._make_vectors(told))
        return done

    async def waiting(self) -> int:
        """How many passages have no vector yet, and are to get one."""
        if self._embedder is None:
            return 0
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).where(passages.c.indexed_at.is_(None))) or 0

    async def forget(self, owner: int, passage_ids: Sequence[int]) -> None:
        """After the commit that removed passages: remove their vectors, too, as far as that works now.

        One that stays is harmless: what a search finds is looked up in SQL.
        """
        async with self._changing_index:  # a batch under way may be about to write them
            try:
                await self._index.delete(owner, passage_ids)
            except IndexLost as loss:
                await self._forget_index(loss)
                self.index_soon()
            except Exception:
                logger.exception("vectors of removed passages are left behind")

    async def keep_only_known(self) -> int:
        """Write the index anew, without a byte of passages that are gone; returns how many vectors those had."""
        async with self._changing_index:
            try:
                return await self._index.keep_only(await self._owners_of_indexed())
            except IndexLost as loss:
                await self._forget_index(loss)
                return 0

    async def near(
        self, agent_id: int, query: str, tags: Sequence[str], among: Container[int] | None
    ) -> dict[int, float]:
        """How near in meaning an agent's passages are to a query, 1 being the same; at most `MAX_BY_MEANING` of them.

        Empty where there is no embedder to ask, or no index: then words alone find.

        Args:
            agent_id: whose notes and documents.
            query: what is looked for.
            tags: only notes that carry all of them.
            among: only these; None for all.
        """
        if self._queries is None:
            return {}
        if self._indexing is not None and not self._queries.is_silent:
            # A note kept a moment ago is found by its meaning, too.
            await asyncio.wait([self._indexing], timeout=PATIENCE_S)
        vector = await self._queries.of(query)
        if vector is None:
            return {}
        try:
            most = MAX_BY_MEANING if among is None else MAX_LOOKED_AT
            near = await self._nearest(await self._owners(agent_id, tags), vector, tags, most)
        except ConnectionError as error:
            logger.warning("searching by words alone: %s", error)
            return {}
        except Exception:  # the index is a help; without it words still find
            logger.exception("searching by words alone")
            return {}
        near = [found for found in near if among is None or found[0] in among][:MAX_BY_MEANING]
        alike = {id_: likeness for id_, likeness in near if likeness >= LIKE_ENOUGH}
        async with self._database.read() as connection:
            alive = await connection.scalars(select(passages.c.id).where(seen_by(agent_id), passages.c.id.in_(alike)))
        return {id_: alike[id_] for id_ in alive}

    async def close(self) -> None:
        """Finish the notes under way and release the index; what is left waits for the next start."""
        if self._indexing is not None:
            await asyncio.wait([self._indexing])
        await self._index.close()

    async def _index_quietly(self) -> None:
        while self._is_wanted:  # again, if rows came while the last ones were embedded
            self._is_wanted = False
            try:
                await self._make_vectors(notes_only=True)
            except Exception:  # nobody waits for this task; the rows stay marked, and the next call tries again
                logger.exception("notes wait for their vectors")

    async def _make_vectors(self, told: Told = lambda done: None, *, notes_only: bool = False) -> int:
        done = 0

        def add(count: int) -> None:
            nonlocal done
            done += count
            told(done)

        try:
            async with self._embedding_notes:
                await self._index_all(_NOTES, add)
            if not notes_only:
                async with self._embedding_pieces:
                    await self._index_all(_PIECES, add)
        except ConnectionError as error:
            logger.warning("passages wait for their vectors: %s", error)
        return done

    async def _index_all(self, which: ColumnElement[bool], add: Callable[[int], None]) -> None:
        """Batch by batch; while one is written, the next is embedded, which takes about as long."""
        batch = await self._embedded(which, after=0)
        while batch:
            _, following = await _both(self._index_batch(batch, add), self._embedded(which, after=batch[-1][0].id))
            # At the end once more from the beginning: meanwhile, others may have come to wait.
            batch = following or await self._embedded(which, after=0)

    async def _embedded(self, which: ColumnElement[bool], after: int) -> Sequence[tuple[Any, Vector]]:
        """The next passages without a vector, each with the one that it is to get."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_WITHOUT_VECTOR.where(which, passages.c.id > after))).all()
        if not rows:
            return []
        assert self._embedder is not None  # else nothing leads here, nor below
        assert self._queries is not None
        vectors: list[Vector] = []
        for start in range(0, len(rows), _EMBEDDED_AT_ONCE):
            some = rows[start : start + _EMBEDDED_AT_ONCE]
            vectors += await self._embedder.embed([_embedded_text(row) for row in some])
        self._queries.heard()
        return list(zip(rows, vectors, strict=True))

    async def _index_batch(self, batch: Sequence[tuple[Any, Vector]], add: Callable[[int], None]) -> None:
        """Write vectors of passages that are still there, and still wait for one."""
        embedder = await self._embedder_of(batch[0][1])
        async with self._changing_index:
            of_these = passages.c.id.in_([row.id for row, _ in batch])
            async with self._database.read() as connection:
                waiting = set(await connection.scalars(select(passages.c.id).where(of_these, _WAITING)))
            entries: dict[int, list[IndexEntry]] = {}
            for row, vector in batch:
                if row.id in waiting:
                    entries.setdefault(_owner(row), []).append(IndexEntry(row.id, vector, tuple(row.tags)))
            for owner, own in entries.items():
                try:
                    await self._index.upsert(owner, embedder, own)
                except IndexLost as loss:
                    await self._forget_index(loss)
                    await self._index.upsert(owner, embedder, own)
            done_now = update(passages).where(passages.c.id.in_(waiting))
            await self._update(done_now.values(indexed_at=self._now(), embedder=embedder))
        add(len(waiting))

    async def _check_index(self) -> None:
        owner_of = await self._owners_of_indexed()
        if not owner_of:
            return  # nothing was ever indexed: the index need not even be opened
        extra: dict[int, list[int]] = {}
        unseen = set(owner_of)
        try:
            async for owner, id_ in self._index.entries():
                if owner_of.get(id_) == owner:
                    unseen.discard(id_)
                else:
                    extra.setdefault(owner, []).append(id_)
        except IndexLost as loss:
            await self._forget_index(loss)
            return
        for owner, ids in extra.items():
            await self._index.delete(owner, ids)
        missing = list(unseen)
        for begin in range(0, len(missing), _BATCH):
            some = update(passages).where(passages.c.id.in_(missing[begin : begin + _BATCH]))
            await self._update(some.values(indexed_at=None, embedder=None))
        if extra or missing:
            logger.warning(
                "vector index mended: %d removed, %d to be made anew", sum(map(len, extra.values())), len(missing)
            )

    async def _owners_of_indexed(self) -> dict[int, int]:
        async with self._database.read() as connection:
            statement = select(passages.c.id, passages.c.agent_id, documents.c.source_id).outerjoin_from(
                passages, documents, documents.c.id == passages.c.document_id
            )
            rows = await connection.stream(statement.where(passages.c.indexed_at.is_not(None)))
            return {row.id: _owner(row) async for row in rows}

    async def _owners(self, agent_id: int, tags: Sequence[str]) -> Sequence[int]:
        """Whose vectors an agent searches: its own and its sources'; documents have no tags, so with tags its own."""
        if tags:
            return [agent_id]
        attached = select(attachments.c.source_id).where(attachments.c.agent_id == agent_id)
        async with self._database.read() as connection:
            return [agent_id, *map(owner_of_source, await connection.scalars(attached))]

    async def _nearest(
        self, owners: Sequence[int], vector: Vector, tags: Sequence[str], most: int
    ) -> Sequence[tuple[int, float]]:
        embedder = await self._embedder_of(vector)
        try:
            return await self._index.nearest(owners, embedder, vector, tags, most)
        except IndexLost as loss:
            async with self._changing_index:  # a batch under way may be about to mark what went with the old index
                await self._forget_index(loss)
            await self.index_pending()
            return await self._index.nearest(owners, embedder, vector, tags, most)

    async def _embedder_of(self, vector: Vector) -> str:
        """The embedder's name with the vector's dimension; vectors of another dimension are marked to be made anew."""
        assert self._embedder is not None
        name = f"{self._embedder.name}/{len(vector)}"
        if name != self._known_as:
            self._known_as = name
            stale = update(passages).where(passages.c.embedder != name)
            if await self._update(stale.values(indexed_at=None, embedder=None), alone=True):
                self.index_soon()
        return name

    async def _forget_index(self, loss: IndexLost) -> None:
        """Mark every passage as not indexed, so that `index_pending` builds the index anew."""
        logger.info("building the vector index: %s", loss)
        await self._update(update(passages).values(indexed_at=None), alone=True)

    async def _update(self, statement: Any, *, alone: bool = False) -> int:
        """Run one statement in a transaction of its own, to its end; returns how many rows it changed."""

        async def commit() -> int:
            async with self._database.write(alone=alone) as transaction:
                return (await transaction.execute(statement)).rowcount

        return await finish(commit())


async def _both(first: Awaitable[First], second: Awaitable[Second]) -> tuple[First, Second]:
    """Do two things at once; if one fails, that is raised when the other has ended, too."""
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _owner(row: Any) -> int:
    """Whose vector it is."""
    return int(row.agent_id) if row.agent_id is not None else owner_of_source(row.source_id)


def _embedded_text(row: Any) -> str:
    """What a vector is made of: a piece is better found with the headings above it."""
    return f"{row.heading}\n{row.content}" if row.heading else str(row.content)
