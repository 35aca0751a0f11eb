"""The threads that the mode `thread` asks for: opened at the message that is answered, with the first of the answer."""

import discord

from adapters.discord.client import Client
from adapters.discord.errors import HAS_A_THREAD
from adapters.ports.errors import DeliveryRefused
from adapters.ports.messages import Address

MAX_THREAD_NAME = 100
UNNAMED = "Conversation"
NEEDED = ("create_public_threads", "send_messages_in_threads")


class NoThread(Exception):
    """None can be opened there; `missing` is the permission for want of which, if it is that."""

    def __init__(self, missing: str | None = None) -> None:
        super().__init__("no thread can be opened there")
        self.missing = missing


async def open_thread(client: Client, address: Address, *, is_asked_for: bool) -> None:
    """Open the thread of an address, at the message whose id it has.

    Args:
        client: the connection.
        address: of the thread, which is not there.
        is_asked_for: what is to be posted in it answers that very message. Anything else belongs into a thread that was
            there, and was taken away: unless there never was one, since there cannot be.

    Raises:
        NoThread: the answer had better stand in the channel.
        DeliveryRefused: the thread is gone.
    """
    channel = client.get_channel(int(address.channel)) or await client.fetch_channel(int(address.channel))
    if isinstance(channel, discord.ForumChannel):
        raise DeliveryRefused("the post is gone")
    if not isinstance(channel, discord.TextChannel):  # voice, stages, private threads
        raise NoThread
    me = channel.guild.me
    granted = channel.permissions_for(me) if me is not None else discord.Permissions.all()
    if missing := next((name for name in NEEDED if not getattr(granted, name)), None):
        raise NoThread(missing)
    if int(address.thread or 0) in client.without_thread:
        raise NoThread
    if not is_asked_for:
        raise DeliveryRefused("the thread is gone")
    await _open(channel, int(address.thread or 0))


async def _open(channel: discord.TextChannel, message_id: int) -> None:
    try:
        message = await channel.fetch_message(message_id)
        name = " ".join(message.clean_content.split())[:MAX_THREAD_NAME] or UNNAMED
    except discord.Forbidden:
        name = UNNAMED  # the history is closed to us
    except discord.NotFound as error:
        raise NoThread from error
    try:
        await channel.get_partial_message(message_id).create_thread(name=name)
    except discord.Forbidden as error:
        raise NoThread("create_public_threads") from error
    except discord.HTTPException as error:
        if error.status == 429 or error.status >= 500:
            raise
        if error.code != HAS_A_THREAD:
            raise NoThread from error
