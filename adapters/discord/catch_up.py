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
) -> None:
    """Hand on what was written since, place by place, before anything newer of that place.

    What was handed on before is known by its id, so that it does no harm to read too much.
    """
    few = asyncio.Semaphore(AT_ONCE)
    newest = sorted(places, key=lambda place: place.sent_at, reverse=True)[:MOST_PLACES]
    if len(places) > MOST_PLACES:
        logger.warning("only the newest places are looked through places=%d of=%d", MOST_PLACES, len(places))
    await asyncio.gather(*(_catch_up_in(client, place, hand_on, few) for place in newest))


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
        for message in missed:
            await hand_on(message)


async def _missed(client: Client, channel_id: int, after: int) -> list[discord.Message]:
    with translated():
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            return []
        # The newest first: should there be too many, it is the oldest that are left out.
        since = discord.Object(after)
        newest = [message async for message in channel.history(limit=MOST_PER_PLACE, after=since, oldest_first=False)]
    return newest[::-1]
