"""Reading the history of a place, however long the platform takes to let us."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable

logger = logging.getLogger(__name__)

READ_AGAIN_AFTER_S = (1.0, 10.0, 30.0, 60.0)
"""Pauses between tries to read what was missed in a place, while what is said there now waits."""

LONGEST_HELD_S = 120.0
"""So long what an earlier process left waits at most for the histories, after a connection."""

T = TypeVar("T")


async def read_patiently(read: Callable[[], Awaitable[T | None]], wait: Callable[[float], Awaitable[None]]) -> T | None:
    """What stands in a place; when the next message is kept, it is too late to read what was missed before it.

    Args:
        read: reads it once; raises what `ChatPlatform.find_sent` does.
        wait: lets so many seconds pass.

    Returns:
        None if it cannot be read; never raises.
    """
    for pause_s in (*READ_AGAIN_AFTER_S, None):
        try:
            return await read()
        except DeliveryRefused as error:
            logger.info("a place cannot be looked through: %s", error)
            return None
        except PlatformUnavailable as error:
            if pause_s is None:
                logger.warning("what was missed in a place stays unread: %s", error)
                return None
            logger.info("a place cannot be looked through, tried again in_s=%.0f: %s", pause_s, error)
            await wait(pause_s)
        except Exception:  # of one place; the others are not to be missed over it
            logger.exception("what was missed in a place stays unread")
            return None
    return None
