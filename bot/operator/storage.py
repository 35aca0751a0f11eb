"""`backup` and `migrate`; and the database opened for a command that changes it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from adapters.console.plain import stdout_line
from bot.app import utc_now
from bot.operator.acts import EVERYTHING, write_down_beside
from bot.operator.errors import CannotBeDone, CommandUnclear
from config.settings import Settings
from memory.data_dir import DataDir
from memory.sqlite.database import SCHEMA_REVISION, Database
from memory.sqlite.upkeep import copy_to, revision_at


async def back_up(settings: Settings, out: Path, now: Callable[[], datetime] = utc_now) -> None:
    """Write a copy of the database, beside a running bot."""
    try:
        size = await asyncio.to_thread(copy_to, settings.database_path, out)
    except FileExistsError:
        raise CommandUnclear(f"{out}: exists; nothing was written. Name a new file.") from None
    except OSError as error:
        raise CannotBeDone(f"{out}: cannot be written ({error.strerror or error}).") from error
    await write_down_beside(settings, "backup", EVERYTHING, now)
    stdout_line(f"{out}: {size / 2**20:.1f} MiB, checked. It holds everything that people said; keep it as safe.")


async def migrate(settings: Settings, now: Callable[[], datetime]) -> None:
    """Bring the database up to date, with a copy before, and say what was done."""
    path = settings.database_path
    before = await asyncio.to_thread(revision_at, path)
    if before is None:
        stdout_line(f"{path}: there is no database yet; the first conversation makes one that is up to date.")
        return
    kept = set(backups(settings))
    async with open_database(settings, now):
        pass
    if before == SCHEMA_REVISION:
        stdout_line(f"{path}: up to date already (schema {before}).")
        return
    copies = ", ".join(str(copy) for copy in backups(settings) if copy not in kept)
    stdout_line(f"{path}: schema {before} brought to {SCHEMA_REVISION}; the copy from before is {copies}.")


@asynccontextmanager
async def open_database(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[Database]:
    """The database, with the data directory's lock held.

    Raises:
        StorageUnavailable: another process holds it, or it cannot be used.
    """
    data_dir = DataDir(settings.bot_data_dir, settings.database_path)
    data_dir.acquire()
    try:
        database = await Database.open(settings.database_path, settings.bot_data_dir / "backups", now())
        try:
            yield database
        finally:
            await database.close()
    finally:
        data_dir.release()


def backups(settings: Settings) -> list[Path]:
    """The copies that migrations left in the data directory."""
    return sorted((settings.bot_data_dir / "backups").glob("*.db"))
