"""What discord.py raises, in the terms of `adapters.ports`."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from adapters.ports import DeliveryRefused, PlatformUnavailable

UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS = 10003, 50001, 50013
NO_HISTORY, HAS_A_THREAD = 160002, 160004
INTERACTION_OVER = (10015, 50027)  # "Unknown Webhook", "Invalid Webhook Token"
"""https://discord.com/developers/docs/topics/opcodes-and-status-codes#json"""

NOT_KNOWN = (
    "DISCORD_TOKEN: Discord does not know this token. Reset it on the page Bot of your application at "
    "https://discord.com/developers/applications, and set the new one."
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise what a request to Discord can raise as `PlatformUnavailable` or `DeliveryRefused`."""
    try:
        yield
    except discord.RateLimited as error:
        raise PlatformUnavailable("over a rate limit", error.retry_after, may_be_posted=False) from error
    except discord.DiscordServerError as error:
        raise PlatformUnavailable(told(error)) from error
    except discord.HTTPException as error:
        if error.status == 429:
            raise PlatformUnavailable(told(error), _retry_after(error), may_be_posted=False) from error
        raise DeliveryRefused(told(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise PlatformUnavailable(str(error), may_be_posted=False) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise PlatformUnavailable(f"{type(error).__name__}: {error}") from error


def told(error: discord.HTTPException) -> str:
    """An answer of Discord for the log; it never holds what was sent."""
    return f"Discord answered {error.status} ({error.code}): {error.text[:200]}"


def _retry_after(error: discord.HTTPException) -> float | None:
    """What a proxy in between asks for, whose answers the library does not read."""
    try:
        return float(error.response.headers.get("Retry-After", ""))
    except ValueError:
        return None
