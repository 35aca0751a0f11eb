"""Archival storage: the agent's notes and the documents attached to it, found by meaning and by words.

SQL is the record. Vectors follow after the commit (`memory.archival.passage_vectors`), so a note is never lost
to an embedder that is down; until its vector stands in the index it is found by words alone.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.archival.note_tags import add_tags, take_tags, take_tags_back
from memory.archival.notes import digest_of
from memory.archival.passage_vectors import PassageVectors, Told
from memory.archival.passage_words import PassageWords, attached_to, seen_by
from memory.core.change_journal import added_at, name_source_of_notes, write_note_edits
from memory.erasing.traces import AGENT
from memory.ports import Embedder, Found, NewPassage, NoteAction, NoteEdit, Passage, PassageKind, VectorIndex
from memory.search.narrowing import narrowed
from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import documents, passages

WORDS, MEANING = 1.0, 0.8
"""What the best by its words counts, and the best by its meaning: as in `memory.search.ranking`."""

REPLACED = "archival_memory_replace"

UTC = ZoneInfo("UTC")

_INSERT = insert(passages).returning(passages.c.id)


class ArchivalStorage:
    """Passages of all agents and sources; every read names one agent, and sees its notes and what is attached to it."""

    def __init__(
        self, database: Database, index: VectorIndex, embedder: Embedder | None, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._words = PassageWords(database)
        self._vectors = PassageVectors(database, index, embedder, self._words, now)
        self._made_of = (index, embedder, now)

    def laid_out_in(self, database: Database) -> "ArchivalStorage":
        """The same of another database, for a moment: what is kept there is not to be indexed."""
        return ArchivalStorage(database, *self._made_of)

    async def insert(
        self, transaction: Transaction, agent_id: int, new: Sequence[NewPassage], change_id: int | None = None
    ) -> tuple[int, ...]:
        """Keep notes; call `index_soon` after the commit.

        A note that the agent keeps already (white space aside) is not kept again; tags that are new come to it.

        Args:
            transaction: that of the step.
            agent_id: whose notes.
            new: what is to be kept.
            change_id: the change that they are a part of, for the journal; None: they are not written into it.

        Returns:
            An id for each of `new`.
        """
        kept = [await self._insert_one(transaction, agent_id, passage) for passage in new]
        if change_id is not None:
            await write_note_edits(transaction, agent_id, change_id, [edit for _, edit in kept if edit is not None])
        return tuple(id_ for id_, _ in kept)

    async def replace(
        self, transaction: Transaction, agent_id: int, note_ids: Sequence[int], change_id: int, now: datetime
    ) -> None:
        """Remove notes for which others stand from now on, and write it into the journal, from which they come back.

        Those that are gone by then are passed over. Call `forget` with their ids after the commit.
        """
        if not note_ids:
            return
        notes = [note for note in await self._read(transaction, agent_id, note_ids) if note.document is None]
        await self.remove(transaction, agent_id, [note.id for note in notes])
        edits = [
            NoteEdit(NoteAction.REMOVED, note.content, note.tags, AGENT, REPLACED, note.source_message_id, now)
            for note in notes
        ]
        await write_note_edits(transaction, agent_id, change_id, edits)

    async def remove_from(
        self, transaction: Transaction, agent_id: int, source_message_ids: Sequence[int]
    ) -> tuple[Passage, ...]:
        """Remove the notes that came from these messages, and the tags that they brought to others.

        Call `forget` with their ids and `index_soon` after the commit.
        """
        notes = await self.notes_from(transaction, agent_id, source_message_ids)
        await self.remove(transaction, agent_id, [note.id for note in notes])
        await take_tags_back(transaction, agent_id, source_message_ids)
        return notes

    async def unmade(
        self, transaction: Transaction, agent_id: int, made: NoteEdit, author: str, reason: str, now: datetime
    ) -> tuple[Passage, NoteEdit] | None:
        """Take back what was done to a note: the note as it was until now, and what was done for that.

        None if there is nothing to take back any more. Call `forget` for a note that was removed, and `index_soon`,
        after the commit.
        """
        edit = replace(made, author=author, reason=reason, created_at=now)
        note = (await transaction.execute(_same_as(agent_id, edit.content))).first()
        if edit.action is NoteAction.REMOVED:
            if note is not None:
                return None
            kept_at = await added_at(transaction, agent_id, made.content) or made.created_at
            again = NewPassage(
                content=made.content,
                tags=made.tags,
                source_message_id=made.source_message_id,
                created_at=kept_at,
            )
            id_, _ = await self._insert_one(transaction, agent_id, again)
            (kept,) = await self._read(transaction, agent_id, [id_])
            return kept, replace(edit, action=NoteAction.ADDED)
        if note is None:
            return None
        (kept,) = await self._read(transaction, agent_id, [note.id])
        if edit.action is NoteAction.ADDED:
            await self.remove(transaction, agent_id, [kept.id])
            return kept, replace(edit, action=NoteAction.REMOVED, content=kept.content, tags=kept.tags)
        gone = tuple(tag for tag in edit.tags if tag in kept.tags)
        if edit.action is not NoteAction.TAGGED or not gone:
            return None
        await take_tags(transaction, agent_id, kept.id, gone)
        return kept, replace(edit, action=NoteAction.UNTAGGED, tags=gone)

    async def notes_from(
        self,
        transaction: Transaction,
        agent_id: int,
        source_message_ids: Collection[int],
        contents: Collection[str] = (),
    ) -> tuple[Passage, ...]:
        """The notes that came from these messages, or say just that, as they stand in an open transaction."""
        of_these = (
            passages.c.agent_id == agent_id,
            passages.c.kind == PassageKind.NOTE,
            passages.c.source_message_id.in_(source_message_ids)
            | passages.c.digest.in_([digest_of(content) for content in contents]),
        )
        rows = await transaction.execute(
            select(passages, documents.c.name.label("document"))
            .outerjoin_from(passages, documents, documents.c.id == passages.c.document_id)
            .where(*of_these)
        )
        return tuple(_from_row(row) for row in rows)

    async def remove(self, transaction: Transaction, agent_id: int, note_ids: Sequence[int]) -> None:
        """Remove notes. Call `forget` and `index_soon` after the commit."""
        await transaction.execute(delete(passages).where(passages.c.agent_id == agent_id, passages.c.id.in_(note_ids)))

    async def name_source(
        self, transaction: Transaction, agent_id: int, source_message_id: int, instead: int | None
    ) -> None:
        """Let notes that came from one message name another one, or none; in their journal as well."""
        of_it = (
            passages.c.agent_id == agent_id,
            passages.c.source_message_id == source_message_id,
            passages.c.kind == PassageKind.NOTE,
        )
        await transaction.execute(update(passages).where(*of_it).values(source_message_id=instead))
        await name_source_of_notes(transaction, agent_id, [source_message_id], instead)

    async def forget_words(self) -> None:
        """After notes were removed: write the index of words anew, part by part, without theirs."""
        await self._words.merge()

    async def count(self, agent_id: int) -> int:
        """How many notes the agent keeps; what only primes it is none."""
        return await self._count((passages.c.agent_id == agent_id) & (passages.c.kind == PassageKind.NOTE))

    async def count_pieces(self, agent_id: int) -> int:
        """How many pieces there are of the documents attached to the agent."""
        return await self._count(passages.c.document_id.in_(attached_to(agent_id)))

    async def search(
        self, agent_id: int, query: str, tags: Sequence[str] = (), *, zone: ZoneInfo = UTC
    ) -> tuple[int, ...]:
        """The ids alone of what `find` finds."""
        return (await self.find(agent_id, query, tags, zone=zone)).ids

    async def find(self, agent_id: int, query: str, tags: Sequence[str] = (), *, zone: ZoneInfo = UTC) -> Found:
        """Passages near the query in meaning or sharing words with it, best first.

        Args:
            agent_id: whose notes and documents.
            query: what is looked for; `after:`, `before:` and `on:` narrow it to the days when notes were kept, or
                documents loaded (see `memory.search.narrowing`).
            tags: only notes that carry all of them.
            zone: whose days they are.
        """
        asked, is_cut = narrowed(query), False
        own = await self._count(passages.c.agent_id == agent_id)
        if not own and (tags or not await self.count_pieces(agent_id)):
            return Found((), False, asked.untaken)  # a new agent opens no index
        in_time = await self._kept_between(agent_id, *asked.moments(zone)) if asked.narrows else None
        if in_time is not None and not asked.words:
            near, holding = {}, dict.fromkeys(in_time, 1.0)
        else:
            near = await self._vectors.near(agent_id, asked.words, tags, in_time)
            holding, is_cut = await self._words.search(agent_id, asked.words, notes_only=bool(tags))
        if in_time is not None:
            holding = {id_: score for id_, score in holding.items() if id_ in in_time}
        if tags:
            carrying = {note.id for note in await self.get(agent_id, list(holding)) if set(tags) <= set(note.tags)}
            holding = {id_: score for id_, score in holding.items() if id_ in carrying}
        nearest = max(near.values(), default=1.0)
        scores = {id_: WORDS * holding.get(id_, 0.0) + MEANING * near.get(id_, 0.0) / nearest for id_ in near | holding}
        best_first = sorted(scores, key=lambda id_: (-round(scores[id_], 6), -id_))  # of equals, the newer first
        return Found(tuple(best_first), is_cut, asked.untaken)

    async def newest(self, agent_id: int, since: datetime, limit: int) -> tuple[Passage, ...]:
        """The agent's newest notes that were kept since a moment, the newest first."""
        of_agent = (passages.c.agent_id == agent_id, passages.c.kind == PassageKind.NOTE)
        found = select(passages.c.id).where(*of_agent, passages.c.created_at >= since)
        async with self._database.read() as connection:
            ids = list(await connection.scalars(found.order_by(passages.c.id.desc()).limit(limit)))
            return await self._read(connection, agent_id, ids)

    async def find_same(self, agent_id: int, content: str) -> Passage | None:
        """The note of this content (white space aside), if the agent keeps it."""
        async with self._database.read() as connection:
            row = (await connection.execute(_same_as(agent_id, content))).first()
        return (await self.get(agent_id, [row.id]))[0] if row else None

    async def get(self, agent_id: int, ids: Sequence[int]) -> tuple[Passage, ...]:
        """Passages in the order of `ids`; those that are gone are left out."""
        async with self._database.read() as connection:
            return await self._read(connection, agent_id, ids)

    # ── its indexes: see `PassageVectors` ────────────────────────────────────────────────────────────

    def index_soon(self) -> None:
        """After a commit: embed the notes that wait, beside what the caller does next."""
        self._vectors.index_soon()

    async def index_pending(self, told: Told = lambda done: None) -> int:
        """Embed every passage that has no vector; returns how many were done."""
        return await self._vectors.index_pending(told)

    async def waiting(self) -> int:
        """How many passages have no vector yet."""
        return await self._vectors.waiting()

    async def begin_anew(self) -> int:
        """Mark every passage as not indexed, for `index_pending`; returns how many there are."""
        return await self._vectors.begin_anew()

    async def catch_up(self) -> int:
        """At start: hold the index against SQL, and embed what is missing; returns how many passages that were."""
        return await self._vectors.catch_up()

    async def forget(self, owner: int, passage_ids: Sequence[int]) -> None:
        """After the commit that removed passages: remove their vectors, too, as far as that works now."""
        await self._vectors.forget(owner, passage_ids)

    async def keep_only_known(self) -> int:
        """Leave no vector of a removed passage in any file; returns how many there were."""
        return await self._vectors.keep_only_known()

    async def close(self) -> None:
        """Finish the notes under way and release the index; what is left waits for the next start."""
        await self._vectors.close()

    async def _read(self, connection: AsyncConnection, agent_id: int, ids: Sequence[int]) -> tuple[Passage, ...]:
        rows = await connection.execute(
            select(passages, documents.c.name.label("document"))
            .outerjoin_from(passages, documents, documents.c.id == passages.c.document_id)
            .where(seen_by(agent_id), passages.c.id.in_(ids))
        )
        found = {row.id: _from_row(row) for row in rows}
        return tuple(found[id_] for id_ in ids if id_ in found)

    async def _insert_one(
        self, transaction: Transaction, agent_id: int, new: NewPassage
    ) -> tuple[int, NoteEdit | None]:
        """The note's id, and what was done for it."""
        kept = (await transaction.execute(_same_as(agent_id, new.content))).first()
        if kept is None:
            row = {
                "agent_id": agent_id,
                "content": new.content,
                "tags": list(new.tags),
                "source_message_id": new.source_message_id,
                "created_at": new.created_at,
            }
            id_ = int((await transaction.execute(_INSERT, row)).scalar_one())
            return id_, _edit(NoteAction.ADDED, new, new.content, new.tags)
        tags = await add_tags(transaction, agent_id, kept.id, new.tags, new.source_message_id)
        return int(kept.id), _edit(NoteAction.TAGGED, new, kept.content, tags) if tags else None

    async def _count(self, which: ColumnElement[bool]) -> int:
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(passages).where(which)) or 0

    async def _kept_between(self, agent_id: int, since: datetime | None, until: datetime | None) -> set[int]:
        when = [] if since is None else [passages.c.created_at >= since]
        when += [] if until is None else [passages.c.created_at < until]
        async with self._database.read() as connection:
            return set(await connection.scalars(select(passages.c.id).where(seen_by(agent_id), *when)))


def _same_as(agent_id: int, content: str) -> Select[Any]:
    of_agent = (passages.c.agent_id == agent_id, passages.c.digest == digest_of(content))
    return select(passages.c.id, passages.c.content).where(*of_agent).limit(1)


def _edit(action: NoteAction, new: NewPassage, content: str, tags: Sequence[str]) -> NoteEdit:
    reason = "archival_memory_insert"
    return NoteEdit(action, content, tuple(tags), AGENT, reason, new.source_message_id, new.created_at)


def _from_row(row: Any) -> Passage:
    return Passage(
        id=row.id,
        content=row.content,
        tags=tuple(row.tags),
        source_message_id=row.source_message_id,
        created_at=row.created_at,
        document=row.document,
        heading=row.heading,
        page=row.page,
        kind=PassageKind(row.kind),
    )
