"""What discord.py raises, in the terms of `adapters.ports`."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable

UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS = 10003, 50001, 50013
NO_HISTORY, HAS_A_THREAD = 160002, 160004
ACKNOWLEDGED = 40060
INTERACTION_OVER = (10015, 10062, 50027)  # "Unknown Webhook", "Unknown interaction", "Invalid Webhook Token"
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
        if (
            error.status == 401 and error.code not in INTERACTION_OVER
        ):  # the token was reset: with a new one it is taken
            raise PlatformUnavailable(told(error), may_be_posted=False) from error
        raise DeliveryRefused(told(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise PlatformUnavailable(str(error), may_be_posted=False) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise PlatformUnavailable(f"{type(error).__name__}: {error}") from error
    except RuntimeError as error:
        if str(error) != "Session is closed":  # aiohttp's, of a connection that another has taken the place of
            raise
        raise PlatformUnavailable("the connection has ended", may_be_posted=False) from error


def code_of(error: BaseException) -> int | None:
    """Discord's code for what it refused, where that is what an error came of."""
    return getattr(error.__cause__, "code", None)


def told(error: discord.HTTPException) -> str:
    """An answer of Discord for the log; it never holds what was sent."""
    return f"Discord answered {error.status} ({error.code}): {error.text[:200]}"


def _retry_after(error: discord.HTTPException) -> float | None:
    """What a proxy in between asks for, whose answers the library does not read."""
    try:
        return float(error.response.headers.get("Retry-After", ""))
    except ValueError:
        return None
