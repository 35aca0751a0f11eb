"""How the bot behaves in each channel, and in which threads it takes part."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import exists, select
from sqlalchemy.dialects.sqlite import insert

from memory.sqlite.database import Database, finish
from memory.sqlite.tables import channels, earlier_modes, threads


class Mode(StrEnum):
    """What the bot does with the messages of a channel. Threads that it takes part in are answered in all but `OFF`."""

    MENTION = "mention"
    """It answers when it is mentioned or replied to, and reads nothing else."""
    THREAD = "thread"
    """The same, but each answer opens a thread of its own."""
    LISTEN = "listen"
    """It reads everything, to remember it, and answers when it is addressed."""
    OPEN = "open"
    """It reads everything, and may answer whatever is not meant for somebody else."""
    OFF = "off"
    """It neither reads nor answers."""

    @property
    def reads_all(self) -> bool:
        """Whether it needs to see what is not addressed to it."""
        return self in (Mode.LISTEN, Mode.OPEN)


DEFAULT_MODE = Mode.MENTION

MOST_JOINED = 10_000
"""Threads that are kept at hand."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's mode, and who chose it; nobody, if it is the default."""

    mode: Mode
    changed_at: datetime | None = None
    changed_by: str | None = None


class Channels:
    """The channels of all platforms, by scope; what was asked once is kept at hand."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Channel] = {}
        self._joined: dict[tuple[str, str], None] = {}

    async def mode(self, scope: str) -> Mode:
        """The mode of a channel."""
        return (await self._at_hand(scope)).mode

    async def mode_at(self, scope: str, moment: datetime) -> Mode:
        """The mode that a channel had at a moment."""
        now = await self._at_hand(scope)
        if now.changed_at is None or moment >= now.changed_at:
            return now.mode
        since_then = (earlier_modes.c.scope == scope, earlier_modes.c.until > moment)
        first = select(earlier_modes.c.mode).where(*since_then).order_by(earlier_modes.c.until).limit(1)
        async with self._database.read() as connection:
            mode = await connection.scalar(first)
        return Mode(mode) if mode is not None else now.mode

    async def find(self, scope: str) -> Channel:
        """The mode of a channel and who chose it."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(channels).where(channels.c.scope == scope))).first()
        return Channel(Mode(row.mode), row.changed_at, row.changed_by) if row is not None else Channel(DEFAULT_MODE)

    async def all(self, platform: str) -> dict[str, Mode]:
        """The channels of a platform whose mode was chosen, by scope."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(channels).where(channels.c.scope.startswith(f"{platform}:")))
            return {row.scope: Mode(row.mode) for row in rows}

    async def choose(self, scope: str, mode: Mode, author: str, now: datetime) -> None:
        """Change the mode of a channel; `now` by the clock of the messages there, where that is known."""
        chosen = {"mode": mode.value, "changed_at": now, "changed_by": author}

        async def commit() -> None:
            async with self._database.write() as transaction:
                had = await transaction.scalar(select(channels.c.mode).where(channels.c.scope == scope))
                earlier = {"scope": scope, "until": now, "mode": had or DEFAULT_MODE.value}
                await transaction.execute(insert(earlier_modes).values(earlier).on_conflict_do_nothing())
                await transaction.execute(
                    insert(channels)
                    .values(scope=scope, **chosen)
                    .on_conflict_do_update(index_elements=["scope"], set_=chosen)
                )
            self._known[scope] = Channel(mode, now, author)

        await finish(commit())

    async def _at_hand(self, scope: str) -> Channel:
        if scope not in self._known:
            self._known[scope] = await self.find(scope)
        return self._known[scope]

    async def takes_part(self, scope: str, thread: str) -> bool:
        """Whether the bot takes part in a thread of a channel."""
        if (scope, thread) in self._joined:
            return True
        is_there = exists().where(threads.c.scope == scope, threads.c.thread == thread)
        async with self._database.read() as connection:
            return bool(await connection.scalar(select(is_there)))

    async def join(self, scope: str, thread: str, now: datetime) -> None:
        """From now on the bot takes part in a thread."""
        if (scope, thread) in self._joined:
            return

        async def commit() -> None:
            async with self._database.write() as transaction:
                await transaction.execute(
                    insert(threads).values(scope=scope, thread=thread, joined_at=now).on_conflict_do_nothing()
                )
            self._joined[scope, thread] = None
            if len(self._joined) > MOST_JOINED:
                del self._joined[next(iter(self._joined))]

        await finish(commit())
