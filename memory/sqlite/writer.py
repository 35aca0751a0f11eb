"""The one connection that writes: blocks of statements take turns on it, and those that wait share one commit."""

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from memory.sqlite.one_trip import OneTripConnection, commit, driver_of

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

Transaction = AsyncConnection
"""An open write transaction, handed to the stores so that what belongs together is committed together."""

GROUP_S = 0.02
"""No block joins a group that is older: what the first of it may have to wait for the others."""


FEW_ROWS = 16
"""So many rows with their words or vectors are written beside others; more are written alone."""


_finishing: set["asyncio.Future[Any]"] = set()
"""What is being finished."""


async def finish(work: Awaitable[Result]) -> Result:
    """Do work to its end, however often the caller is cancelled meanwhile; the cancellation is raised afterwards."""
    if asyncio.current_task() in _finishing:  # a part of such work, out of reach of any caller: no task of its own
        return await work
    task = asyncio.ensure_future(work)
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:
            break
    if cancelled is not None and not task.cancelled():
        if (fault := task.exception()) is not None:
            logger.error("work of a cancelled caller failed", exc_info=fault)
        raise cancelled
    return task.result()


@dataclass(eq=False, slots=True)
class _Group:
    """Blocks that share a transaction."""

    began: float
    is_alone: bool
    driver: OneTripConnection = None  # type: ignore[assignment]  # set as it begins
    savepoints: int = 0
    savepoint: "Callable[[sqlite3.Connection], object] | None" = None
    """What says the last of them."""
    ended_well: int = 0
    committed: asyncio.Future[None] | None = None
    """What those wait for that left the commit to a later block."""
    fault: Exception | None = None
    """Why nothing of it can be committed."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A block in line."""

    alone: bool
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """Blocks run one after the other; a block that ends while others wait leaves its commit to them.

    A commit waits for the disk, longer than a turn's statements take. So what stands in line shares one (group
    commit); each block is told of its end after the commit, and what returned is on disk.

    The rule: a block that ends lets the next in line into its transaction, unless that is older than `GROUP_S`, or one
    of the two is to be alone. If nobody stands in line it commits at once: a single writer pays nothing, and nobody
    waits for a block that may come.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._line: deque[_Waiting] = deque()
        self._is_taken = False
        self._group: _Group | None = None
        self._patience_ms: int | None = None

    def wait_at_most(self, milliseconds: int) -> None:
        """From the next group on, wait no longer for a lock that another process holds."""
        self._patience_ms = milliseconds

    @asynccontextmanager
    async def block(self, *, alone: bool) -> AsyncIterator[Transaction]:
        """Statements that are committed with the group they fall into, or undone by themselves."""
        await self._take_turn(alone)
        if self._group is None:
            self._group = _Group(asyncio.get_running_loop().time(), alone)
        group, before = self._group, self._group.savepoints
        try:
            await self._begin(group)
            yield self._connection
            if group.driver.pending and (group.ended_well or self._next() is not None):
                await finish(group.driver.run(_nothing))  # by itself: what fails here is no fault of the others
        except BaseException as error:
            await finish(self._undo(group, group.savepoints > before, error))
            raise
        group.ended_well += 1
        if self._let_next_join(group):
            group.committed = group.committed or asyncio.get_running_loop().create_future()
            await finish(group.committed)
        else:
            await finish(self._commit(group))

    @property
    def in_line(self) -> int:
        """How many blocks wait for their turn."""
        return sum(not waiting.turn.done() for waiting in self._line)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _take_turn(self, alone: bool) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        waiting = _Waiting(alone)
        self._line.append(waiting)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if not waiting.turn.cancelled():  # it had been given the turn, and others count on it
                await finish(self._pass_on(self._group))
            raise

    async def _begin(self, group: _Group) -> None:
        """Begin a block: the first needs no savepoint, since all that could be undone is its own."""
        if group.driver is None:
            if self._connection.invalidated:
                await self._connection.get_raw_connection()  # opens it anew
            group.driver = driver_of(self._connection)
            if self._patience_ms is not None:  # each time: the connection may be a new one
                group.driver.pending.append(_saying(f"PRAGMA busy_timeout={self._patience_ms}"))
        if group.driver.in_transaction:
            group.savepoints += 1
            group.savepoint = _saying(f"SAVEPOINT block_{group.savepoints}")
            group.driver.pending.append(group.savepoint)

    async def _undo(self, group: _Group, has_savepoint: bool, error: BaseException) -> None:
        """Undo the block that raised, and nothing of those before it."""
        if not has_savepoint:
            await self._rollback(group)
        elif group.driver.pending and group.driver.pending[0] is group.savepoint:
            group.driver.pending.clear()  # it has said nothing yet
            group.savepoints -= 1
        else:
            group.driver.pending.clear()
            try:
                await group.driver.run(_saying(f"ROLLBACK TO block_{group.savepoints}"))
            except Exception as fault:  # a full disk, for one, makes SQLite undo the whole transaction
                group.fault = error if isinstance(error, Exception) else fault
        await self._pass_on(group)

    async def _pass_on(self, group: _Group | None) -> None:
        """Give the turn away, after a block of which nothing is left."""
        if group is None:
            self._give_turn()
        elif group.fault is not None or not group.ended_well or not self._let_next_join(group):
            with contextlib.suppress(Exception):  # those are told whom it concerns
                await self._commit(group)

    def _let_next_join(self, group: _Group) -> bool:
        following = self._next()
        if following is None or following.alone or group.is_alone:
            return False
        if asyncio.get_running_loop().time() - group.began >= GROUP_S:
            return False
        self._give_turn()
        return True

    async def _commit(self, group: _Group) -> None:
        """Commit, tell those who wait for it, and let the next group begin."""
        try:
            if group.fault is not None:
                raise group.fault
            if group.savepoints:  # raises if SQLite has undone the transaction and a block took no notice
                group.driver.pending.append(_saying("RELEASE block_1"))
            if self._connection.in_transaction():
                await self._connection.commit()
            elif group.driver is not None:  # SQLAlchemy knows of no statement
                await group.driver.run(commit)
        except BaseException as error:
            await self._rollback(group)
            if group.committed is not None:
                group.committed.set_exception(error)
            raise
        else:
            if group.committed is not None:
                group.committed.set_result(None)
        finally:
            self._group = None
            self._give_turn()

    async def _rollback(self, group: _Group) -> None:
        """Undo a whole transaction; a connection that cannot is replaced by a new one."""
        try:
            await self._connection.rollback()
            if group.driver is not None:
                group.driver.pending.clear()
                if group.driver.in_transaction:  # SQLAlchemy makes none after a commit that failed
                    await group.driver.run(sqlite3.Connection.rollback)
        except Exception:
            logger.exception("the connection that writes is opened anew")
            await self._connection.invalidate()

    def _give_turn(self) -> None:
        """To the next in line, if anybody is."""
        following = self._next()
        if following is None:
            self._is_taken = False
        else:
            self._line.popleft()
            following.turn.set_result(None)

    def _next(self) -> _Waiting | None:
        """Who has waited longest, and still waits."""
        while self._line and self._line[0].turn.cancelled():
            self._line.popleft()
        return self._line[0] if self._line else None


def _saying(statement: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.execute(statement)


def _nothing(_: sqlite3.Connection) -> None:
    """Beside what is pending."""
