"""The sweep: timers that are due become events of the inbox and wake their agents, a few at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta

from bot.waiting import Waiting
from memory.timers import Firing, Timer, Timers

logger = logging.getLogger(__name__)

AT_ONCE = 100
"""Timers of one transaction."""

AGAIN_AFTER = timedelta(hours=1)
"""What stands against a timer, or breaks over it, may have passed by then."""

MOST_AT_WORK = 32
"""Agents that a clock has woken and that think at the same time: people do not queue behind all the others."""

Fires = Callable[[Timer, datetime], Awaitable[Firing]]
"""Says what becomes of a timer of one kind that is due."""


class Sweep:
    """Looks for what is due whenever it is told to.

    Args:
        timers: all there are.
        fires: what becomes of a timer, by its kind; one of a kind that is not among them stays.
        waiting: is told of the events.
        go_on: runs what waits in a scope.
        is_silenced: whether the agent of a scope is not to speak now.
        platforms: those that are served: what is due on others stays.
        now: the clock.
    """

    def __init__(
        self,
        timers: Timers,
        fires: Mapping[str, Fires],
        waiting: Waiting,
        go_on: Callable[[str], "asyncio.Future[None]"],
        is_silenced: Callable[[str], Awaitable[bool]],
        platforms: Collection[str],
        now: Callable[[], datetime],
    ) -> None:
        self._timers = timers
        self._fires = fires
        self._waiting = waiting
        self._go_on = go_on
        self._is_silenced = is_silenced
        self._platforms = platforms
        self._now = now
        self._sweeping = asyncio.Lock()
        self._line: deque[str] = deque()
        self._at_work = 0
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
            now, handed = self._now(), 0
            first = await self._timers.next_due(None, *self._served)
            if first is None or first > now:
                return first
            while due := await self._timers.due(now, AT_ONCE, *self._served):
                firings = [await self._fired(timer, now) for timer in due]
                events = await self._timers.hand_over(firings, now)
                for event in events:  # once all are kept, so that no turn takes some of them alone
                    self._waiting.note(event)
                for event in events:
                    self._line.append(event.scope)
                handed += len(events)
                if len(due) < AT_ONCE:
                    break
            if handed:
                logger.info("woken by the clock agents=%d", handed)
                self._begin()  # only now: what is due is kept before anybody thinks
            return await self._timers.next_due(now, *self._served)

    @property
    def _served(self) -> tuple[Collection[str], Collection[str], Collection[str] | None]:
        return self._platforms, self._fires, self.scopes

    async def _fired(self, timer: Timer, now: datetime) -> Firing:
        try:
            if await self._is_silenced(timer.scope):
                return Firing(timer, None, now + AGAIN_AFTER)
            return await self._fires[timer.kind](timer, now)
        except Exception:  # one must not be in the way of all others
            logger.exception("a timer cannot fire now timer=%d", timer.id)
            return Firing(timer, None, now + AGAIN_AFTER)

    def _begin(self) -> None:
        """Let agents think that were woken, as many as may at a time."""
        while self._line and self._at_work < MOST_AT_WORK:
            self._at_work += 1
            self._go_on(self._line.popleft()).add_done_callback(self._ended)

    def _ended(self, turn: "asyncio.Future[None]") -> None:
        self._at_work -= 1
        if not turn.cancelled() and turn.exception() is not None:
            logger.error("an agent that was woken broke", exc_info=turn.exception())
        self._begin()


def _nothing(_: datetime) -> None:
    """Nobody wants to know."""
