"""Showing on a platform that an answer is on its way: while it is being made, and not after."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable

LONGEST_S = 600.0


@asynccontextmanager
async def at_work(show: Callable[[], Awaitable[None]], shown_s: float) -> AsyncIterator[None]:
    """Show it while inside, and again each time it would fade; what cannot be shown is no reason to fail.

    Args:
        show: has the platform show it; raises what `ChatPlatform.send` does.
        shown_s: how long it can be seen.
    """

    async def keep_showing() -> None:
        with suppress(PlatformUnavailable, DeliveryRefused, TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                while True:
                    await show()
                    await asyncio.sleep(shown_s)

    task = asyncio.create_task(keep_showing(), name="at work")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
