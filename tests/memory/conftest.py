"""What every test of memory gets: a database of its own, and two agents in it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.core.agents import AgentStore
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
    yield database
    await database.close()


@pytest.fixture
async def ada(database: Database) -> int:
    return await _agent(database, "console:dm:ada")


@pytest.fixture
async def bob(database: Database) -> int:
    return await _agent(database, "console:dm:bob")


async def _agent(database: Database, scope: str) -> int:
    async with database.write() as transaction:
        made = await AgentStore(database).create(transaction, scope, [("persona", "I am"), ("human", "")], NOW)
    return made.id
