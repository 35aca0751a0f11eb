"""What was written while nobody listened: read from the histories of the places that were heard of lately."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import discord

from adapters.discord.client import Client
from adapters.discord.errors import translated
from adapters.ports import DeliveryRefused, LastHeard, PlatformUnavailable

logger = logging.getLogger(__name__)

MOST_PER_PLACE = 100
"""Of more than that, the newest."""

MOST_PLACES = 500
AT_ONCE = 5
"""Places that are read at a time."""


async def catch_up(
    client: Client, places: list[LastHeard], hand_on: Callable[[discord.Message], Awaitable[None]]
) -> Awaitable[object]:
    """Hand on what was written since, place by place; returns once this stands before anything newer of each place.

    What comes back may be awaited: it ends when all is handed on. What was handed on before is known by its id, so
    that it does no harm to read too much.
    """
    few = asyncio.Semaphore(AT_ONCE)
    newest = sorted(places, key=lambda place: place.sent_at, reverse=True)[:MOST_PLACES]
    if len(places) > MOST_PLACES:
        logger.warning("only the newest places are looked through places=%d of=%d", MOST_PLACES, len(places))
    reading = asyncio.gather(*(_catch_up_in(client, place, hand_on, few) for place in newest))
    await asyncio.sleep(0)  # each has begun, and so stands first in the line of its place
    return reading


async def _catch_up_in(
    client: Client,
    place: LastHeard,
    hand_on: Callable[[discord.Message], Awaitable[None]],
    few: asyncio.Semaphore,
) -> None:
    channel_id = int(place.address.thread or place.address.channel)
    async with client.in_order(channel_id), few:
        try:
            missed = await _missed(client, channel_id, int(place.message_id))
        except DeliveryRefused as error:
            logger.info("a place cannot be looked through: %s", error)
            return
        except PlatformUnavailable as error:
            logger.warning("what was missed in a place stays unread: %s", error)
            return
        except Exception:  # of one place; the others are not to be missed over it
            logger.exception("what was missed in a place stays unread")
            return
        for message in missed:
            try:
                await hand_on(message)
            except Exception:  # the others are not to be missed over it
                logger.exception("a message that was missed could not be handed on")


async def _missed(client: Client, channel_id: int, after: int) -> list[discord.Message]:
    """What the library can read of what was written since, the oldest first.

    Should there be too much, it is the oldest that is left out; so Discord is asked for the newest. Each message is
    read by itself: `history` would end at the first that the library cannot read.
    """
    with translated():
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            return []
        newest_first = await client.http.logs_from(channel_id, MOST_PER_PLACE)
    read = [client.read(channel, told) for told in reversed(newest_first) if int(told["id"]) > after]
    return [message for message in read if message is not None]
