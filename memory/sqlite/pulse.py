"""Whether the database still answers: asked without ever cutting it off, and never twice at once."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from memory.counts import Counts, count
from memory.sqlite.database import Database

logger = logging.getLogger(__name__)

ANSWERS_WITHIN_S = 2.0

Result = TypeVar("Result")


class Pulse:
    """Feels the pulse of an open database."""

    def __init__(self, database: Database, now: Callable[[], datetime], within_s: float = ANSWERS_WITHIN_S) -> None:
        """Ask nothing yet; `within_s` is how long an answer is waited for."""

        async def write() -> bool:
            async with database.write() as transaction:  # reads alone: nothing is begun, and nothing committed
                await transaction.execute(text("SELECT 1"))
            return True

        async def read() -> Counts:
            async with database.read() as connection:
                return await count(connection, now())

        self._writer = _Question(write, within_s)
        self._reader = _Question(read, within_s)

    async def writes(self) -> bool:
        """Whether whoever has something to write comes to it."""
        return await self._writer.ask() is not None

    async def counts(self) -> Counts | None:
        """What waits at this moment; None if the database does not say so in time."""
        return await self._reader.ask()

    async def end(self) -> None:
        """Wait for what was asked and not answered: call it before the database is closed."""
        await self._writer.end()
        await self._reader.end()


class _Question(Generic[Result]):
    """A question that may hang. A statement that is cut off would go on in its thread, behind a lost connection."""

    def __init__(self, asking: Callable[[], Awaitable[Result]], within_s: float) -> None:
        self._asking = asking
        self._within_s = within_s
        self._task: asyncio.Task[Result | None] | None = None

    async def ask(self) -> Result | None:
        """The answer, or None if there is none in time."""
        if self._task is None:
            self._task = asyncio.create_task(self._answer())
            self._task.add_done_callback(self._answered)
        task = self._task
        await asyncio.wait([task], timeout=self._within_s)
        return task.result() if task.done() else None

    async def end(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _answer(self) -> Result | None:
        try:
            return await self._asking()
        except (SQLAlchemyError, sqlite3.Error) as error:  # the second: of whoever shared the commit
            logger.warning("the database does not answer: %s", error)
            return None

    def _answered(self, _: "asyncio.Task[Result | None]") -> None:
        self._task = None
