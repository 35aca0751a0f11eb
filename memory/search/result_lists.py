"""What searches found, kept for a day: a cursor names such a list, so its pages do not shift under new messages."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from memory.ports import ResultList
from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import result_lists

KEPT_FOR = timedelta(days=1)

_AND_MORE = -1
"""Stands behind the ids of a list that was cut; no id is negative."""


class ResultLists:
    """Result lists of all agents; a list is found only by the agent that made it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, transaction: Transaction, agent_id: int, lists: Sequence[ResultList], now: datetime) -> None:
        """Keep lists, and forget those older than a day."""
        if not lists:
            return
        await transaction.execute(delete(result_lists).where(result_lists.c.created_at < now - KEPT_FOR))
        await transaction.execute(
            insert(result_lists),
            [
                {
                    "id": found.id,
                    "agent_id": agent_id,
                    "store": found.store,
                    "query": found.query,
                    "ids": [*found.ids, _AND_MORE] if found.is_cut else list(found.ids),
                    "created_at": found.created_at,
                }
                for found in lists
            ],
        )

    async def forget(self, transaction: Transaction, agent_id: int) -> None:
        """Forget all lists of an agent."""
        await transaction.execute(delete(result_lists).where(result_lists.c.agent_id == agent_id))

    async def forget_queries(
        self, transaction: Transaction, agent_id: int, message_ids: Collection[int], note_ids: Collection[int]
    ) -> None:
        """Forget what was looked for where one of these was found: it may have been their words. The lists stay.

        But that of a block's sources, which is found by its query.
        """
        named = {"recall": message_ids, "archival": note_ids}
        rows = await transaction.execute(select(result_lists).where(result_lists.c.agent_id == agent_id))
        stale = [row.id for row in rows.all() if not set(named.get(row.store, ())).isdisjoint(row.ids)]
        await _blank(transaction, agent_id, stale)

    async def forget_queries_about(
        self, transaction: Transaction, agent_id: int, is_about: Callable[[str], bool]
    ) -> None:
        """Forget what was looked for where that is about something; the lists stay."""
        own = select(result_lists.c.id, result_lists.c.query).where(result_lists.c.agent_id == agent_id)
        stale = [id_ for id_, query in await transaction.execute(own) if is_about(query)]
        await _blank(transaction, agent_id, stale)

    async def find(self, agent_id: int, list_id: str, now: datetime) -> ResultList | None:
        """The list of that id, if this agent made it within the last day."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(result_lists).where(
                    result_lists.c.agent_id == agent_id,
                    result_lists.c.id == list_id,
                    result_lists.c.created_at >= now - KEPT_FOR,
                )
            )
            row = rows.first()
        if row is None:
            return None
        ids = tuple(id_ for id_ in row.ids if id_ != _AND_MORE)
        return ResultList(row.id, row.store, row.query, ids, row.created_at, len(ids) < len(row.ids))


async def _blank(transaction: Transaction, agent_id: int, ids: Collection[str]) -> None:
    which = (result_lists.c.agent_id == agent_id, result_lists.c.id.in_(ids))
    await transaction.execute(update(result_lists).where(*which).values(query=""))
