"""In each channel one thing after the other: of those that wait, the one that happened first comes first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

_Waits = tuple[float, int, "asyncio.Future[None]"]


class Lines:
    """A line for each channel; gone when nobody stands in it.

    By Socket Mode Slack tells things in their order. Over HTTP each is a request of its own, and of two under way
    either may arrive first.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[_Waits]] = {}
        self._arrivals = count()

    @asynccontextmanager
    async def turn(self, channel: str, at: float = 0.0) -> AsyncIterator[None]:
        """Alone with a channel while inside; `at` is when it happened. Who calls stands in line before they wait."""
        line = self._lines.get(channel)
        if line is None:
            self._lines[channel] = []
        else:
            its_turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(line, (at, next(self._arrivals), its_turn))
            try:
                await its_turn
            except asyncio.CancelledError:
                if not its_turn.cancelled():  # it came in the same moment
                    self._next(channel)
                raise
        try:
            yield
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
