"""A search of an agent's messages: by words and by meaning, or by the letters alone of a query that holds no word."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.ports import Found
from memory.recall.beside import beside
from memory.recall.message_index import MessageIndex
from memory.recall.message_vectors import MessageVectors
from memory.recall.rows import SAID, of_agent
from memory.search.identifiers import wholes
from memory.search.narrowing import Narrowed, may_narrow, narrowed
from memory.search.word_index import Cut
from memory.search.words import query_terms
from memory.sqlite.database import Database
from memory.sqlite.tables import messages

if TYPE_CHECKING:
    from memory.search.ranking import Told

MAX_READ = 20_000
"""Of more messages, the newest so many are read for a query that holds no word."""

_MANY = 5_000


class MessageSearch:
    """Searches an index, and the vectors if there are any."""

    def __init__(self, database: Database, index: MessageIndex, vectors: MessageVectors | None) -> None:
        self._database = database
        self._index = index
        self._vectors = vectors

    async def find(self, agent_id: int, query: str, before_id: int | None, zone: ZoneInfo) -> Found:
        """What is indexed of an agent and answers a query (see `RecallStorage.find`)."""
        from memory.search.ranking import (  # with numpy: most starts do without
            NOTHING_TOLD,
            allowed_of,
            rank,
            understood,
        )

        kind = await self._vectors.kind() if self._vectors is not None else None
        async with self._database.read() as connection:
            told = await self._index.told(connection, agent_id, kind, zone)
            older_speakers = await self._index.older_speakers(connection, agent_id, told) if may_narrow(query) else {}
            asked_for = narrowed(query, tuple(dict.fromkeys((*told.names, *older_speakers))))
            cut = await self._index.cut(connection, agent_id, told, before_id, asked_for, zone, older_speakers)
            if not query_terms(asked_for.words):
                return await self._without_a_word(connection, agent_id, told, cut, asked_for, zone)
            asked = understood(asked_for.words, told.names)
            postings = await self._index.holding(connection, agent_id, asked.terms, cut)
            whole = await wholes(
                connection, asked_for.words, [postings], messages.c.id, messages.c.text, of_agent(agent_id)
            )
            older, unranked, is_cut = NOTHING_TOLD, list[int](), False
            if cut is not None:
                older, chosen = await self._index.older(connection, agent_id, cut, postings, whole, kind, zone)
                postings, unranked, is_cut = chosen.postings, list(chosen.others), chosen.is_cut
            among = allowed_of([older, told], asked_for) if asked_for.narrows else None
        vector = await self._vectors.of(asked.about) if self._vectors is not None and kind is not None else None
        ranked = await beside(len(told.ids), _MANY, rank, told, asked, postings, vector, among, whole, older)
        return Found(tuple(dict.fromkeys((*ranked, *unranked))), is_cut, asked_for.untaken)

    async def _without_a_word(
        self,
        connection: AsyncConnection,
        agent_id: int,
        told: "Told",
        cut: Cut | None,
        asked_for: Narrowed,
        zone: ZoneInfo,
    ) -> Found:
        """A query without any telling word in it, newest first: what narrows it is the question, if anything does."""
        from memory.search.ranking import allowed

        letters, untaken = asked_for.words.strip(), asked_for.untaken
        if not asked_for.narrows:
            holding, is_cut = await self._holding_letters(connection, agent_id, letters)
            return Found(holding, is_cut, untaken)
        may_be, is_cut = [int(id_) for id_ in told.ids[allowed(told, asked_for)][::-1]], False
        if cut is not None:
            older, is_cut = await self._index.listed(connection, agent_id, cut, asked_for, zone)
            may_be += older
        holding, is_partly_read = await self._holding_letters(connection, agent_id, letters, may_be)
        return Found(holding, is_cut or is_partly_read, untaken) if holding else Found(tuple(may_be), is_cut, untaken)

    async def _holding_letters(
        self, connection: AsyncConnection, agent_id: int, letters: str, among: Sequence[int] | None = None
    ) -> tuple[tuple[int, ...], bool]:
        """The newest messages, of all or of some, that hold these letters; and whether there are more to be read."""
        if not letters:
            return (), False
        said = (
            select(messages.c.id, messages.c.text, of_agent(agent_id))
            .where(of_agent(agent_id), *SAID)
            .order_by(messages.c.id.desc())
        )
        if among is not None:
            some = func.json_each(json.dumps(among[:MAX_READ])).table_valued("value")
            said = said.where(messages.c.id.in_(select(some.c.value)))
        newest = said.limit(MAX_READ).subquery()
        holding = (
            select(newest.c.id)
            .where(func.instr(func.lower(newest.c.text), letters.lower()) > 0)
            .order_by(newest.c.id.desc())
        )
        found = tuple(await connection.scalars(holding))
        if among is not None:
            return found, len(among) > MAX_READ
        beyond = said.with_only_columns(messages.c.id).offset(MAX_READ).limit(1)
        return found, await connection.scalar(beyond) is not None
