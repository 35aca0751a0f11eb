"""While the language model gives no answer: whose turns wait for it, who knows of it, and when it is tried again."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 300.0
LONGEST_ASKED_S = 86_400.0
"""Whatever a server asks for, it is tried again after a day."""

Wait = Callable[[float], Awaitable[None]]
"""Lets some seconds pass."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A scope that waits: until when at most, and that it is no use to try it before a moment."""

    until: datetime
    not_before: datetime


@dataclass(frozen=True, slots=True)
class _Failing:
    """A scope that failed: how many answers everybody had had by then, and how often it failed between those."""

    answers: int
    apart: int


class Outage:
    """From the first call that fails to the next one that works; there may be many, one after the other.

    While it lasts, the waiting scopes are woken one by one, in turn, after longer and longer waits: whichever call
    works first ends it, and then all are woken. So a model that comes back is not met by everybody before it is known
    to be back. A turn that fails while others are answered fails for a reason of its own: it is tried after waits of
    its own, and holds up nobody. Whoever has waited as long as they may is woken as well, to be put aside.

    Args:
        wake: has a scope go on.
        wait: lets time pass.
        now: the clock.
    """

    def __init__(self, wake: Callable[[str], object], wait: Wait, now: Callable[[], datetime]) -> None:
        self._wake = wake
        self._wait = wait
        self._now = now
        self._waiting: dict[str, _Waiting] = {}  # in the order in which they are tried
        self._failing: dict[str, _Failing] = {}
        self._answers = 0
        self._told: set[str] = set()
        self._pause_s = FIRST_WAIT_S
        self._next_try_at: datetime | None = None
        """Not before then is the model tried again; None while it answers."""
        self._tending: asyncio.Task[None] | None = None
        self.since: datetime | None = None
        """When it began; None while the model answers."""

    @property
    def is_on(self) -> bool:
        """Whether the last call failed."""
        return self._next_try_at is not None

    def failed(self, scope: str, until: datetime, retry_after: float | None = None) -> None:
        """A call for a scope gave no answer.

        Args:
            scope: whose.
            until: so long it may wait for one.
            retry_after: how long the server said to wait, in seconds.
        """
        now = self._now()
        if self._next_try_at is None:
            logger.warning("the model gives no answer; it is tried again by and by")
            self.since = self.since or now
            self._pause_s = FIRST_WAIT_S
            self._next_try_at = now + self._next_pause()
        self._next_try_at = max(self._next_try_at, now + timedelta(seconds=min(retry_after or 0.0, LONGEST_ASKED_S)))
        before = self._failing.get(scope, _Failing(self._answers, 0))
        apart = before.apart + (before.answers != self._answers)
        self._failing[scope] = _Failing(self._answers, apart)
        own_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(apart, 10)) if apart else 0.0
        self._waiting.pop(scope, None)
        self._waiting[scope] = _Waiting(until, now + timedelta(seconds=own_s))
        self._tend_anew()

    def worked(self, scope: str) -> None:
        """A call for a scope gave an answer."""
        self._answers += 1
        self._failing.pop(scope, None)
        self.since = None
        if self._next_try_at is None:
            return
        now = self._now()
        self._next_try_at = None
        self._told.clear()
        woken = [scope for scope, waiting in self._waiting.items() if waiting.not_before <= now]
        logger.info("the model answers again; scopes that waited: %d", len(woken))
        self._go_on(woken)
        self._tend_anew()

    def over(self, scope: str, *, waits_on: bool) -> None:
        """A scope does not wait for its answer any more; `waits_on`: something behind it will be tried next.

        When nobody waits, nobody knows whether the model is still down.
        """
        self._failing.pop(scope, None)
        if self._next_try_at is not None and not self._failing and not waits_on:
            self._next_try_at = self.since = None
            self._told.clear()

    def is_news_to(self, person: str) -> bool:
        """Whether this person has not been told of this outage; from now on they have."""
        is_news = person not in self._told
        self._told.add(person)
        return is_news

    async def close(self) -> None:
        """Try no more."""
        self._waiting.clear()
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait([self._tending])

    def _next_pause(self) -> timedelta:
        pause_s, self._pause_s = self._pause_s, min(LONGEST_WAIT_S, self._pause_s * 2)
        return timedelta(seconds=pause_s * random.uniform(0.8, 1.2))  # not all bots of a server at the same moment

    def _go_on(self, scopes: list[str]) -> None:
        for scope in scopes:
            del self._waiting[scope]  # it comes back, at the end, if its call fails again
            self._wake(scope)

    def _tend_anew(self) -> None:
        """What is to be waited for has changed."""
        if self._tending is not None:
            self._tending.cancel()
        self._tending = asyncio.create_task(self._tend(), name="try the model again") if self._waiting else None

    async def _tend(self) -> None:
        while self._waiting:
            now = self._now()
            due = [scope for scope, waiting in self._waiting.items() if waiting.until <= now]
            if self._next_try_at is None:
                due += [scope for scope, waiting in self._waiting.items() if waiting.not_before <= now < waiting.until]
            elif self._next_try_at <= now:
                self._next_try_at = now + self._next_pause()
                due += [scope for scope, waiting in self._waiting.items() if waiting.not_before <= now < waiting.until][
                    :1
                ]
            if due:
                self._go_on(due)
            else:
                await self._wait((self._next_moment() - now).total_seconds())

    def _next_moment(self) -> datetime:
        """When there is something to do."""
        tries = min(waiting.not_before for waiting in self._waiting.values())
        if self._next_try_at is not None:
            tries = max(tries, self._next_try_at)
        return min(tries, *(waiting.until for waiting in self._waiting.values()))
