"""One by one: what comes in for an agent is kept in the order in which it came; no agent waits for another's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class OneByOne:
    """A lock for each scope, first come, first served; gone when nobody wants it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._wanted: dict[str, int] = {}

    @asynccontextmanager
    async def of(self, scope: str) -> AsyncIterator[None]:
        """Alone with a scope while inside."""
        lock = self._locks.setdefault(scope, asyncio.Lock())
        self._wanted[scope] = self._wanted.get(scope, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._wanted[scope] -= 1
            if not self._wanted[scope]:
                del self._wanted[scope], self._locks[scope]
