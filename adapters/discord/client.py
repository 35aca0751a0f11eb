"""discord.py's client as we need it: it tells what happens in order for each channel, and ends if it cannot go on."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import discord
from discord import app_commands
from yarl import URL

from adapters.chat.underway import Underway
from adapters.discord import websocket
from adapters.discord.inbound import guild_id_of

logger = logging.getLogger(__name__)

LONGEST_RATE_LIMIT_S = 60.0
"""What must wait longer is put off by whoever asked, who keeps it on disk."""

LONGEST_BEHIND_S = 30.0
"""So long news waits at most for what was missed to stand in line before it."""

NO_MORE_GUILDS_S = 0.5
"""When no guild was told of for so long, the session is ready; of a later one what is needed is asked for."""

EVENTS_END_WITHIN_S = 1.0
"""So long what was told last may take to be kept, when the connection has ended."""

CACHED_MESSAGES = 1000
"""Those whose authors the library knows when it tells of an edit or a deletion; we need none of them."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of what happens; each is called in the order of the events of a channel.

    Attributes:
        connected: a shard has a session, a new one or its old one again, and all had one before.
        ready: the sessions of these shards are new, and what happened before may have been missed. Returns once what
            was missed stands in line before what happens from now on; what comes back ends when all that is done.
        message: somebody wrote.
        edited: somebody changed a message.
        deleted: messages of a channel are gone: their ids.
    """

    connected: Callable[[], None]
    ready: Callable[[Collection[int]], Awaitable[Awaitable[object]]]
    message: Callable[[discord.Message], Awaitable[None]]
    edited: Callable[[discord.RawMessageUpdateEvent], Awaitable[None]]
    deleted: Callable[[set[int]], Awaitable[None]]


_NEEDED = {"READY", "RESUMED"}
"""Without these there is no session; a connection on which they cannot be read had better end."""


def _from_json(text: Any) -> Any:
    """Read what Discord sends, halves of characters, too: the parser that the library prefers refuses those."""
    try:
        return _FROM_JSON(text)
    except ValueError:
        return json.loads(text)


_FROM_JSON = discord.utils._from_json
discord.utils._from_json = _from_json


def _in_a_line(record: logging.LogRecord) -> bool:
    """While Discord cannot be reached the library shows at each try where in its own code it noticed that."""
    if record.exc_info and record.getMessage().startswith("Attempting a reconnect"):
        error, record.exc_info = record.exc_info[1], None
        record.msg, record.args = f"{record.getMessage()}: {error}", ()
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


logging.getLogger("discord.client").addFilter(_in_a_line)
logging.getLogger("discord.shard").addFilter(_in_a_line)

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody wants voice


class Client(discord.AutoShardedClient):
    """A connection to Discord, on as many shards as Discord wants.

    Args:
        gateway: the URL of a gateway in the place of those that Discord names, at the beginning and for a resume.

    Attributes:
        tree: the slash commands.
        reads_content: whether it asks for the text of messages that are not addressed to the bot.
        without_thread: messages at which no thread could be opened, so that the answers to them stand beside them.
    """

    def __init__(self, listener: Listener, *, reads_content: bool, gateway: str | None = None, **options: Any) -> None:
        intents = discord.Intents(guilds=True, messages=True, message_content=reads_content)
        websocket.use()
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=CACHED_MESSAGES,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT_S,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            **{"guild_ready_timeout": NO_MORE_GUILDS_S, **options},
        )
        if gateway is not None:
            self.http.ws_connect = _at(URL(gateway), self.http.ws_connect)  # type: ignore[method-assign]
        self.tree: app_commands.CommandTree[Client] = app_commands.CommandTree(self)
        self.reads_content = reads_content
        self.without_thread: deque[int] = deque(maxlen=1000)
        self._listener = listener
        self._lines: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._newcomers: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._shards_there: set[int] = set()
        self._was_ready = False
        self._behind: dict[int, asyncio.Event] = {}
        self._making_up, self._events = Underway(), Underway()
        self._ends = False
        parsers = self._connection.parsers
        for event in parsers.keys() - _NEEDED:
            parsers[event] = _forgiving(event, parsers[event])

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
            self._ends = True
            self._go_on([*self._behind])
            serving.cancel()
            await self._making_up.end()  # whoever is connected next makes up for it
            await self.close()
            await asyncio.wait([serving])
            await self._events.end(EVENTS_END_WITHIN_S)

    @property
    def is_connected(self) -> bool:
        """Whether a shard has a session, once all had one: what one that is away keeps from us holds up no reply."""
        return not self.is_closed() and self.is_ready() and bool(self._shards_there)

    def in_order(self, channel_id: int) -> asyncio.Lock:
        """To be held while something of a channel is handed on; whoever comes first is served first."""
        return self._lines.setdefault(channel_id, asyncio.Lock())

    def shard_of(self, guild_id: int | None) -> int:
        """The shard that tells of a guild, or of direct conversations.

        https://discord.com/developers/docs/events/gateway#sharding-sharding-formula
        """
        return 0 if guild_id is None else (guild_id >> 22) % (self.shard_count or 1)

    def read(self, channel: Any, told: Any) -> discord.Message | None:
        """A message as Discord tells of it; None if the library cannot read it."""
        try:
            message: discord.Message = _read(
                lambda it: discord.Message(state=self._connection, channel=channel, data=it), told
            )
            return message
        except Exception as error:
            _passed_over("a message", error)
            return None

    # ── what the library tells ───────────────────────────────────────────────────────────────────────

    async def on_ready(self) -> None:
        """All shards have a session, and all guilds are known: for the first time, or once more since then."""
        self._tell_if_connected()
        if not self._was_ready:
            self._was_ready = True
            await self._make_up(range(self.shard_count or 1))

    async def on_shard_ready(self, shard_id: int) -> None:
        """All guilds of a shard are known, in its new session; of a later one of a single shard only this is told."""
        if self._was_ready:
            await self._make_up([shard_id])

    async def on_shard_connect(self, shard_id: int) -> None:
        """A shard has a new session: what happens in it waits until what was missed before it stands in line."""
        self._behind.setdefault(shard_id, asyncio.Event())
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

    async def _make_up(self, shards: Collection[int]) -> None:
        if self._ends:
            return
        with self._making_up.entered():
            try:
                making_up = await self._listener.ready(shards)
            finally:
                self._go_on(shards)
            await making_up

    def _go_on(self, shards: Collection[int]) -> None:
        for shard_id in shards:
            if (lined_up := self._behind.pop(shard_id, None)) is not None:
                lined_up.set()

    @asynccontextmanager
    async def _next(self, channel_id: int, guild_id: int | None) -> AsyncIterator[None]:
        """What happens in a channel, one by one, and after what was missed there."""
        with self._events.entered():
            async with self._newcomers.setdefault(channel_id, asyncio.Lock()):
                if (lined_up := self._behind.get(self.shard_of(guild_id))) is not None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LONGEST_BEHIND_S):
                            await lined_up.wait()
                async with self.in_order(channel_id):
                    yield

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote."""
        async with self._next(message.channel.id, guild_id_of(message)):
            await self._listener.message(message)

    async def on_raw_message_edit(self, edit: discord.RawMessageUpdateEvent) -> None:
        """A message was changed; by Discord itself, if no time is given: it adds previews of links."""
        if not edit.data.get("edited_timestamp"):
            return
        async with self._next(edit.channel_id, edit.guild_id):
            await self._listener.edited(edit)

    async def on_raw_message_delete(self, gone: discord.RawMessageDeleteEvent) -> None:
        """A message was deleted."""
        async with self._next(gone.channel_id, gone.guild_id):
            await self._listener.deleted({gone.message_id})

    async def on_raw_bulk_message_delete(self, gone: discord.RawBulkMessageDeleteEvent) -> None:
        """Many messages were deleted at once."""
        async with self._next(gone.channel_id, gone.guild_id):
            await self._listener.deleted(gone.message_ids)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """What broke over one event is logged, and the next one is served."""
        logger.exception("an event of Discord could not be handled event=%s", event_method)


def _at(gateway: URL, connect: Callable[..., Awaitable[Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Open each connection at one gateway, in the way that the library asks for; it takes no word for where."""

    async def connect_there(url: str, **options: Any) -> Any:
        return await connect(str(gateway.update_query(URL(url).query)), **options)

    return connect_there


def _forgiving(event: str, parse: Callable[[Any], None]) -> Callable[[Any], None]:
    """Pass over an event that the library cannot read: over any of them it would end the connection of all guilds."""

    def parse_or_pass_over(told: Any) -> None:
        try:
            _read(parse, told)
        except Exception as error:
            _passed_over(event, error)

    return parse_or_pass_over


def _read(parse: Callable[[Any], Any], told: Any) -> Any:
    """Read what Discord tells; a reply whose original cannot be read, without that."""
    try:
        return parse(told)
    except Exception as error:
        if not isinstance(told, dict) or not told.get("referenced_message"):
            raise
        _passed_over("what a message replies to", error)
        return parse({name: value for name, value in told.items() if name != "referenced_message"})


def _passed_over(what: str, error: Exception) -> None:
    """The text of an error may hold what people wrote."""
    logger.warning("what Discord told cannot be read, and is passed over: %s error=%s", what, type(error).__name__)
    logger.debug("it cannot be read", exc_info=error)
