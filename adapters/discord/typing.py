"""The typing indicator: shown while an answer is being made, and never after."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from adapters.ports import DeliveryRefused, PlatformUnavailable

logger = logging.getLogger(__name__)

SHOWN_S = 8.0
"""Discord shows it for ten seconds, or until a message comes."""

LONGEST_S = 600.0


@asynccontextmanager
async def typing(show: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Show that an answer is on its way while inside; what cannot be shown is no reason to fail."""

    async def keep_showing() -> None:
        with suppress(PlatformUnavailable, DeliveryRefused, TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                while True:
                    await show()
                    await asyncio.sleep(SHOWN_S)

    task = asyncio.create_task(keep_showing(), name="typing")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
