"""While the language model gives no answer: whose turns wait for it, who knows of it, and when it is tried again."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 300.0

Wait = Callable[[float], Awaitable[None]]
"""Lets some seconds pass."""


class Outage:
    """From the first call that fails to the next one that works; there may be many, one after the other.

    While it lasts, the waiting scopes are woken one by one, in turn, after longer and longer waits: whichever call
    works first ends it, and then all are woken. So a model that comes back is not met by everybody before it is known
    to be back, and a turn that fails for a reason of its own holds up nobody.
    """

    def __init__(self, wake: Callable[[str], object], wait: Wait = asyncio.sleep) -> None:
        self._wake = wake
        self._wait = wait
        self._waiting: dict[str, None] = {}  # in order
        self._told: set[str] = set()
        self._probing: asyncio.Task[None] | None = None
        self._at_least = 0.0

    @property
    def is_on(self) -> bool:
        """Whether the last call failed."""
        return self._probing is not None

    def failed(self, scope: str, retry_after: float | None = None) -> None:
        """A call for this scope gave no answer; the server may have said how long to wait, in seconds."""
        self._waiting.pop(scope, None)
        self._waiting[scope] = None
        self._at_least = max(self._at_least, retry_after or 0.0)
        if self._probing is None:
            logger.warning("the model gives no answer; it is tried again by and by")
            self._probing = asyncio.create_task(self._probe(), name="try the model again")

    def worked(self) -> None:
        """A call gave an answer."""
        self._at_least = 0.0
        if self._probing is None:
            return
        logger.info("the model answers again; scopes that waited: %d", len(self._waiting))
        self._probing.cancel()
        self._probing = None
        self._told.clear()
        woken, self._waiting = self._waiting, {}
        for scope in woken:
            self._wake(scope)

    def is_news_to(self, person: str) -> bool:
        """Whether this person has not been told of this outage; from now on they have."""
        is_news = person not in self._told
        self._told.add(person)
        return is_news

    async def close(self) -> None:
        """Try no more."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])
            self._probing = None

    async def _probe(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            # Not all bots of a server at the same moment.
            await self._wait(max(self._at_least, wait_s * random.uniform(0.8, 1.2)))
            self._at_least = 0.0
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)
            if self._waiting:
                scope = next(iter(self._waiting))
                del self._waiting[scope]  # it comes back, at the end, if its call fails again
                self._wake(scope)
