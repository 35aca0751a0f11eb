"""A database with one agent, and an outbox over it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.testing import RecordingPlatform
from memory.core.agents import AgentStore
from memory.sqlite.database import Database
from tests.bot.delivery.outbox_process import START, Process, Time, for_ever, process


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one agent: copied for each test, which costs less than making it for each."""
    folder = tmp_path_factory.mktemp("outbox")

    async def make() -> None:
        database = await Database.open(folder / "bot.db", folder / "backups", START)
        async with database.write() as transaction:
            await AgentStore(database).create(transaction, "console:dm:ada", [("persona", "I am")], START)
        await database.close()

    asyncio.run(make())
    return folder


@pytest.fixture
def folder(new_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(new_folder, tmp_path / "data")


@pytest.fixture
def platform() -> RecordingPlatform:
    return RecordingPlatform()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def here(folder: Path, platform: RecordingPlatform, time: Time) -> AsyncIterator[Process]:
    async with process(folder, platform, time) as running:
        yield running


@pytest.fixture
async def stuck(folder: Path, platform: RecordingPlatform) -> AsyncIterator[Process]:
    """An outbox in which whoever waits for a later try waits for ever."""
    async with process(folder, platform, wait=for_ever) as running:
        yield running
