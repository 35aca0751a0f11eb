"""What was written while nobody listened: read from the histories of the places that were heard of lately."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import discord

from adapters.chat.reading_patiently import read_patiently
from adapters.discord.client import Client
from adapters.discord.errors import translated
from adapters.discord.history import History
from adapters.ports.messages import LastHeard

logger = logging.getLogger(__name__)

MOST_PER_PLACE = 100
"""Of more than that, the newest."""

MOST_PLACES = 500
AT_ONCE = 5
"""Places that are read at a time."""

NAMES_WITHIN_S = 10.0
"""So long Discord may take to tell the names of people in a server."""

HandOn = Callable[[discord.Message], Awaitable[None]]
Compare = Callable[[History], Awaitable[None]]
Wait = Callable[[float], Awaitable[None]]


async def catch_up(
    client: Client, places: Sequence[LastHeard], compare: Compare, hand_on: HandOn, wait: Wait
) -> Awaitable[object]:
    """Hand on what was written since, place by place; returns once this stands before anything newer of each place.

    Before that, what stands in the place is compared with what is kept of it. What comes back may be awaited: it ends
    when all is handed on. What was handed on before is known by its id, so that it does no harm to read too much.
    """
    few = asyncio.Semaphore(AT_ONCE)
    newest = sorted(places_to_read(client, places).items(), key=lambda place: place[1], reverse=True)
    if len(newest) > MOST_PLACES:
        logger.warning("only the newest places are looked through places=%d of=%d", MOST_PLACES, len(newest))
    reading = asyncio.gather(
        *(
            _catch_up_in(client, channel_id, after, compare, hand_on, wait, few)
            for channel_id, after in newest[:MOST_PLACES]
        )
    )
    try:
        await asyncio.sleep(0)  # each has begun, and so stands first in the line of its place
    except asyncio.CancelledError:
        reading.cancel()
        raise
    return reading


def places_to_read(client: Client, places: Sequence[LastHeard]) -> dict[int, int]:
    """The channels and threads in which something may have been missed, and after which message.

    Beside those that were heard of these are their channels, if only threads of them were, and other threads of such
    channels, or posts of such forums: whatever is newer there than the newest message known of the channel itself, or
    else of that of its threads which is the longest silent.
    """
    after = {int(place.address.thread or place.address.channel): int(place.message_id) for place in places}
    in_family: dict[int, int] = {}
    for place in places:
        channel_id, known = int(place.address.channel), int(place.message_id)
        in_family[channel_id] = min(known, in_family.get(channel_id, known))
    unheard = {channel_id: known for channel_id, known in in_family.items() if channel_id not in after}
    for guild in client.guilds:
        for thread in guild.threads:
            since = after.get(thread.parent_id) or in_family.get(thread.parent_id)
            if since is not None and thread.id not in after and (thread.last_message_id or thread.id) > since:
                unheard[thread.id] = since
    return after | unheard


async def _catch_up_in(
    client: Client,
    channel_id: int,
    after: int,
    compare: Compare,
    hand_on: HandOn,
    wait: Wait,
    few: asyncio.Semaphore,
) -> None:
    async with client.in_order(channel_id):

        async def read() -> History | None:
            async with few:
                return await _read(client, channel_id)

        history = await read_patiently(read, wait)
        if history is None:
            return
        try:
            await compare(history)
        except Exception:  # what was missed is to be answered all the same
            logger.exception("what was deleted and edited meanwhile could not be followed")
        missed = history.after(after)
        await _name_as_in_guild(missed)
        for message in missed:
            try:
                await hand_on(message)
            except Exception:  # the others are not to be missed over it
                logger.exception("a message that was missed could not be handed on")


async def _name_as_in_guild(messages: Sequence[discord.Message]) -> None:
    """Give authors the names that they have in the server, which a history does not tell."""
    guild = next((message.guild for message in messages if message.guild is not None), None)
    ids = {message.author.id for message in messages if isinstance(message.author, discord.User)}
    if guild is None or not ids:
        return
    try:
        async with asyncio.timeout(NAMES_WITHIN_S):
            found = await guild.query_members(user_ids=[*ids], limit=len(ids), cache=False)
    except Exception as error:  # they are known by their ids
        logger.info("the names of people in a server are not known: %s", type(error).__name__)
        return
    members = {member.id: member for member in found}
    for message in messages:
        message.author = members.get(message.author.id, message.author)


async def _read(client: Client, channel_id: int) -> History | None:
    """The newest messages of a place; None where there can be none.

    Should more have been missed, it is the oldest that is left out; so Discord is asked for the newest. Each message is
    read by itself: `history` would end at the first that the library cannot read.
    """
    with translated():
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            return None
        newest_first = await client.http.logs_from(channel_id, MOST_PER_PLACE)
    ids = tuple(sorted(int(told["id"]) for told in newest_first))
    read = [client.read(channel, told) for told in reversed(newest_first)]
    return History(channel, ids, tuple(message for message in read if message is not None))
