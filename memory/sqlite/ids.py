"""The ids of a table's next rows, known before these are written: nobody waits for SQLite to give them out."""

import json
from collections.abc import Collection

from sqlalchemy import Table, func, select, text

from memory.sqlite.one_trip import driver_of
from memory.sqlite.writer import Transaction


async def next_ids(transaction: Transaction, table: Table, count: int) -> range:
    """So many ids, for an INSERT that names them; every INSERT into that table has to.

    They rise, and none is given twice: one process writes (it holds the lock), on one connection. What is undone
    leaves a gap. A new connection goes on after the last that was committed, as `AUTOINCREMENT` would.
    """
    given = driver_of(transaction).ids_given
    last = given.get(table.name)
    if last is None:
        of_table = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        last = await transaction.scalar(of_table, {"name": table.name}) or 0
    given[table.name] = last + count
    return range(last + 1, last + 1 + count)


async def all_free(transaction: Transaction, table: Table, ids: Collection[int]) -> bool:
    """Whether no row has one of these ids."""
    some = func.json_each(json.dumps(list(ids))).table_valued("value")
    taken = select(table.c.id).where(table.c.id.in_(select(some.c.value))).limit(1)
    return await transaction.scalar(taken) is None


async def take_ids(transaction: Transaction, table: Table, ids: Collection[int]) -> None:
    """Write rows under ids of one's own, which are free: the next are given out behind them."""
    if ids:
        last = (await next_ids(transaction, table, 0)).start - 1
        driver_of(transaction).ids_given[table.name] = max(last, *ids)
