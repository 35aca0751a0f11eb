"""In each channel one thing after the other: of those that wait, the one that happened first comes first."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

_Waits = tuple[float, int, "asyncio.Future[None]"]


class Lines:
    """A line for each channel; gone when nobody stands in it.

    By Socket Mode Slack tells things in their order. Over HTTP each is a request of its own, and of two under way
    either may arrive first.

    Args:
        settle: lets the time pass in which what happened before may still arrive, where things come in any order.
    """

    def __init__(self, settle: Callable[[], Awaitable[None]] | None = None) -> None:
        self._settle = settle
        self._lines: dict[str, list[_Waits]] = {}
        self._arrivals = count()

    @asynccontextmanager
    async def turn(self, channel: str, at: float = 0.0) -> AsyncIterator[None]:
        """Alone with a channel while inside; `at` is when it happened. Who calls stands in line before they wait."""
        is_first = channel not in self._lines
        line = self._lines.setdefault(channel, [])
        if not is_first or (self._settle is not None and at > 0):
            its_turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(line, (at, next(self._arrivals), its_turn))
            try:
                if is_first:
                    await self._settled(channel)
                await its_turn
            except asyncio.CancelledError:
                if its_turn.done() and not its_turn.cancelled():  # it came in the same moment
                    self._next(channel)
                its_turn.cancel()
                raise
        try:
            yield
        finally:
            self._next(channel)

    async def _settled(self, channel: str) -> None:
        """Whoever comes first to a channel waits, and then it is the turn of what happened first."""
        try:
            if self._settle is not None:
                await self._settle()
        finally:
            self._next(channel)

    def _next(self, channel: str) -> None:
        line = self._lines[channel]
        while line:
            *_, its_turn = heappop(line)
            if not its_turn.done():
                its_turn.set_result(None)
                return
        del self._lines[channel]
