"""Replies as messages of Discord: split, referenced, posted once, and found again."""

import io

import discord

from adapters.discord.client import Client
from adapters.discord.errors import MISSING_ACCESS, MISSING_PERMISSIONS, translated
from adapters.ports import Address, CannotTell, DeliveryRefused, Sought
from adapters.rendering import DISCORD_LIMIT, CodeFile, as_file, parts_of

UNKNOWN_CHANNEL, HAS_A_THREAD = 10003, 160004
"""https://discord.com/developers/docs/topics/opcodes-and-status-codes#json"""

MAX_THREAD_NAME = 100
MOST_LOOKED_AT = 200
"""Messages of a place, among which one that may have been posted is looked for."""

UNNAMED = "Conversation"


def parts_for_discord(text: str) -> tuple[str, ...]:
    """A reply as the messages that Discord takes; code that nobody would read in parts stays whole, to go as a file."""
    return (text,) if as_file(text, DISCORD_LIMIT) is not None else parts_of(text, DISCORD_LIMIT)


def place_of(client: Client, address: Address) -> discord.PartialMessageable:
    """The channel or thread of an address; the library need not know it."""
    return client.get_partial_messageable(int(address.thread or address.channel))


async def post(client: Client, address: Address, text: str, key: str, reply_to: str | None) -> str:
    """Post one part of a reply; returns its id.

    For some minutes Discord drops a second message of the same nonce (`enforce_nonce`, which the library sends with
    it):
    https://discord.com/developers/docs/resources/message#create-message

    Raises:
        PlatformUnavailable: it may be tried again.
        DeliveryRefused: it need not be.
    """
    place, file = place_of(client, address), as_file(text, DISCORD_LIMIT)
    with translated():
        try:
            return await _post(place, text, file, key, _reference(address, reply_to))
        except discord.NotFound as error:
            if error.code != UNKNOWN_CHANNEL or address.thread is None:
                raise
        await _open_thread(client, address)
        return await _post(place, text, file, key, None)


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
    try:
        with translated():
            history = place_of(client, address).history(limit=MOST_LOOKED_AT, after=sought.since, oldest_first=True)
            async for message in history:
                is_ours = client.user is not None and message.author.id == client.user.id
                if is_ours and str(message.id) not in sought.known and _says(message, sought.text, file):
                    return str(message.id)
    except DeliveryRefused as error:
        if isinstance(error.__cause__, discord.NotFound):
            return None  # the place is gone, or its thread was never opened
        raise CannotTell(str(error)) from error
    return None


async def _post(
    place: discord.PartialMessageable,
    text: str,
    file: CodeFile | None,
    key: str,
    reference: discord.MessageReference | None,
) -> str:
    if file is None:
        message = await place.send(text, nonce=key, reference=reference)  # type: ignore[arg-type]
    else:
        content = io.BytesIO(file.content.encode())
        upload = discord.File(content, file.name)
        message = await place.send(file.introduction or None, file=upload, nonce=key, reference=reference)  # type: ignore[arg-type]
    return str(message.id)


def _reference(address: Address, reply_to: str | None) -> discord.MessageReference | None:
    """What is replied to, as long as it is there; the message that a thread was opened at stands outside of it."""
    if reply_to is None or reply_to == address.thread:
        return None
    channel = int(address.thread or address.channel)
    return discord.MessageReference(message_id=int(reply_to), channel_id=channel, fail_if_not_exists=False)


async def _open_thread(client: Client, address: Address) -> None:
    """Open the thread at the message whose id it has, as the threads of messages do."""
    channel = client.get_channel(int(address.channel)) or await client.fetch_channel(int(address.channel))
    if not isinstance(channel, discord.TextChannel):
        raise DeliveryRefused("the thread is gone")
    message = await channel.fetch_message(int(address.thread or 0))
    name = " ".join(message.clean_content.split())[:MAX_THREAD_NAME] or UNNAMED
    try:
        await message.create_thread(name=name)
    except discord.HTTPException as error:
        if error.code != HAS_A_THREAD:
            raise


def _says(message: discord.Message, text: str, file: CodeFile | None) -> bool:
    if file is None:
        return message.content.strip() == text.strip()
    return message.content.strip() == file.introduction.strip() and any(
        attached.filename == file.name for attached in message.attachments
    )


def is_for_a_moderator(error: BaseException | None) -> bool:
    """Whether somebody with rights in the place would have to do something about it."""
    return isinstance(error, discord.Forbidden) and error.code in (MISSING_PERMISSIONS, MISSING_ACCESS)
