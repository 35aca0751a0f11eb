"""The driver's connection with few trips to its thread: one for a statement, or for several.

A trip (hand over, wake the thread, wake the loop) costs more than most statements do. SQLAlchemy makes one each for the
cursor, the statement, its rows, and the cursor's end; none of these is of use without the others. And what nobody waits
for is run together with what is next waited for.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_cursor
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import immutabledict
from sqlalchemy.util.concurrency import await_

Result = TypeVar("Result")


class _Ran(NamedTuple):
    """What a cursor knows when its statement has run."""

    description: Any
    rowcount: int
    lastrowid: int | None
    rows: Sequence[Any] = ()


class OneTripCursor(AsyncAdapt_aiosqlite_cursor):
    """Runs a statement, reads all of its rows, and is closed, in one go."""

    __slots__ = ()

    _cursor: Any
    _adapt_connection: "OneTripConnection"

    def __init__(self, connection: "OneTripConnection") -> None:
        self._adapt_connection = connection
        self._connection = connection._connection
        self._take(_Ran(None, -1, None))

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        self._take(await self._adapt_connection.run(partial(_execute, operation, parameters or ())))

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        self._take(await self._adapt_connection.run(partial(_executemany, operation, seq_of_parameters)))

    async def _async_soft_close(self) -> None:
        """Nothing is open."""

    def _take(self, ran: _Ran) -> None:
        self._cursor, self._rows = ran, deque(ran.rows)
        self._soft_closed_memoized = immutabledict(description=ran.description)


class OneTripConnection(AsyncAdapt_aiosqlite_connection):
    """A connection of such cursors; a stream (`stream`) reads its rows by and by as ever.

    Attributes:
        pending: what is run before anything else that is, in order; a rollback forgets it.
        ids_given: see `memory.sqlite.ids`; by table, the last.
    """

    __slots__ = ("ids_given", "pending")

    _cursor_cls: Any = OneTripCursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.pending: list[Callable[[sqlite3.Connection], object]] = []
        self.ids_given: dict[str, int] = {}

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        driver: Any = self._connection
        return bool(driver.in_transaction)

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do work in the driver's thread, after what is pending."""
        driver: Any = self._connection
        if self.pending:
            pending, self.pending = self.pending, []
            work = partial(_one_after_the_other, pending, work)
        result: Result = await driver._execute(work, driver._conn)
        return result

    def commit(self) -> None:
        """Commit, for SQLAlchemy."""
        try:
            await_(self.run(commit))
        except Exception as error:
            self._handle_exception(error)

    def rollback(self) -> None:
        """Undo, for SQLAlchemy."""
        self.pending.clear()
        super().rollback()


class ReadingConnection(OneTripConnection):
    """One that begins no transaction unless told to, so that mostly there is nothing to undo."""

    __slots__ = ()

    def rollback(self) -> None:
        """Undo; no trip where nothing is begun."""
        if self.in_transaction:
            super().rollback()


def driver_of(connection: AsyncConnection) -> OneTripConnection:
    """What stands behind SQLAlchemy's connection, if that is open."""
    open_: Any = connection.sync_connection
    driver: OneTripConnection = open_.connection.dbapi_connection
    return driver


def commit(connection: sqlite3.Connection) -> None:
    """Commit, in the driver's thread."""
    connection.commit()


def _execute(operation: str, parameters: Any, connection: sqlite3.Connection) -> _Ran:
    return _read(connection.execute(operation, parameters))


def _executemany(operation: str, parameters: Any, connection: sqlite3.Connection) -> _Ran:
    return _read(connection.executemany(operation, parameters))


def _read(cursor: sqlite3.Cursor) -> _Ran:
    rows = cursor.fetchall() if cursor.description else ()
    ran = _Ran(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    cursor.close()
    return ran


def _one_after_the_other(
    pending: Sequence[Callable[[sqlite3.Connection], object]],
    work: Callable[[sqlite3.Connection], Result],
    connection: sqlite3.Connection,
) -> Result:
    for each in pending:
        each(connection)
    return work(connection)
