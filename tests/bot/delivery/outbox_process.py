"""An outbox over a database, as a process has it; and platforms that keep it waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from adapters.ports.errors import PlatformUnavailable
from adapters.ports.messages import Address
from adapters.ports.platform import Sought
from bot.delivery.outbox import Outbox
from bot.testing import Fault, RecordingPlatform
from memory.sqlite.database import Database
from memory.sqlite.tables import agents, outbox
from memory.turns.outbox import OutboxStore

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA, BOB = Address("console", "ada"), Address("console", "bob")
ADA_IN_THREAD = Address("console", "ada", "thread")

REFUSED_TO_CONNECT = Fault(PlatformUnavailable("no connection", may_be_posted=False))
UNHEARD = Fault(PlatformUnavailable("connection lost"))
UNHEARD_BUT_POSTED = Fault(PlatformUnavailable("connection lost"), is_posted=True)


@dataclass
class Time:
    """A clock that moves only when somebody waits."""

    moment: datetime = START
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.moment

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moment += timedelta(seconds=seconds)
        await asyncio.sleep(0)


async def for_ever(seconds: float) -> None:
    await asyncio.Event().wait()


@dataclass
class Process:
    """An outbox over a database, and what one looks at."""

    database: Database
    platform: RecordingPlatform
    outbox: Outbox
    agent_id: int
    now: Callable[[], datetime]

    @property
    def store(self) -> OutboxStore:
        return OutboxStore(self.database)

    async def add(self, *texts: str, at: Address = ADA) -> None:
        async with self.database.write() as transaction:
            await self.store.add(
                transaction, self.agent_id, None, at.platform, at.channel, at.thread, texts, self.now()
            )

    async def say(self, *texts: str, at: Address = ADA) -> None:
        await self.add(*texts, at=at)
        self.outbox.wake(at)

    async def idle(self) -> None:
        """Wait until nothing is left to deliver."""
        while tasks := self.tasks():
            await asyncio.wait(tasks)

    def tasks(self) -> list[asyncio.Task[None]]:
        return [task for line in self.outbox._lines.values() if (task := line.task) is not None]

    def shown(self, at: Address = ADA) -> list[str]:
        return list(self.platform.shown.get(at, {}).values())

    async def rows(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(select(outbox).order_by(outbox.c.id)))

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]


@asynccontextmanager
async def process(
    folder: Path, platform: RecordingPlatform, time: Time | None = None, wait: Any = None
) -> AsyncIterator[Process]:
    """Open what an earlier process left; leaving is as being killed, for nothing is written any more."""
    time = time or Time()
    database = await Database.open(folder / "bot.db", folder / "backups", START)
    async with database.read() as connection:
        agent_id = await connection.scalar(select(agents.c.id))
    outbox = Outbox(OutboxStore(database), {platform.name: platform}, time, wait or time.wait)
    running = Process(database, platform, outbox, agent_id or 0, time)
    try:
        yield running
    finally:
        await outbox.close(0)
        await database.close()


class Gate(RecordingPlatform):
    """Does not answer before it is told to; `posts_first` says whether it has shown the reply by then."""

    def __init__(self, *, posts_first: bool = False) -> None:
        super().__init__()
        self.posts_first = posts_first
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        if self.posts_first:
            await super().send(address, text, key)
        self.reached.set()
        await self.opened.wait()
        return f"message-{key}" if self.posts_first else await super().send(address, text, key)


class Telling(RecordingPlatform):
    """Knows whether it is connected; whoever sends or looks while it is not does what should not be done."""

    def __init__(self, *, is_connected: bool = False) -> None:
        super().__init__()
        self.is_connected = is_connected
        self.looked_for: list[str] = []
        self.sought: list[Sought] = []

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        assert self.is_connected
        return await super().send(address, text, key)

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        assert self.is_connected
        self.looked_for.append(key)
        self.sought += [] if sought is None else [sought]
        return await super().find_sent(address, key, sought)

    def connect(self, here: Process) -> None:
        self.is_connected = True
        here.outbox.connected(self.name)
