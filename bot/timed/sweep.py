"""The sweep: timers that are due become events of the inbox and wake their agents, a few at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from bot.inbound.waiting import Waiting
from memory.turns.timers import Firing, Timer, Timers

logger = logging.getLogger(__name__)

AT_ONCE = 100
"""Timers of one transaction."""

AGAIN_AFTER = timedelta(hours=1)
"""What breaks over a timer may have passed by then."""

Fires = Callable[[Timer, datetime], Awaitable[Firing]]
"""Says what becomes of a timer of one kind that is due."""


class Sweep:
    """Looks for what is due whenever it is told to.

    Args:
        timers: all there are.
        fires: what becomes of a timer, by its kind; one of a kind that is not among them stays.
        waiting: is told of the events.
        go_on: runs what waits in scopes, a few at a time.
        platforms: those that are served: what is due on others stays.
        now: the clock.
    """

    def __init__(
        self,
        timers: Timers,
        fires: Mapping[str, Fires],
        waiting: Waiting,
        go_on: Callable[[Sequence[str]], None],
        platforms: Collection[str],
        now: Callable[[], datetime],
    ) -> None:
        self._timers = timers
        self._fires = fires
        self._waiting = waiting
        self._go_on = go_on
        self._platforms = platforms
        self._now = now
        self._sweeping = asyncio.Lock()
        self.scopes: Collection[str] | None = None
        """If not None, only these are swept."""
        self.on_sooner: Callable[[datetime], None] = _nothing
        """Is told of a moment at which something new is due."""

    def expect(self, due: datetime | None) -> None:
        """A timer was set for a moment; to be called after the commit."""
        if due is not None:
            self.on_sooner(due)

    async def __call__(self) -> datetime | None:
        """Hand over all that is due now; returns when the next is, None if nothing is set."""
        async with self._sweeping:
            now, woken = self._now(), list[str]()
            first = await self._timers.next_due(None, *self._served)
            if first is None or first > now:
                return first
            while due := await self._timers.due(now, AT_ONCE, *self._served):
                firings = [await self._fired(timer, now) for timer in due]
                events = await self._timers.hand_over(firings, now)
                for event in events:  # once all are kept, so that no turn takes some of them alone
                    self._waiting.note(event)
                woken += (event.scope for event in events)
                if len(due) < AT_ONCE:
                    break
            if woken:
                logger.info("woken by the clock agents=%d", len(woken))
                self._go_on(woken)  # only now: what is due is kept before anybody thinks
            return await self._timers.next_due(now, *self._served)

    @property
    def _served(self) -> tuple[Collection[str], Collection[str], Collection[str] | None]:
        return self._platforms, self._fires, self.scopes

    async def _fired(self, timer: Timer, now: datetime) -> Firing:
        try:
            return await self._fires[timer.kind](timer, now)
        except Exception:  # one must not be in the way of all others
            logger.exception("a timer cannot fire now timer=%d", timer.id)
            return Firing(timer, None, now + AGAIN_AFTER)


def _nothing(_: datetime) -> None:
    """Nobody wants to know."""
