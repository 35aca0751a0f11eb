"""Blocks of statements that write, wait and are seen in the file: what the tests of the writer share."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import agents

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVER = 3600.0


def kept(path: Path) -> list[str]:
    """What somebody else finds in the file at this moment, in the order of ids."""
    with closing(sqlite3.connect(path)) as connection:
        return [scope for (scope,) in connection.execute("SELECT scope FROM agents ORDER BY id")]


async def add(transaction: Transaction, scope: str, summary: str = "") -> None:
    await transaction.execute(insert(agents).values(scope=scope, created_at=NOW, summary=summary))


async def write(database: Database, *scopes: str, alone: bool = False) -> None:
    async with database.write(alone=alone) as transaction:
        for scope in scopes:
            await add(transaction, scope)


class Gate:
    """A block that waits inside, so that a line forms behind it."""

    def __init__(self, database: Database, scope: str, *, alone: bool = False) -> None:
        self._opened = asyncio.Event()
        self._entered = asyncio.Event()
        self.task = asyncio.create_task(self._write(database, scope, alone))

    async def _write(self, database: Database, scope: str, alone: bool) -> None:
        async with database.write(alone=alone) as transaction:
            await add(transaction, scope)
            self._entered.set()
            await self._opened.wait()

    async def entered(self) -> None:
        """Until it waits inside."""
        await self._entered.wait()

    def open(self) -> None:
        """Let it end."""
        self._opened.set()


async def in_line(*works: Any) -> list[asyncio.Task[Any]]:
    """Tasks that have come as far as they come at once: into the line."""
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0)
    return tasks
