"""The documents of an agent as records (`memory.portable.records`), out of the tables and into them.

A source that is there already is attached, not copied: agents with the same documents share them. To an import a source
is the same if its documents are; a checkpoint that is restored takes the one of that name as it is now.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.archival.chunks import Piece
from memory.archival.documents import PRELOADED, add_document, add_pieces, add_source, attach, numbered, source_named
from memory.portable.records import KeptDocument, KeptPiece, KeptSource, Record
from memory.sqlite.database import Transaction
from memory.sqlite.tables import attachments, documents, passages, sources

AS_ONES = "preloaded"
"""What an agent takes along of the documents that every agent has where it was."""


async def dump_documents(
    connection: AsyncConnection, agent_id: int
) -> AsyncIterator[KeptSource | KeptDocument | KeptPiece]:
    """Each source that an agent has: itself, then its documents, then their pieces."""
    attached = select(sources, attachments.c.attached_at).join(attachments).where(attachments.c.agent_id == agent_id)
    for source in (await connection.execute(attached.order_by(sources.c.id))).all():
        yield KeptSource(name=source.name, created_at=source.created_at, attached_at=source.attached_at)
        own = select(documents).where(documents.c.source_id == source.id).order_by(documents.c.id)
        async for row in await connection.stream(own):
            columns = {name: getattr(row, name) for name in ("id", "name", "digest", "loaded_at")}
            came_as = {message: tuple(files) for message, files in (row.came_as or {}).items()}
            yield KeptDocument(**columns, came_with=tuple(row.came_with or ()), came_as=came_as)
        cut = select(passages).join(documents).where(documents.c.source_id == source.id).order_by(passages.c.id)
        async for row in await connection.stream(cut):
            yield KeptPiece(document=row.document_id, content=row.content, heading=row.heading, page=row.page)


class DocumentsLoader:
    """Takes the records of sources in their order. Which source is meant is decided once its documents are known."""

    def __init__(self, transaction: Transaction, agent_id: int, own_sources: Collection[int]) -> None:
        """A loader; `own_sources` are those that the agent had before: one of that name is taken as it is now."""
        self._transaction = transaction
        self._agent_id = agent_id
        self._own_sources = own_sources
        self._source: KeptSource | None = None
        self._documents: list[KeptDocument] = []
        self._made: dict[int, tuple[int, datetime]] = {}

    async def take(self, batch: Sequence[Record]) -> None:
        """Go on by some records; those of other types are none of ours."""
        for record in batch:
            if isinstance(record, KeptSource):
                await self.conclude()
                self._source, self._documents, self._made = record, [], {}
            elif isinstance(record, KeptDocument):
                self._documents.append(record)
        kept = [record for record in batch if isinstance(record, KeptPiece)]
        if kept:
            await self.conclude()
        for document, own in groupby(kept, key=lambda piece: piece.document):
            if document in self._made:  # else it is there already, with its pieces
                document_id, loaded_at = self._made[document]
                cut = [Piece(piece.content, piece.heading, piece.page) for piece in own]
                await add_pieces(self._transaction, document_id, cut, loaded_at)

    async def conclude(self) -> None:
        """No more documents come of the source at hand: attach the one that is there, or make it."""
        if self._source is None:
            return
        source, self._source = self._source, None
        wanted = source.name
        if wanted == PRELOADED and not await self._is_there(wanted):  # what every agent has here is something else
            wanted = AS_ONES
        name, number = wanted, 1
        while (source_id := await source_named(self._transaction, name)) is not None and not await self._fits(
            source_id
        ):
            number += 1
            name = numbered(wanted, number)
        if source_id is None:
            source_id = await add_source(self._transaction, name, source.created_at)
            for document in self._documents:
                values = (document.name, document.digest, document.loaded_at, document.came_with)
                made = await add_document(self._transaction, source_id, *values, came_as=document.came_as)
                self._made[document.id] = (made, document.loaded_at)
        await attach(self._transaction, self._agent_id, source_id, source.attached_at)

    async def _is_there(self, name: str) -> bool:
        source_id = await source_named(self._transaction, name)
        return source_id is not None and await self._fits(source_id)

    async def _fits(self, source_id: int) -> bool:
        if source_id in self._own_sources:
            return True
        own = select(documents.c.name, documents.c.digest).where(documents.c.source_id == source_id)
        held = {name: digest for name, digest in await self._transaction.execute(own)}
        return held == {document.name: document.digest for document in self._documents}
