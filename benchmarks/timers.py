"""What it costs that agents wake by themselves: a sweep over very many timers, many due at once, many overdue.

Every timer is of an agent of its own. The model server runs in a process of its own, and turns run while timers are
handed over, as they do in earnest.
"""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.ports.messages import InboundMessage
from benchmarks.figures import Figure, report
from benchmarks.model_server import model_server
from bot.process.garbage import collect_seldom
from bot.testing import Bot, Clock, direct, open_bot
from memory.sqlite.database import Database

PENDING, AT_ONCE, OVERDUE = 100_000, 1_000, 10_000
SWEEPS = 100

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

_ORIGIN = (
    """'{"address": {"platform": "console", "channel": "p' || n || '", "thread": null}, """
    """"person": {"id": "p' || n || '", "name": "P"}, "is_direct": true, "space": null}'"""
)


async def figures() -> list[Figure]:
    """Measure."""
    async with model_server() as url:
        idle, handed, longest = await _pending(url)
        start, answered = await _overdue(url)
    return [
        Figure(f"sweep of {PENDING} timers, none due", 1000 * idle, "ms", 2),
        Figure(f"{AT_ONCE} due at once, handed over", handed, "s", 2),
        Figure("longest stop of the event loop meanwhile", 1000 * longest, "ms", 50),
        Figure(f"start with {OVERDUE} overdue, all handed over", start, "s", 5),
        Figure(f"next start, which finds {OVERDUE} events: a person's answer", answered, "s", 5),
    ]


async def _pending(url: str) -> tuple[float, float, float]:
    async with _store(PENDING, NOW + timedelta(days=30)) as folder, _bot(url, folder) as bot:
        await bot.app.sweep()
        times = []
        for _ in range(SWEEPS):
            begun = time.perf_counter()
            await bot.app.sweep()
            times.append(time.perf_counter() - begun)
        due = int(NOW.timestamp()) * 10**6
        async with bot.app.stores.database.write(alone=True) as transaction:
            await transaction.exec_driver_sql(f"UPDATE timers SET due_at = {due} WHERE id <= {AT_ONCE}")
        stops: list[float] = []
        watching = asyncio.create_task(_watch(stops))
        await asyncio.sleep(0.1)
        stops.clear()
        begun = time.perf_counter()
        await bot.app.sweep()
        handed = time.perf_counter() - begun
        longest = max(stops, default=0.0)
        watching.cancel()
        await _until(lambda: len(bot.platform.sent) >= AT_ONCE)
    return statistics.median(times), handed, longest


async def _overdue(url: str) -> tuple[float, float]:
    """How long it takes to hand all over; and after a stop, until somebody who writes at the start is answered."""
    async with _store(OVERDUE, NOW - timedelta(days=1)) as folder:
        begun = time.perf_counter()
        async with _bot(url, folder) as bot:
            await bot.app.sweep()
            taken = time.perf_counter() - begun
            async with bot.app.stores.database.read() as connection:
                kept = (await connection.exec_driver_sql("SELECT count(*) FROM inbox")).scalar()
            assert kept == OVERDUE, kept
        async with _bot(url, folder) as bot:
            begun = time.perf_counter()
            message = InboundMessage("hello", direct("ada"), "Hello", bot.clock())
            turn = asyncio.ensure_future(await bot.app.receiver.receive(message))
            await _until(lambda: any(address.channel == "ada" for address, _ in bot.platform.sent))
            answered = time.perf_counter() - begun
            turn.cancel()
    return taken, answered


@asynccontextmanager
async def _bot(url: str, folder: Path) -> AsyncIterator[Bot]:
    collect_seldom()
    async with open_bot(folder, clock=Clock(NOW), llm_model="m", openai_base_url=url, llm_tier="tools") as bot:
        yield bot


async def _watch(stops: list[float]) -> None:
    """Note how long the event loop came to nothing else, again and again."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0)
        stops.append(time.perf_counter() - begun)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not is_so():  # noqa: ASYNC110 - the platform tells nobody what was sent
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _store(count: int, due: datetime) -> AsyncIterator[Path]:
    """A data directory with so many agents, each with a timer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await (await Database.open(folder / "bot.db", folder, NOW)).close()
        moment = int(due.timestamp()) * 10**6
        numbers = f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})"
        with closing(sqlite3.connect(folder / "bot.db")) as connection, connection:
            for statement in (
                f"INSERT INTO agents (id, scope, created_at, summary) {numbers} "
                f"SELECT n, 'console:dm:p' || n, {moment}, '' FROM n",
                "INSERT INTO blocks (agent_id, label, position, value) SELECT id, 'persona', 0, 'Kind.' FROM agents",
                "INSERT INTO blocks (agent_id, label, position, value) SELECT id, 'human', 1, '' FROM agents",
                "INSERT INTO timers (id, agent_id, kind, state, due_at, set_at, platform, person, origin, note) "
                f"{numbers} SELECT n, n, 'follow_up', 'waiting', {moment}, {moment}, 'console', 'console:p' || n, "
                f"{_ORIGIN}, 'call mum' FROM n",
            ):
                connection.execute(statement)
        yield folder


if __name__ == "__main__":
    report(asyncio.run(figures()))
