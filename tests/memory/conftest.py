"""What every test of memory gets: a database of its own, and two agents in it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.agents import AgentStore
from memory.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which nothing is: copied for each test, which costs less than migrating for each."""
    folder = tmp_path_factory.mktemp("new")

    async def make() -> None:
        await (await Database.open(folder / "bot.db", folder / "backups", NOW)).close()

    asyncio.run(make())
    return folder / "bot.db"


@pytest.fixture
async def database(tmp_path: Path, new_database: Path) -> AsyncIterator[Database]:
    shutil.copy(new_database, tmp_path)
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
