"""A database for a moment, in a folder that is removed afterwards."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from memory.sqlite.database import Database


@asynccontextmanager
async def scratch_database(folder: Path, now: Callable[[], datetime]) -> AsyncIterator[Database]:
    """An empty database; whatever stood in the folder before is removed."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(folder.mkdir, 0o700, parents=True)
    try:
        database = await Database.open(folder / "bot.db", folder, now())
        try:
            yield database
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
