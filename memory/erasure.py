"""Erasing an agent: every row that belongs to it, and the search afterwards that shows it."""

from sqlalchemy import Table, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.database import Transaction
from memory.tables import agents, metadata


async def erase_agent(transaction: Transaction, agent_id: int) -> dict[str, int]:
    """Remove every row of an agent, whatever table the schema has by now; returns how many, by table."""
    removed = {}
    for table in reversed(metadata.sorted_tables):
        if table is agents or "agent_id" in table.c:
            owner = table.c.id if table is agents else table.c.agent_id
            removed[table.name] = (await transaction.execute(delete(table).where(owner == agent_id))).rowcount
    return removed


async def rows_left(connection: AsyncConnection, agent_id: int, scope: str) -> dict[str, int]:
    """Look for an agent in every table, by its id and by its scope; rows found, by table."""
    return {table.name: await _rows_of(connection, table, agent_id, scope) for table in metadata.sorted_tables}


async def _rows_of(connection: AsyncConnection, table: Table, agent_id: int, scope: str) -> int:
    owners = [table.c.id == agent_id] if table is agents else []
    owners += [table.c.agent_id == agent_id] if "agent_id" in table.c else []
    owners += [table.c.scope == scope] if "scope" in table.c else []
    return await connection.scalar(select(func.count()).select_from(table).where(or_(False, *owners))) or 0
