"""discord.py's client as we need it: it tells what happens in order for each channel, and ends if it cannot go on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import discord
from discord import app_commands

from adapters.discord import websocket

logger = logging.getLogger(__name__)

LONGEST_RATE_LIMIT_S = 60.0
"""What must wait longer is put off by whoever asked, who keeps it on disk."""

CACHED_MESSAGES = 1000
"""Those whose authors the library knows when it tells of an edit or a deletion; we need none of them."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of what happens; each is called in the order of the events of a channel.

    Attributes:
        connected: every shard has a session, a new one or its old one again.
        ready: the sessions are new: what happened before may have been missed.
        message: somebody wrote.
        edited: somebody changed a message.
        deleted: messages of a channel are gone: guild, channel, ids.
    """

    connected: Callable[[], None]
    ready: Callable[[], Awaitable[None]]
    message: Callable[[discord.Message], Awaitable[None]]
    edited: Callable[[discord.RawMessageUpdateEvent], Awaitable[None]]
    deleted: Callable[[int | None, int, set[int]], Awaitable[None]]


discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody wants voice


class Client(discord.AutoShardedClient):
    """A connection to Discord, on as many shards as Discord wants.

    Attributes:
        tree: the slash commands.
        reads_content: whether it asks for the text of messages that are not addressed to the bot.
    """

    def __init__(self, listener: Listener, *, reads_content: bool, **options: Any) -> None:
        intents = discord.Intents(guilds=True, messages=True, message_content=reads_content)
        websocket.use()
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=CACHED_MESSAGES,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT_S,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            **options,
        )
        self.tree: app_commands.CommandTree[Client] = app_commands.CommandTree(self)
        self.reads_content = reads_content
        self._listener = listener
        self._lines: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._shards_there: set[int] = set()

    async def serve(self, token: str) -> None:
        """Be connected until that ends; raises what `start` does.

        The library goes on trying for as long as the gateway refuses it, and then closing it does not stop it: so it is
        run in a task of its own, which is cancelled.
        """
        serving = asyncio.create_task(self.start(token), name="discord")
        try:
            await asyncio.wait([serving])
            serving.result()
        finally:
            serving.cancel()
            await self.close()
            await asyncio.wait([serving])

    @property
    def is_connected(self) -> bool:
        """Whether every shard has a session."""
        return not self.is_closed() and self.is_ready() and len(self._shards_there) == (self.shard_count or 0)

    def in_order(self, channel_id: int) -> asyncio.Lock:
        """To be held while something of a channel is handed on; whoever comes first is served first."""
        return self._lines.setdefault(channel_id, asyncio.Lock())

    # ── what the library tells ───────────────────────────────────────────────────────────────────────

    async def on_ready(self) -> None:
        """All guilds are known, in new sessions."""
        self._tell_if_connected()
        await self._listener.ready()

    async def on_shard_connect(self, shard_id: int) -> None:
        """A shard has a session."""
        self._shards_there.add(shard_id)
        self._tell_if_connected()

    async def on_shard_resumed(self, shard_id: int) -> None:
        """A shard has its session back."""
        self._shards_there.add(shard_id)
        self._tell_if_connected()

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """A shard lost its session; the library takes it up again."""
        self._shards_there.discard(shard_id)

    def _tell_if_connected(self) -> None:
        if self.is_connected:
            self._listener.connected()

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote."""
        async with self.in_order(message.channel.id):
            await self._listener.message(message)

    async def on_raw_message_edit(self, edit: discord.RawMessageUpdateEvent) -> None:
        """A message was changed; by Discord itself, if no time is given: it adds previews of links."""
        if not edit.data.get("edited_timestamp"):
            return
        async with self.in_order(edit.channel_id):
            await self._listener.edited(edit)

    async def on_raw_message_delete(self, gone: discord.RawMessageDeleteEvent) -> None:
        """A message was deleted."""
        async with self.in_order(gone.channel_id):
            await self._listener.deleted(gone.guild_id, gone.channel_id, {gone.message_id})

    async def on_raw_bulk_message_delete(self, gone: discord.RawBulkMessageDeleteEvent) -> None:
        """Many messages were deleted at once."""
        async with self.in_order(gone.channel_id):
            await self._listener.deleted(gone.guild_id, gone.channel_id, gone.message_ids)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """What broke over one event is logged, and the next one is served."""
        logger.exception("an event of Discord could not be handled event=%s", event_method)
