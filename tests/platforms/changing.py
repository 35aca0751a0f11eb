"""Something that changes, and those who wait until it is as they want it."""

import asyncio
from collections.abc import Callable


class Changing:
    """What is waited for is looked at again at each `stir`."""

    def __init__(self) -> None:
        self._change = asyncio.Event()

    def stir(self) -> None:
        """Something may have changed: those who wait look again."""
        self._change.set()

    async def until(self, holds: Callable[[], object], within_s: float = 10) -> None:
        """Wait until something holds; looked at whenever anything comes in."""
        async with asyncio.timeout(within_s):
            while not holds():
                self._change.clear()
                await self._change.wait()
