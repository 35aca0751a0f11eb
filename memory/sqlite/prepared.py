"""The statements of a turn, compiled once: SQLAlchemy takes several times as long to run one as SQLite does."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Delete, Insert, Update
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

from memory.sqlite.one_trip import driver_of
from memory.sqlite.writer import Transaction

_DIALECT = SQLiteDialect_aiosqlite(paramstyle="qmark")


class Prepared:
    """A statement that writes, for the hottest few: what runs it is the driver itself.

    Args:
        statement: what is written; each value that differs is a `bindparam`, or a column of an INSERT.
        columns: those of an INSERT.

    Attributes:
        statement: the same.
    """

    def __init__(self, statement: Insert | Update | Delete, columns: Sequence[str] | None = None) -> None:
        self.statement = statement
        compiled = statement.compile(dialect=_DIALECT, column_keys=columns)
        self._sql, self._names = str(compiled), tuple(compiled.positiontup or ())
        self._given = dict(compiled.params)
        processors: Mapping[str, Any] = compiled._bind_processors
        self._to_driver = {name: processors.get(name) for name in self._names}

    async def run(self, transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Write rows one after the other; returns the first value that each RETURNs, if any."""
        return await driver_of(transaction).run(partial(_run, self._sql, self._parameters(rows)))

    async def run_each(self, transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """As `run`; returns for each row the first value that it RETURNs, or None if it does not."""
        return await driver_of(transaction).run(partial(_run_each, self._sql, self._parameters(rows)))

    def later(self, transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        """Write rows together with what the block does next, at the latest before it is told of its end.

        Returns:
            What then holds the values that `run` would return.
        """
        returned: list[Any] = []
        driver_of(transaction).pending.append(partial(_run_into, returned, self._sql, self._parameters(rows)))
        return returned

    def _parameters(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        return [tuple(self._value(name, row) for name in self._names) for row in rows]

    def _value(self, name: str, row: Mapping[str, Any]) -> Any:
        value = row[name] if name in row else self._given[name]
        to_driver = self._to_driver[name]
        return value if to_driver is None else to_driver(value)


def _run_into(
    returned: list[Any], sql: str, parameters: Sequence[Sequence[Any]], connection: sqlite3.Connection
) -> None:
    returned += _run(sql, parameters, connection)


def _run(sql: str, parameters: Sequence[Sequence[Any]], connection: sqlite3.Connection) -> list[Any]:
    returned: list[Any] = []
    for each in parameters:
        returned += (row[0] for row in connection.execute(sql, each).fetchall())
    return returned


def _run_each(sql: str, parameters: Sequence[Sequence[Any]], connection: sqlite3.Connection) -> list[Any]:
    rows = (connection.execute(sql, each).fetchone() for each in parameters)
    return [None if row is None else row[0] for row in rows]
