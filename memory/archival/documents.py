"""Documents in archival storage: kept once, in sources, and attached to any number of agents.

A document is put or removed in one transaction, so that whoever is killed leaves whole ones only. What is removed
returns the ids of its pieces: their vectors are to be forgotten after the commit (`ArchivalStorage.forget`).
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.archival.chunks import Piece
from memory.ports import Source, SourceNotFound
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.tables import agents, attachments, documents, passages, sources

PRELOADED = "preloaded (MEMORY_PRELOAD)"
"""The source that every agent has, from its first day on."""

_BATCH = 500
_NUMBERED_CHARS = 190

IS_ONES = sources.c.name != PRELOADED
"""Of a source: somebody loaded it, so it goes with those who have it."""

ARE_ONES = attachments.c.source_id.in_(select(sources.c.id).where(IS_ONES))
"""Of attachments: the same."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Pieces that are gone, and the source that they were of."""

    source_id: int
    passage_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """The digest of the file that a document was made of, and its path; None where that is not known."""

    digest: str
    path: str | None


@dataclass(frozen=True, slots=True)
class LoadedSource:
    """A source as files are loaded into it: its name, the words that named them, and its documents by name.

    `origin` is None where it was given its name.
    """

    name: str
    origin: str | None
    documents: Mapping[str, LoadedDocument]


class Documents:
    """Sources, their documents, and whom they are attached to."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def name_for(self, origin: str, wanted: str) -> str:
        """The name of the source that was loaded from there, or else a free one, as near to the wanted as can be.

        Another source of that name is somebody else's: what is in it stays as it is, and with those who have it.
        """
        async with self._database.read() as connection:
            known = await connection.scalar(select(sources.c.name).where(sources.c.origin == origin))
            return str(known) if known is not None else await free_name(connection, wanted)

    async def loaded(self, source: str) -> LoadedSource:
        """A source as it stands; one that is not there has no documents."""
        async with self._database.read() as connection:
            found = await _loaded(connection, sources.c.name == source)
        return found[0] if found else LoadedSource(source, None, {})

    async def loaded_for(self, agent_id: int) -> tuple[LoadedSource, ...]:
        """The agent's sources that files were loaded into; not what came with messages, for it goes with them."""
        own = select(attachments.c.source_id).where(attachments.c.agent_id == agent_id)
        async with self._database.read() as connection:
            return await _loaded(connection, sources.c.id.in_(own), documents.c.came_with.is_(None))

    async def put(
        self,
        source: str,
        name: str,
        digest: str,
        pieces: Sequence[Piece],
        origin: str | None = None,
        path: str | None = None,
    ) -> Removed:
        """Keep a document, in the place of the one of that name; a source that is not there is made.

        Args:
            source: its name.
            name: the document's.
            digest: of the file.
            pieces: what it says.
            origin: the words that a source which is made now was loaded by.
            path: of the file.
        """

        async def commit() -> Removed:
            async with self._database.write(alone=True) as transaction:
                now = self._now()
                source_id = await source_named(transaction, source)
                if source_id is None:
                    source_id = await add_source(transaction, source, now, origin)
                at = (documents.c.source_id == source_id) & (documents.c.name == name)
                document_id = await transaction.scalar(select(documents.c.id).where(at))
                gone: tuple[int, ...] = ()
                if document_id is None:
                    document_id = await add_document(transaction, source_id, name, digest, now, path=path)
                else:
                    own = delete(passages).where(passages.c.document_id == document_id).returning(passages.c.id)
                    gone = tuple((await transaction.execute(own)).scalars())
                    values = {"digest": digest, "loaded_at": now, "path": path}
                    await transaction.execute(update(documents).where(at).values(values))
                for start in range(0, len(pieces), _BATCH):
                    await add_pieces(transaction, document_id, pieces[start : start + _BATCH], now)
                return Removed(source_id, gone)

        return await finish(commit())

    async def remember(self, paths: Mapping[tuple[str, str], str]) -> None:
        """The paths of documents that are as they were, each given as its source's name and its own."""
        if not paths:
            return

        async def commit() -> None:
            async with self._database.write(alone=True) as transaction:
                of_source = select(sources.c.id).where(sources.c.name == bindparam("in_source")).scalar_subquery()
                which = (documents.c.source_id == of_source) & (documents.c.name == bindparam("called"))
                rows = [{"in_source": source, "called": name, "at": path} for (source, name), path in paths.items()]
                await transaction.execute(update(documents).where(which).values(path=bindparam("at")), rows)

        await finish(commit())

    async def adopt(self, source: str, origin: str) -> None:
        """From now on these words lead to the source, which had none."""

        async def commit() -> None:
            async with self._database.write(alone=True) as transaction:
                which = (sources.c.name == source) & sources.c.origin.is_(None)
                await transaction.execute(update(sources).where(which).values(origin=origin))

        await finish(commit())

    async def drop(self, source: str, names: Collection[str]) -> tuple[Removed, int]:
        """Remove a source's documents of these names; also returns how many those were."""

        async def commit() -> tuple[Removed, int]:
            async with self._database.write(alone=True) as transaction:
                source_id = await _known(transaction, source)
                rows = await transaction.execute(
                    select(documents.c.id, documents.c.name).where(documents.c.source_id == source_id)
                )
                chosen = [id_ for id_, name in rows if name in names]
                gone: list[int] = []
                for start in range(0, len(chosen), _BATCH):
                    some = chosen[start : start + _BATCH]
                    gone += await transaction.scalars(
                        delete(passages).where(passages.c.document_id.in_(some)).returning(passages.c.id)
                    )
                    await transaction.execute(delete(documents).where(documents.c.id.in_(some)))
                return Removed(source_id, tuple(gone)), len(chosen)

        return await finish(commit())

    async def remove(self, source: str) -> Removed:
        """Remove a source with its documents, from every agent."""

        async def commit() -> Removed:
            async with self._database.write(alone=True) as transaction:
                return await _remove(transaction, await _known(transaction, source))

        return await finish(commit())

    async def supersede(self, agent_id: int, source: str) -> Removed:
        """Take a source from an agent that has all of it in another one; it goes if nobody else has it."""

        async def commit() -> Removed:
            async with self._database.write(alone=True) as transaction:
                source_id = await _known(transaction, source)
                whose = attachments.c.source_id == source_id
                await transaction.execute(delete(attachments).where(whose, attachments.c.agent_id == agent_id))
                if await transaction.scalar(select(attachments.c.agent_id).where(whose).limit(1)) is not None:
                    return Removed(source_id, ())
                return await _remove(transaction, source_id)

        return await finish(commit())

    async def attach(self, agent_id: int, source: str) -> bool:
        """Let an agent search a source; returns whether it could not before."""

        async def commit() -> bool:
            async with self._database.write() as transaction:
                return await attach(transaction, agent_id, await _known(transaction, source), self._now())

        return await finish(commit())

    async def attach_to_all(self, source: str) -> None:
        """Attach a source to every agent that there is."""

        async def commit() -> None:
            async with self._database.write() as transaction:
                source_id = await _known(transaction, source)
                having = select(attachments.c.agent_id).where(attachments.c.source_id == source_id)
                without = await transaction.scalars(select(agents.c.id).where(agents.c.id.not_in(having)))
                for agent_id in list(without):
                    await attach(transaction, agent_id, source_id, self._now())

        await finish(commit())

    async def detach(self, agent_id: int, source: str) -> bool:
        """Take a source from an agent; returns whether it had it. The documents stay."""

        async def commit() -> bool:
            async with self._database.write() as transaction:
                source_id = await _known(transaction, source)
                own = (attachments.c.agent_id == agent_id) & (attachments.c.source_id == source_id)
                return (await transaction.execute(delete(attachments).where(own))).rowcount > 0

        return await finish(commit())

    async def sources(self, agent_id: int | None = None) -> tuple[Source, ...]:
        """All sources, or those of one agent, by name."""
        kept = _count(documents.c.id, documents.c.source_id == sources.c.id)
        cut = _count(passages.c.id, passages.c.document_id == documents.c.id, documents.c.source_id == sources.c.id)
        had = _count(attachments.c.agent_id, attachments.c.source_id == sources.c.id)
        wanted = select(sources.c.id, sources.c.name, kept, cut, had).order_by(sources.c.name)
        if agent_id is not None:
            wanted = wanted.join(attachments).where(attachments.c.agent_id == agent_id)
        async with self._database.read() as connection:
            return tuple(Source(*row) for row in await connection.execute(wanted))


async def source_named(connection: AsyncConnection, name: str) -> int | None:
    """The id of the source of that name, if there is one."""
    found: int | None = await connection.scalar(select(sources.c.id).where(sources.c.name == name))
    return found


async def free_name(connection: AsyncConnection, wanted: str) -> str:
    """The wanted name, with a number behind it if a source has it already."""
    name, number = wanted, 1
    while await source_named(connection, name) is not None:
        number += 1
        name = numbered(wanted, number)
    return name


def numbered(name: str, number: int) -> str:
    """A source's name with a number behind it."""
    return f"{name[:_NUMBERED_CHARS]} ({number})"


def is_numbered(name: str, wanted: str) -> bool:
    """Whether a source's name is the wanted one, perhaps with a number behind it."""
    return name == wanted or re.fullmatch(rf"{re.escape(wanted[:_NUMBERED_CHARS])} \(\d+\)", name) is not None


async def add_source(transaction: Transaction, name: str, now: datetime, origin: str | None = None) -> int:
    """A new source; returns its id."""
    values = {"name": name, "created_at": now, "origin": origin}
    return int((await transaction.execute(insert(sources).values(values).returning(sources.c.id))).scalar_one())


async def remove_of_nobody(transaction: Transaction) -> list[Removed]:
    """Remove the sources that no agent has: nobody could ever find them."""
    nobodys = select(sources.c.id).where(sources.c.id.not_in(select(attachments.c.source_id)), IS_ONES)
    return [await _remove(transaction, source_id) for source_id in list(await transaction.scalars(nobodys))]


async def add_document(
    transaction: Transaction,
    source_id: int,
    name: str,
    digest: str,
    now: datetime,
    came_with: Sequence[str] = (),
    came_as: Mapping[str, Sequence[str]] | None = None,
    path: str | None = None,
) -> int:
    """A new document without pieces; returns its id.

    `came_with` are the messages that it came with, if any, and `came_as` the files that it was of each; `path` is that
    of the file which it was made of, if known.
    """
    values = {"source_id": source_id, "name": name, "digest": digest, "loaded_at": now, "path": path}
    values |= {"came_with": list(came_with) or None, "came_as": dict(came_as or {}) or None}
    return int((await transaction.execute(insert(documents).values(values).returning(documents.c.id))).scalar_one())


async def add_pieces(transaction: Transaction, document_id: int, pieces: Sequence[Piece], now: datetime) -> None:
    """Pieces of a document, in order."""
    common = {"document_id": document_id, "tags": [], "created_at": now}
    rows = [{"content": piece.content, "heading": piece.heading, "page": piece.page} | common for piece in pieces]
    if rows:
        await transaction.execute(insert(passages), rows)


async def attach(transaction: Transaction, agent_id: int, source_id: int, now: datetime) -> bool:
    """Attach a source; returns whether it was not attached yet."""
    own = (attachments.c.agent_id == agent_id) & (attachments.c.source_id == source_id)
    if await transaction.scalar(select(attachments.c.source_id).where(own)) is not None:
        return False
    values = {"agent_id": agent_id, "source_id": source_id, "attached_at": now}
    await transaction.execute(insert(attachments).values(values))
    return True


async def attach_preloaded(transaction: Transaction, agent_id: int, now: datetime) -> None:
    """Attach what every agent has, if there is such a thing."""
    if (source_id := await source_named(transaction, PRELOADED)) is not None:
        await attach(transaction, agent_id, source_id, now)


async def _loaded(connection: AsyncConnection, *which: Any) -> tuple[LoadedSource, ...]:
    """Sources that have such documents, with these."""
    columns = (
        sources.c.name,
        sources.c.origin,
        documents.c.name.label("document"),
        documents.c.digest,
        documents.c.path,
    )
    held: dict[tuple[str, str | None], dict[str, LoadedDocument]] = {}
    wanted = select(*columns).join_from(sources, documents).where(*which).order_by(sources.c.id, documents.c.id)
    for row in await connection.execute(wanted):
        held.setdefault((row.name, row.origin), {})[row.document] = LoadedDocument(row.digest, row.path)
    return tuple(LoadedSource(name, origin, loaded) for (name, origin), loaded in held.items())


async def _remove(transaction: Transaction, source_id: int) -> Removed:
    own = select(passages.c.id).join(documents).where(documents.c.source_id == source_id)
    gone = tuple(await transaction.scalars(own))
    await transaction.execute(delete(sources).where(sources.c.id == source_id))  # the rest goes with it
    return Removed(source_id, gone)


async def _known(connection: AsyncConnection, name: str) -> int:
    source_id = await source_named(connection, name)
    if source_id is None:
        raise SourceNotFound(f"There is no source {name!r}.")
    return source_id


def _count(column: Any, *which: Any) -> Any:
    return select(func.count(column)).where(*which).correlate(sources).scalar_subquery()
