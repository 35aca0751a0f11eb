"""What was said longer ago than the operator wants it kept is forgotten, at the start and once a day."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.changes import Changes
from bot.log import of_scope
from bot.outage import Wait
from memory.overview import Overview

logger = logging.getLogger(__name__)

DAY_S = 86_400.0


class Expiry:
    """Forgets for all agents, a little at a time, so that nobody waits for it.

    Args:
        overview: who is there.
        changes: removes, the way of a deletion by people.
        kept_for: how long, by the kind of scope (`dm`, `channel`); one that is not named keeps it for ever.
        now: the clock.
        wait: lets so many seconds pass.
    """

    def __init__(
        self,
        overview: Overview,
        changes: Changes,
        kept_for: Mapping[str, timedelta],
        now: Callable[[], datetime],
        wait: Wait,
    ) -> None:
        self._overview = overview
        self._changes = changes
        self._kept_for = kept_for
        self._now = now
        self._wait = wait

    @property
    def is_wanted(self) -> bool:
        """Whether anything is ever forgotten for its age."""
        return bool(self._kept_for)

    async def expire(self) -> int:
        """Forget what is too old by now; returns how many messages."""
        forgotten = 0
        for kind, age in self._kept_for.items():
            before = self._now() - age
            for scope in await self._overview.with_older(kind, before):
                with of_scope(scope):
                    while some := await self._changes.expire(scope, before):
                        forgotten += some
                        await asyncio.sleep(0)
        return forgotten

    async def daily(self) -> None:
        """Forget at once and then every day, until cancelled."""
        while True:
            try:
                if forgotten := await self.expire():
                    logger.info("too old, and forgotten messages=%d", forgotten)
            except Exception:  # what could not be forgotten today can be tomorrow; the bot serves on
                logger.exception("what is too old could not be forgotten")
            await self._wait(DAY_S)
