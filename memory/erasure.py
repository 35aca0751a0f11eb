"""Erasing an agent: every row that belongs to it, and the search afterwards that shows it.

With it go the sources of documents that no other agent has, so that nothing is left which nobody could find.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Table, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory import accounts
from memory.database import Transaction
from memory.tables import MESSAGE_WORDS, PASSAGE_WORDS, agents, documents, metadata, passages, people, sources, spent
from memory.word_index import WordIndex


async def erase_agent(
    transaction: Transaction, agent_id: int, scope: str, person: str | None, source_ids: Collection[int]
) -> dict[str, int]:
    """Remove every row of an agent and of some sources, whatever table the schema has by now; returns how many, each.

    Args:
        transaction: all of it or nothing.
        agent_id: the agent.
        scope: its scope; what came in for it is named by that alone.
        person: whose own agent it is; what is kept of them goes as well.
        source_ids: the sources that are attached to it and to no other.
    """
    removed = {}
    for table in reversed(metadata.sorted_tables):
        if owners := _owners(table, agent_id, scope, person, source_ids):
            removed[table.name] = (await transaction.execute(delete(table).where(or_(*owners)))).rowcount
    # Triggers took the words out of their indexes; until these are written anew they still stand in the file.
    for index in (MESSAGE_WORDS, PASSAGE_WORDS):
        await WordIndex(index).merge(transaction)
    return removed


async def rows_left(
    connection: AsyncConnection, agent_id: int, scope: str, person: str | None, source_ids: Collection[int]
) -> dict[str, int]:
    """Look for an agent in every table, by its id, its scope, its person and its sources; rows found, by table."""
    left = {}
    for table in metadata.sorted_tables:
        owners = _owners(table, agent_id, scope, person, source_ids)
        if table is passages:  # of a document whose row is gone: there can be none, and it would be nobody's
            is_lost = passages.c.document_id.is_not(None) & passages.c.document_id.not_in(select(documents.c.id))
            owners.append(is_lost)
        found = select(func.count()).select_from(table).where(or_(False, *owners))
        left[table.name] = await connection.scalar(found) or 0
    return left


def _owners(table: Table, agent_id: int, scope: str, person: str | None, source_ids: Collection[int]) -> list[Any]:
    """Conditions, each of which makes a row one of the agent's or of its sources'."""
    own: list[Any] = [table.c.id == agent_id] if table is agents else []
    own += [table.c.agent_id == agent_id] if "agent_id" in table.c else []
    own += [table.c.scope == scope] if "scope" in table.c else []
    own += [spent.c.account.in_(accounts.of_owner(scope, person))] if table is spent else []
    own += [table.c.id == person] if table is people and person is not None else []
    own += [table.c.id.in_(source_ids)] if table is sources else []
    own += [table.c.source_id.in_(source_ids)] if "source_id" in table.c else []
    if "document_id" in table.c:
        own.append(table.c.document_id.in_(select(documents.c.id).where(documents.c.source_id.in_(source_ids))))
    return own
