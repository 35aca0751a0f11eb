"""Tells people what the program itself has to say of their messages, once it can be told.

What says that no answer will come is kept with the end of the turn, and told by the one task of its platform. Should
the process die between telling it and writing that down, it is told again: better than never.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Origin
from adapters.ports.platform import ChatPlatform
from bot.origins import of_json, to_json
from bot.scopes import scope_of
from bot.turns.outage import Wait
from memory.sqlite.database import Transaction
from memory.turns.notices import NoticeStore

logger = logging.getLogger(__name__)

TOLD_WITHIN = timedelta(hours=24)
"""A notice that is older is of no use to anybody."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0

ANSWERS_WITHIN_S = 60.0
"""A platform that says nothing for so long is left."""


@dataclass(eq=False, slots=True)
class _Line:
    """A platform on which something is to be told, and the task that tells it."""

    task: "asyncio.Task[None] | None" = None
    is_woken: bool = False
    """Something was kept since the task last looked."""
    pause: "asyncio.Future[None] | None" = None
    at_rest: asyncio.Event = field(default_factory=asyncio.Event)
    """All is told, or waits for a later try."""
    told: set[int] = field(default_factory=set)
    """What was told while the database did not take that."""


class Notices:
    """Tells notices, and tries again those that could not be told.

    Args:
        store: those that are kept.
        platforms: by name.
        now: the clock.
        wait: lets so many seconds pass.
    """

    def __init__(
        self, store: NoticeStore, platforms: Mapping[str, ChatPlatform], now: Callable[[], datetime], wait: Wait
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._now = now
        self._wait = wait
        self._lines: dict[str, _Line] = {}
        self._saying: set[asyncio.Task[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Whether there is something that could not be told yet."""
        return bool(self._lines)

    async def add(self, transaction: Transaction, origin: Origin, text: str) -> None:
        """Keep a notice; `wake` after the commit."""
        platform = origin.address.platform
        await self._store.add(transaction, platform, scope_of(origin), to_json(origin), text, self._now())

    async def tell(self, origin: Origin, text: str) -> None:
        """Keep a notice that is of weight however late it is told, and begin to tell it."""
        platform = origin.address.platform
        await self._store.keep(platform, scope_of(origin), to_json(origin), text, self._now())
        self.wake(platform)

    def wake(self, platform: str) -> None:
        """Tell what was kept for a platform."""
        if platform not in self._platforms:
            return
        line = self._lines.get(platform)
        if line is None:
            line = self._lines[platform] = _Line()
            line.task = asyncio.create_task(self._run(platform, line), name=f"notices {platform}")
            return
        line.is_woken = True
        line.at_rest.clear()
        if line.pause is not None:
            line.pause.cancel()

    def connected(self, platform: str) -> None:
        """A platform has a new connection: what waits is tried at once."""
        if platform in self._lines:
            self.wake(platform)

    async def resume(self) -> None:
        """Take up what an earlier process left."""
        for platform in await self._store.platforms():
            self.wake(platform)

    def say_soon(self, origin: Origin, text: str, holds: Callable[[], bool]) -> None:
        """Tell what is of use at this moment alone, and is not kept; nobody waits for it.

        Args:
            origin: whom, and where.
            text: what.
            holds: whether it is still so, asked when it is told.
        """

        async def say() -> None:
            if holds():
                await self.say(origin, text)

        task = asyncio.create_task(say(), name="a notice")
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def say(self, origin: Origin, text: str) -> bool:
        """Tell somebody something now; returns whether that is done with. Never raises but when cancelled."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await self._platforms[origin.address.platform].notify(origin, text)
        except DeliveryRefused as error:
            logger.warning("a notice is not wanted where it belongs: %s", error)
        except (PlatformUnavailable, TimeoutError) as error:
            logger.warning("a notice could not be delivered: %s", error or "no answer from the platform")
            return False
        except Exception:
            logger.exception("a notice could not be delivered")
            return False
        return True

    async def settled(self, platform: str) -> None:
        """Wait until all that was to be told on a platform is told, or waits for a later try."""
        while self._saying:
            await asyncio.wait(set(self._saying))
        if (line := self._lines.get(platform)) is not None:
            await line.at_rest.wait()

    async def close(self) -> None:
        """Tell no more; what is left is for the next start."""
        tasks = [*self._saying, *(line.task for line in self._lines.values() if line.task is not None)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, platform: str, line: _Line) -> None:
        pause_s = FIRST_PAUSE_S
        try:
            while True:
                line.is_woken = False
                if await self._tell_open(platform, line.told):
                    if not line.is_woken:
                        return
                    continue
                await self._pause(line, pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
        finally:
            del self._lines[platform]
            line.at_rest.set()

    async def _pause(self, line: _Line, seconds: float) -> None:
        """Wait, but no longer than until the next wake."""
        if line.is_woken:
            return
        line.pause = asyncio.ensure_future(self._wait(seconds))
        line.at_rest.set()
        try:
            await asyncio.wait([line.pause])
        finally:
            line.pause.cancel()
            line.pause = None
            line.at_rest.clear()

    async def _tell_open(self, platform: str, told: set[int]) -> bool:
        """Tell what is open and not `told`, in order; one that fails holds up no other.

        Returns:
            Whether nothing is left.
        """
        is_done = True
        try:
            for notice in await self._store.open_of(platform):
                is_late = not notice.however_late and self._now() - notice.created_at > TOLD_WITHIN
                if notice.id in told or is_late or await self.say(of_json(notice.origin), notice.text):
                    told.add(notice.id)
                    await self._store.over(notice.id)
                    told.discard(notice.id)
                else:
                    is_done = False
        except Exception:
            logger.exception("the notices cannot be read or written")
            return False
        return is_done
