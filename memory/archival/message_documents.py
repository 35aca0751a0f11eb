"""Documents that came with messages: each in a source of its agent's own, and gone with the last of its messages.

Nobody else has that source: should an import have given it to another agent, what comes later goes into a new one.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, true, update

from memory.archival.chunks import Piece
from memory.archival.documents import Removed, add_document, add_pieces, add_source, attach, numbered, source_named
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.tables import agents, attachments, documents, passages, sources

_BATCH = 500


class MessageDocuments:
    """Keeps what came with messages."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def keep(
        self,
        agent_id: int,
        source: str,
        name: str,
        digest: str,
        pieces: Sequence[Piece],
        message: str,
        check: Callable[[], None],
        file: str | None = None,
    ) -> str:
        """Keep a document for an agent; of the same content there is one, which then came with that message, too.

        Args:
            agent_id: whose.
            source: what its source is to be called.
            name: what the document is to be called, with a number if there is another one of that name.
            digest: of its content.
            pieces: what it says.
            message: the platform's name for the message.
            check: is called in the transaction; if it raises, nothing is written.
            file: the platform's name for the file, among those of the message.

        Returns:
            What it is called.
        """

        async def commit() -> str:
            async with self._database.write(alone=True) as transaction:
                check()
                now = self._now()
                source_id = await _own_source(transaction, agent_id, source, now)
                same = (documents.c.source_id == source_id) & (documents.c.digest == digest)
                there = (await transaction.execute(select(documents).where(same).limit(1))).first()
                if there is not None:
                    came_with = list(dict.fromkeys([*(there.came_with or ()), message]))
                    came_as = _with_file(there.came_as, message, file)
                    which = update(documents).where(documents.c.id == there.id)
                    await transaction.execute(which.values(came_with=came_with, came_as=came_as))
                    return str(there.name)
                free = await _free_name(transaction, source_id, name)
                came_as = _with_file(None, message, file)
                document_id = await add_document(transaction, source_id, free, digest, now, [message], came_as=came_as)
                for start in range(0, len(pieces), _BATCH):
                    await add_pieces(transaction, document_id, pieces[start : start + _BATCH], now)
                return free

        return await finish(commit())


def came_in(platform: str, platform_ids: Collection[str]) -> Select[tuple[str]]:
    """The scopes of a platform's agents that have a document which came with one of these messages."""
    message = func.json_each(documents.c.came_with).table_valued("value")
    has = attachments.join(documents, attachments.c.source_id == documents.c.source_id)
    came = (
        documents.c.came_with.is_not(None),
        exists(select(message.c.value).where(message.c.value.in_(platform_ids))),
    )
    is_here = agents.c.scope.startswith(f"{platform}:", autoescape=True)
    return select(agents.c.scope).select_from(agents.join(has)).where(is_here, *came)


def brought_to(scope: str) -> Select[tuple[str]]:
    """The messages with which documents came that a scope's agent still has."""
    message = func.json_each(documents.c.came_with).table_valued("value")
    had = agents.join(attachments).join(documents, attachments.c.source_id == documents.c.source_id)
    came = (agents.c.scope == scope, documents.c.came_with.is_not(None))
    return select(message.c.value).select_from(had.join(message, true())).where(*came)


async def remove_with(transaction: Transaction, agent_id: int, messages: Collection[str]) -> tuple[Removed, ...]:
    """Remove the documents of an agent that came with these messages and with no others.

    Their vectors are to be forgotten after the commit (`ArchivalStorage.forget`).
    """
    return await _remove_unless(transaction, agent_id, lambda document, message: message not in messages)


async def remove_without(
    transaction: Transaction, agent_id: int, messages: Collection[str], files: Collection[str]
) -> tuple[Removed, ...]:
    """Remove the documents that came with these messages as other files than those that they have now; as above.

    Of which files it was is not known of documents from before that was kept: they go with the last file.
    """

    def still_brings(document: Any, message: str) -> bool:
        if message not in messages:
            return True
        was = (document.came_as or {}).get(message)
        return bool(files) if was is None else not set(was).isdisjoint(files)

    return await _remove_unless(transaction, agent_id, still_brings)


async def _remove_unless(
    transaction: Transaction, agent_id: int, still_brings: Callable[[Any, str], bool]
) -> tuple[Removed, ...]:
    """Remove the documents that no message brings any more."""
    own = select(attachments.c.source_id).where(attachments.c.agent_id == agent_id)
    came = select(documents).where(documents.c.source_id.in_(own), documents.c.came_with.is_not(None))
    removed: list[Removed] = []
    for document in (await transaction.execute(came)).all():
        left = [message for message in document.came_with if still_brings(document, message)]
        which = documents.c.id == document.id
        if left and len(left) < len(document.came_with):
            came_as = {message: files for message, files in (document.came_as or {}).items() if message in left}
            values = {"came_with": left, "came_as": came_as or None}
            await transaction.execute(update(documents).where(which).values(**values))
        if left:
            continue
        pieces = delete(passages).where(passages.c.document_id == document.id).returning(passages.c.id)
        removed.append(Removed(document.source_id, tuple(await transaction.scalars(pieces))))
        await transaction.execute(delete(documents).where(which))
        is_empty = sources.c.id.not_in(select(documents.c.source_id))
        await transaction.execute(delete(sources).where(sources.c.id == document.source_id, is_empty))
    return tuple(removed)


def _with_file(came_as: Mapping[str, Sequence[str]] | None, message: str, file: str | None) -> dict[str, Any] | None:
    """As which files a document came, with one more."""
    files = dict(came_as or {})
    if file is not None:
        files[message] = list(dict.fromkeys([*files.get(message, ()), file]))
    return files or None


async def _own_source(transaction: Transaction, agent_id: int, wanted: str, now: datetime) -> int:
    """The agent's source of that name; one with a number behind it where another agent has that one, too."""
    name, number = wanted, 1
    while (source_id := await source_named(transaction, name)) is not None:
        had_by = select(attachments.c.agent_id).where(attachments.c.source_id == source_id)
        if set(await transaction.scalars(had_by)) == {agent_id}:
            return source_id
        number += 1
        name = numbered(wanted, number)
    source_id = await add_source(transaction, name, now)
    await attach(transaction, agent_id, source_id, now)
    return source_id


async def _free_name(transaction: Transaction, source_id: int, wanted: str) -> str:
    taken = set(await transaction.scalars(select(documents.c.name).where(documents.c.source_id == source_id)))
    name, number, path = wanted, 1, PurePath(wanted)
    while name in taken:
        number += 1
        name = f"{path.stem} ({number}){path.suffix}"
    return name
