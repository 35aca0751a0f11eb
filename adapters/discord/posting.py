"""Replies as messages of Discord: split, referenced, posted once, and found again."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import discord
from discord.http import handle_message_parameters
from discord.utils import MISSING, time_snowflake

from adapters.chat.rendering import DISCORD_LIMIT, CodeFile, as_file, parts_of
from adapters.discord.client import Client
from adapters.discord.errors import MISSING_ACCESS, MISSING_PERMISSIONS, NO_HISTORY, UNKNOWN_CHANNEL, translated
from adapters.discord.threads import NoThread, open_thread
from adapters.ports.errors import CannotTell, DeliveryRefused
from adapters.ports.messages import Address
from adapters.ports.platform import Sought

MOST_LOOKED_AT = 500
"""Messages of a place, among which one that may have been posted is looked for."""

PAGE = 100
"""Messages that Discord tells at a time."""


def parts_for_discord(text: str) -> tuple[str, ...]:
    """A reply as the messages that Discord takes; code that nobody would read in parts stays whole, to go as a file."""
    return (text,) if as_file(text, DISCORD_LIMIT) is not None else parts_of(text, DISCORD_LIMIT)


def place_of(client: Client, address: Address) -> discord.PartialMessageable:
    """The channel or thread of an address; the library need not know it."""
    return client.get_partial_messageable(int(address.thread or address.channel))


@dataclass(frozen=True, slots=True)
class Posted:
    """A message of ours; `missing` is the permission for want of which it does not stand as it should."""

    id: str
    missing: str | None = None


async def post(client: Client, address: Address, text: str, key: str, reply_to: str | None) -> Posted:
    """Post one part of a reply.

    For some minutes Discord drops a second message of the same nonce (`enforce_nonce`, which the library sends with
    it):
    https://discord.com/developers/docs/resources/message#create-message

    Raises:
        PlatformUnavailable: it may be tried again.
        DeliveryRefused: it need not be.
    """
    with translated():
        try:
            return await _post(client, address, text, key, reply_to)
        except discord.NotFound as error:
            if error.code != UNKNOWN_CHANNEL or address.thread is None:
                raise
        try:
            await open_thread(client, address, is_asked_for=reply_to == address.thread)
            return await _post(client, address, text, key, None)
        except NoThread as none:
            missing = none.missing
        except discord.Forbidden as error:  # in the thread
            if error.code != MISSING_PERMISSIONS:
                raise
            missing = "send_messages_in_threads"
        client.without_thread.append(int(address.thread))
        posted = await _post(client, replace(address, thread=None), text, key, reply_to)
        return Posted(posted.id, posted.missing or missing)


async def react(client: Client, address: Address, message_id: str, emoji: str) -> None:
    """Put a reaction on a message.

    One that has the id of its thread is the first of a forum's post, and stands in it; or the thread was opened at it,
    or is to be, and it stands outside.
    """
    place = int(address.thread or address.channel)
    with translated():
        if message_id == address.thread:
            channel = client.get_channel(int(address.channel)) or await client.fetch_channel(int(address.channel))
            place = place if isinstance(channel, discord.ForumChannel) else channel.id
        await client.http.add_reaction(place, int(message_id), emoji.strip("<>"))


async def find(client: Client, address: Address, sought: Sought) -> str | None:
    """The id of a message of ours with that text, of those that are not known; None if there is none.

    Discord keeps no nonce with a message, so it is known by what it says
    (https://github.com/Rapptz/discord.py/issues/2451).

    Raises:
        PlatformUnavailable: it may be asked again.
        CannotTell: the history cannot be read.
    """
    channel = client.get_channel(int(address.thread or address.channel))
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        me = channel.guild.me
        if me is not None and not channel.permissions_for(me).read_message_history:
            raise CannotTell("the history of this place may not be read")  # Discord would show an empty one
    file = as_file(sought.text, DISCORD_LIMIT)
    after = time_snowflake(sought.since)
    try:
        with translated():
            for _ in range(MOST_LOOKED_AT // PAGE):
                newest_first = await client.http.logs_from(int(address.thread or address.channel), PAGE, after=after)
                for message in reversed(newest_first):
                    is_ours = client.user is not None and int(message["author"]["id"]) == client.user.id
                    if is_ours and message["id"] not in sought.known and _says(message, sought.text, file):
                        return str(message["id"])
                if len(newest_first) < PAGE:
                    break
                after = int(newest_first[0]["id"])
    except DeliveryRefused as error:
        if isinstance(error.__cause__, discord.NotFound):  # the place is gone, or its thread was never opened
            return None if address.thread is None else await find(client, replace(address, thread=None), sought)
        raise CannotTell(str(error)) from error
    return None


async def _post(client: Client, address: Address, text: str, key: str, reply_to: str | None) -> Posted:
    """A reply to a message needs the history that it stands in; without that right it is posted as it is."""
    place_id, file = int(address.thread or address.channel), as_file(text, DISCORD_LIMIT)
    reference = _reference(address, reply_to)
    try:
        return Posted(await _send(client, place_id, text, file, key, reference))
    except discord.Forbidden as error:
        if reference is None or error.code != NO_HISTORY:
            raise
    return Posted(await _send(client, place_id, text, file, key, None), missing="read_message_history")


async def _send(
    client: Client,
    place_id: int,
    text: str,
    file: CodeFile | None,
    key: str,
    reference: discord.MessageReference | None,
) -> str:
    """Of the answer only the id is read: once it is posted, nothing that the library cannot read may make it fail.

    Links get no previews: Discord would fetch what they name, and so tell its owner what a document, say, has made the
    agent write there.
    """
    upload = MISSING if file is None else discord.File(io.BytesIO(file.content.encode()), file.name)
    with handle_message_parameters(
        text if file is None else file.introduction or None,
        nonce=key,
        flags=discord.MessageFlags(suppress_embeds=True),
        file=upload,
        allowed_mentions=discord.AllowedMentions.none(),
        message_reference=MISSING if reference is None else reference.to_message_reference_dict(),
    ) as parameters:
        return str((await client.http.send_message(place_id, params=parameters))["id"])


def _reference(address: Address, reply_to: str | None) -> discord.MessageReference | None:
    """What is replied to, as long as it is there; the message that a thread was opened at stands outside of it."""
    if reply_to is None or reply_to == address.thread:
        return None
    channel = int(address.thread or address.channel)
    return discord.MessageReference(message_id=int(reply_to), channel_id=channel, fail_if_not_exists=False)


def _says(message: Mapping[str, Any], text: str, file: CodeFile | None) -> bool:
    said = str(message["content"]).strip()
    if file is None:
        return said == text.strip()
    return said == file.introduction.strip() and any(it["filename"] == file.name for it in message["attachments"])


def is_for_a_moderator(error: BaseException | None) -> bool:
    """Whether somebody with rights in the place would have to do something about it."""
    return isinstance(error, discord.Forbidden) and error.code in (MISSING_PERMISSIONS, MISSING_ACCESS)
