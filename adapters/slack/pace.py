"""Not more than a message a second in one channel: https://docs.slack.dev/apis/web-api/rate-limits#posting-messages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

EVERY_S = 1.0
MOST_KNOWN = 1000


class Pace:
    """When something was posted last in each channel.

    Args:
        wait: lets so many seconds pass.
        now: a clock that only goes on, in seconds.
    """

    def __init__(self, wait: Callable[[float], Awaitable[None]], now: Callable[[], float]) -> None:
        self._wait = wait
        self._now = now
        self._posted: dict[str, float] = {}
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def next_in(self, channel: str) -> AsyncIterator[None]:
        """Post inside, when it is time; whoever came first is first."""
        async with self._lines.setdefault(channel, asyncio.Lock()):
            left_s = self._posted.pop(channel, float("-inf")) + EVERY_S - self._now()
            if left_s > 0:
                await self._wait(left_s)
            try:
                yield
            finally:
                self._posted[channel] = self._now()
                if len(self._posted) > MOST_KNOWN:
                    del self._posted[next(iter(self._posted))]
