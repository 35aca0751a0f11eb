"""The ids of a table's next rows, known before these are written: nobody waits for SQLite to give them out."""

from sqlalchemy import Table, text

from memory.one_trip import driver_of
from memory.writer import Transaction


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
