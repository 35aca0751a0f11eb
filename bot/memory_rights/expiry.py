"""What was said longer ago than the operator wants it kept is forgotten, at the start and once a day."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.inbound.changes import Changes
from bot.log import of_scope
from memory.overview import Overview

logger = logging.getLogger(__name__)


class Expiry:
    """Forgets for all agents, a little at a time, so that nobody waits for it.

    Args:
        overview: who is there.
        changes: removes, the way of a deletion by people.
        kept_for: how long, by the kind of scope (`dm`, `channel`); one that is not named keeps it for ever.
        now: the clock.
    """

    def __init__(
        self,
        overview: Overview,
        changes: Changes,
        kept_for: Mapping[str, timedelta],
        now: Callable[[], datetime],
    ) -> None:
        self._overview = overview
        self._changes = changes
        self._kept_for = kept_for
        self._now = now

    def kept_for(self, scope: str) -> timedelta | None:
        """How long what is said to the agent of a scope is kept; None for as long as nobody removes it."""
        return self._kept_for.get(scope.split(":", 2)[1])

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

    async def as_ever(self) -> None:
        """Forget, and never raise: what could not be forgotten today can be tomorrow; the bot serves on."""
        try:
            forgotten = await self.expire()
        except Exception:
            logger.exception("what is too old could not be forgotten")
            return
        if forgotten:
            logger.info("too old, and forgotten messages=%d", forgotten)
