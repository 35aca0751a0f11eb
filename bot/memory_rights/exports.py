"""Exports that people ask for: their memory as a file, of one moment between two turns of their agent."""

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.inbound.lanes import Lanes
from memory.portable.export_file import write_zip
from memory.portable.exports import export_folder, outgoing_folder
from memory.portable.records import Record
from memory.sqlite.upkeep import Reader, beside

Dump = Callable[[Reader], AsyncIterator[Record]]
"""Reads what goes into an export."""


class Exports:
    """Makes the exports of all agents, one after the other.

    Args:
        database: the file, which is read over a connection of its own.
        data_dir: where the files are put.
        lanes: of the agents.
        now: the clock.
    """

    def __init__(self, database: Path, data_dir: Path, lanes: Lanes, now: Callable[[], datetime]) -> None:
        self._database = database
        self._data_dir = data_dir
        self._lanes = lanes
        self._now = now
        self._one = asyncio.Lock()

    async def clear(self) -> None:
        """At start: remove what an earlier process was about to hand over."""
        await asyncio.to_thread(shutil.rmtree, outgoing_folder(self._data_dir), ignore_errors=True)

    async def make(self, scope: str, dump: Dump, zone: ZoneInfo, *, stays: bool) -> tuple[Path, Counter[str]]:
        """Write an export; returns where it is, and how many records there are of each type.

        Args:
            scope: between whose turns it is of.
            dump: what goes into it.
            zone: for the times in its text.
            stays: it is kept for whoever sits at this machine; otherwise whoever hands it over removes it.

        Raises:
            OSError: it cannot be written.
            StorageUnavailable: the database cannot be read.
        """
        async with self._one, AsyncExitStack() as stack:
            reader: list[Reader] = []

            async def look() -> None:
                reader.append(await stack.enter_async_context(beside(self._database)))

            await self._lanes.submit(scope, look)
            path = await asyncio.to_thread(self._new_file, scope, stays=stays)
            try:
                return path, await write_zip(path, dump(reader[0]), zone)
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    def _new_file(self, scope: str, *, stays: bool) -> Path:
        """An empty file that its owner alone can read."""
        folder = export_folder(self._data_dir, scope) if stays else outgoing_folder(self._data_dir)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made_at = f"memory-{self._now().astimezone(UTC):%Y%m%dT%H%M%SZ}-"
        number, name = tempfile.mkstemp(".zip", made_at, folder)
        os.close(number)
        return Path(name)
