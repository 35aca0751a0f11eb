"""Tells people what the program itself has to say of their messages, once it can be told.

What says that no answer will come is kept with the end of the turn. Should the process die between telling it and
writing that down, it is told again: better than never.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from adapters.ports import ChatPlatform, DeliveryRefused, Origin
from bot.origins import of_json, to_json
from bot.outage import Wait
from bot.scopes import scope_of
from memory.database import Transaction
from memory.notices import Notice, NoticeStore

logger = logging.getLogger(__name__)

TOLD_WITHIN = timedelta(hours=24)
"""A notice that is older is of no use to anybody."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0


class Notices:
    """Tells each notice, and tries again those that could not be told.

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
        self._retrying: dict[str, asyncio.Task[None]] = {}
        self._added: set[str] = set()
        """Platforms for which something was kept since their task last looked."""

    @property
    def is_busy(self) -> bool:
        """Whether there is something that could not be told yet."""
        return bool(self._retrying)

    async def add(self, transaction: Transaction, origin: Origin, text: str) -> Notice:
        """Keep a notice; `tell` it after the commit."""
        platform = origin.address.platform
        return await self._store.add(transaction, platform, scope_of(origin), to_json(origin), text, self._now())

    async def tell(self, notice: Notice) -> None:
        """Tell a notice now, or behind those that wait; never raises."""
        origin = of_json(notice.origin)
        platform = origin.address.platform
        if platform in self._retrying:
            self._added.add(platform)
        elif await self.say(origin, notice.text):
            await self._over(notice)
        else:
            self._retry_soon(platform)

    async def say(self, origin: Origin, text: str) -> bool:
        """Tell what is of use at this moment alone, and is not kept; whether that is done with. Never raises."""
        try:
            await self._platforms[origin.address.platform].notify(origin, text)
        except DeliveryRefused:
            logger.warning("a notice is not wanted where it belongs", exc_info=True)
        except Exception:
            logger.exception("a notice could not be delivered")
            return False
        return True

    async def resume(self) -> None:
        """Take up what an earlier process left."""
        for platform in await self._store.platforms():
            self._retry_soon(platform)

    def connected(self, platform: str) -> None:
        """A platform has a new connection: what waits for one is tried at once."""
        if (task := self._retrying.pop(platform, None)) is not None:
            task.cancel()
            self._retry_soon(platform)

    async def close(self) -> None:
        """Tell no more; what is left is for the next start."""
        tasks = list(self._retrying.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _retry_soon(self, platform: str) -> None:
        """Tell what is still to be told on a platform, at once and then after longer and longer waits."""
        if platform in self._platforms:
            self._retrying[platform] = asyncio.create_task(self._retry(platform), name=f"notices {platform}")

    async def _retry(self, platform: str) -> None:
        pause_s = FIRST_PAUSE_S
        try:
            while True:
                self._added.discard(platform)
                if not await self._told_all(platform):
                    await self._wait(pause_s)
                    pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
                elif platform not in self._added:
                    return
        finally:
            if self._retrying.get(platform) is asyncio.current_task():
                del self._retrying[platform]

    async def _told_all(self, platform: str) -> bool:
        """Tell what is open, in order, as far as it goes."""
        try:
            for notice in await self._store.open_of(platform):
                is_late = self._now() - notice.created_at > TOLD_WITHIN
                if not is_late and not await self.say(of_json(notice.origin), notice.text):
                    return False
                await self._store.over(notice.id)
        except Exception:
            logger.exception("the notices cannot be read or written")
            return False
        return True

    async def _over(self, notice: Notice) -> None:
        try:
            await self._store.over(notice.id)
        except Exception:
            logger.exception("that a notice was told could not be written down")
