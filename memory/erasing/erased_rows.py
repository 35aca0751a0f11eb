"""The rows of a person, or of an agent, removed table by table as the registry says (`memory.erasing.stores`)."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, literal_column, or_, select, update

from memory.archival.documents import IS_ONES
from memory.core.agents import AgentStore
from memory.erasing.redaction import PART, ChannelRedaction, Redacted
from memory.erasing.stores import TABLES, Doomed, in_channels
from memory.erasing.telling import Telling
from memory.erasing.whose import Whose
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database
from memory.sqlite.tables import agents, attachments, documents, metadata, passages, sources

_FOUND_AT_ONCE = 10 * PART

_NAMING = ("messages", "blocks", "block_edits", "passages", "turns")
"""The tables in which an agent's rows may name a person."""


@dataclass(slots=True)
class Removed:
    """How many rows are gone, and how many name nobody any more, by table; and the names of sources of documents."""

    rows: Counter[str] = field(default_factory=Counter)
    blanked: Counter[str] = field(default_factory=Counter)
    documents: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Of the files that these documents were made of."""


class ErasedRows:
    """Removes rows in parts, each a transaction of its own; what was removed before is simply not there."""

    def __init__(
        self,
        database: Database,
        store: AgentStore,
        recall: RecallStorage,
        now: Callable[[], datetime],
        telling: Telling,
    ) -> None:
        self._database = database
        self._store = store
        self._recall = recall
        self._telling = telling
        self.redaction = ChannelRedaction(database, store, recall, now)

    async def touched(self, whose: Whose, until: datetime) -> dict[int, str]:
        """The channels' agents that hold anything of a person, with their scopes."""
        doomed, found = Doomed(until, whose=whose), set[int]()
        async with self._database.read() as connection:
            for name in _NAMING:
                table = metadata.tables[name]
                which = TABLES[name].left(doomed)
                assert which is not None
                found.update(await connection.scalars(select(table.c.agent_id).where(which).distinct()))
            channels = in_channels(whose)
            rows = await connection.execute(
                select(agents.c.id, agents.c.scope).where(agents.c.id.in_(found), agents.c.id.in_(channels))
            )
            return {row.id: row.scope for row in rows}

    async def redact_channels(
        self, touched: Mapping[int, str], whose: Whose, until: datetime, *, own_scope: str
    ) -> Redacted:
        """Take a person out of channels; their own agent is named, for what they told it is no less their own word."""
        telling = await self.telling_words(touched, whose, own_scope=own_scope)
        took = Redacted()
        for agent_id, scope in touched.items():
            took.add(await self.redaction.remove(agent_id, scope, whose, until, telling))
            self._recall.let_go(agent_id)
        return took

    async def telling_words(self, touched: Mapping[int, str], whose: Whose, *, own_scope: str) -> set[str]:
        """The words of a person that tell of them; in a channel, others may have said some all the same."""
        async with self._database.read() as connection:
            own = list(await connection.scalars(select(agents.c.id).where(agents.c.scope == own_scope)))
        return await self._telling.among(await self.redaction.said_by(whose, [*own, *touched]), [*own, *touched])

    async def remove_agent(
        self, scope: str, whose: Whose | None, until: datetime, *, made_until: datetime
    ) -> Removed | None:
        """Remove an agent with all that is its own; None if there is none that was made until then."""
        async with self._database.read() as connection:
            is_it = (agents.c.scope == scope, agents.c.created_at <= made_until)
            agent_id = await connection.scalar(select(agents.c.id).where(*is_it))
            if agent_id is None:
                return None
            others = select(attachments.c.source_id).where(attachments.c.agent_id != agent_id)
            own = select(sources.c.id, sources.c.name).join(attachments).where(attachments.c.agent_id == agent_id)
            found = (
                await connection.execute(own.where(sources.c.id.not_in(others), IS_ONES).order_by(sources.c.name))
            ).all()
            made_of = (documents.c.source_id.in_([row.id for row in found]), documents.c.path.is_not(None))
            paths = tuple(await connection.scalars(select(documents.c.path).where(*made_of)))
        doomed = Doomed(until, (agent_id,), (scope,), tuple(row.id for row in found), whose)
        async with self._store.changing(scope):
            removed = await self.remove(doomed)
            self._recall.let_go(agent_id)
        removed.documents, removed.paths = tuple(row.name for row in found), paths
        return removed

    async def remove(self, doomed: Doomed) -> Removed:
        """Remove all rows that are to go, and take the names out of those that stay."""
        removed = Removed()
        for name, stored in TABLES.items():
            for blank in stored.blanks:
                if (which := blank.rows(doomed)) is not None:
                    removed.blanked[name] += await self._in_parts(metadata.tables[name], which, blank.values)
        for table in _in_order():
            for rows in TABLES[table.name].rows:  # each by itself, for an index serves one of them alone
                if (which := rows(doomed)) is not None:
                    removed.rows[table.name] += await self._in_parts(table, which, None)
        return removed

    async def left(self, doomed: Doomed, *, made_until: datetime) -> dict[str, int]:
        """Look for all of it in every table: rows found, by table."""
        left: dict[str, int] = {}
        async with self._database.snapshot() as connection:
            for table in metadata.sorted_tables:
                conditions = [TABLES[table.name].left(doomed)]
                if table is agents:
                    conditions.append(agents.c.scope.in_(doomed.scopes) & (agents.c.created_at <= made_until))
                if table is passages:  # of a document whose row is gone: there can be none, and it would be nobody's
                    is_lost = passages.c.document_id.not_in(select(documents.c.id))
                    conditions.append(passages.c.document_id.is_not(None) & is_lost)
                which = [condition for condition in conditions if condition is not None]
                found = select(func.count()).select_from(table).where(or_(False, *which))
                left[table.name] = await connection.scalar(found) or 0
        return left

    async def _in_parts(self, table: Table, which: ColumnElement[bool], values: Mapping[str, Any] | None) -> int:
        """Delete rows, or change them so that they are meant no more; returns how many.

        They are looked for by a reader, so that nobody who writes waits while a large table is gone through.
        """
        if table.dialect_options["sqlite"]["with_rowid"] is False:  # its rows went with others
            async with self._database.write(alone=True) as transaction:
                return (await transaction.execute(delete(table).where(which))).rowcount
        row_id: ColumnElement[int] = literal_column("rowid")
        statement: Any = delete(table) if values is None else update(table).values(dict(values))
        done = 0
        while True:
            async with self._database.read() as connection:
                some = select(row_id).select_from(table).where(which).limit(_FOUND_AT_ONCE)
                found = list(await connection.scalars(some))
            for begin in range(0, len(found), PART):
                async with self._database.write(alone=True) as transaction:
                    these = row_id.in_(found[begin : begin + PART])
                    done += (await transaction.execute(statement.where(these, which))).rowcount
            if len(found) < _FOUND_AT_ONCE:
                return done


def _in_order() -> list[Table]:
    """Those that others refer to come last; but what says which sources are whose goes after these."""
    tables = [table for table in reversed(metadata.sorted_tables) if table not in (attachments, sources, agents)]
    return [*tables, sources, attachments, agents]
