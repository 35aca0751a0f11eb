"""What a commit shared by those who wait for it is worth, and what it costs a writer who is by himself.

The floor is the same blocks of statements on a bare aiosqlite connection to a file of the same schema, each with a
commit of its own (`synchronous=FULL`), measured in turn with ours. How long a commit takes is the disk's matter, from
0.1 ms to 10 ms; so that figures of two machines can be compared, each commit here sleeps `SYNC_S` besides, in the
driver's thread, where it would wait for the disk.
"""

import asyncio
import itertools
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import Engine, bindparam, event, insert, update

from benchmarks.figures import Figure, report
from memory.sqlite.database import Database
from memory.sqlite.tables import agents

SYNC_S = 0.003
ROUNDS = 5
WRITERS = 50
BLOCKS_EACH = 4
BLOCKS_ALONE = 30
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUMMARY = "I went for a walk by the river today and met an old friend, who told me about the house that they build."

_INSERT = insert(agents)
_UPDATE = update(agents).where(agents.c.scope == bindparam("of_scope"))

Write = Callable[[], Awaitable[None]]


class Disk(sqlite3.Connection):
    """A connection to a slow disk."""

    commits = 0

    def commit(self) -> None:
        """Commit, and wait for the disk."""
        if self.in_transaction:
            Disk.commits += 1
            time.sleep(SYNC_S)
        super().commit()


async def figures() -> list[Figure]:
    """Measure."""
    rates, latencies, commits = [], [], []
    event.listen(Engine, "do_connect", _use_slow_disk)
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with _ours(Path(folder) / "ours.db") as ours, _floor(Path(folder) / "floor.db") as floor:
                for number in range(ROUNDS + 1):
                    floor_rate, before = await _together(floor), Disk.commits
                    our_rate, made = await _together(ours), Disk.commits - before
                    floor_alone, our_alone = await _alone(floor), await _alone(ours)
                    if number:  # the first round warms up
                        rates.append(our_rate / floor_rate)
                        latencies.append(our_alone / floor_alone)
                        commits.append(made / (WRITERS * BLOCKS_EACH))
                        print(
                            f"  round {number}: floor {floor_rate:.0f} blocks/s, ours {our_rate:.0f}; "
                            f"alone: floor {1e3 * floor_alone:.2f} ms, ours {1e3 * our_alone:.2f} ms"
                        )
    finally:
        event.remove(Engine, "do_connect", _use_slow_disk)
    return [
        Figure(f"blocks/s of {WRITERS} writers, against the floor", statistics.median(rates), "x floor", 3.0, True),
        Figure(f"commits a block, {WRITERS} writers", statistics.median(commits), "commits", 0.1),
        Figure("a block of a single writer, against the floor", statistics.median(latencies), "x floor", 2.0),
    ]


def _use_slow_disk(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
    options["factory"] = Disk


async def _together(write: Write) -> float:
    """Blocks a second of many writers, each of whom writes again when a block has returned."""

    async def write_some() -> None:
        for _ in range(BLOCKS_EACH):
            await write()

    begun = time.perf_counter()
    await asyncio.gather(*(write_some() for _ in range(WRITERS)))
    return WRITERS * BLOCKS_EACH / (time.perf_counter() - begun)


async def _alone(write: Write) -> float:
    """Seconds of a block, the median."""
    took = []
    for _ in range(BLOCKS_ALONE):
        begun = time.perf_counter()
        await write()
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


@asynccontextmanager
async def _ours(path: Path) -> AsyncIterator[Write]:
    database = await Database.open(path, path.parent, NOW)
    numbers = itertools.count()

    async def write() -> None:
        scope = f"console:dm:{next(numbers)}"
        async with database.write() as transaction:
            await transaction.execute(_INSERT, {"scope": scope, "created_at": NOW})
            await transaction.execute(_UPDATE, {"of_scope": scope, "summary": SUMMARY})

    try:
        yield write
    finally:
        await database.close()


@asynccontextmanager
async def _floor(path: Path) -> AsyncIterator[Write]:
    await (await Database.open(path, path.parent, NOW)).close()
    numbers, turn = itertools.count(), asyncio.Lock()
    async with aiosqlite.connect(path, factory=Disk) as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")

        async def write() -> None:
            scope = f"console:dm:{next(numbers)}"
            async with turn:
                await connection.execute(
                    "INSERT INTO agents (scope, created_at, summary) VALUES (?, ?, '')", (scope, str(NOW))
                )
                await connection.execute("UPDATE agents SET summary = ? WHERE scope = ?", (SUMMARY, scope))
                await connection.commit()

        yield write


if __name__ == "__main__":
    report(asyncio.run(figures()))
