"""Discord in a test: a server on this machine, and the people who use it.

    async with World() as world:
        ...  # a client with world.token, its Route.BASE = world.api, and its gateway at world.gateway_url
        message = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        answer = await world.hears(world.general, after=message)
        assert world.transcript(world.general) == "Ada: @Memo hello\\nMemo ↩ Ada: Hello, Ada!"

There is a guild, "Book club", with a channel and a forum, and Ada, who owns it, and Bob. What people do is done at
once; what comes of it is awaited with `hears` and `until`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self
from uuid import uuid4

from aiohttp import web

from tests.platforms.clock import Clock
from tests.platforms.discord import checks, payloads, using
from tests.platforms.discord.errors import Json
from tests.platforms.discord.faults import Faults
from tests.platforms.discord.gateway import Gateway
from tests.platforms.discord.interaction_routes import ANSWER_WITHIN, InteractionRoutes
from tests.platforms.discord.message_routes import MessageRoutes
from tests.platforms.discord.rest import PREFIX, Request, Rest
from tests.platforms.discord.state import State
from tests.platforms.discord.things import (
    LOADING,
    Asked,
    Attachment,
    Channel,
    Guild,
    Interaction,
    Kind,
    Message,
    Permission,
    Says,
    Typing,
    User,
)
from tests.platforms.discord.transcript import transcript

NOWHERE = "ws://127.0.0.1:9/"
"""Nobody listens there."""


class World:
    """See above.

    Attributes:
        gateway: connections and sessions, and what may go wrong with them.
        faults: what may go wrong with requests.
        state: all that stands in Discord.
        bot, ada, bob: who is there.
        guild, general, ideas: the guild, its channel and its forum.

    Args:
        tells_gateway: whether it tells where its gateway is; if not, what it tells leads nowhere, as behind a proxy.
    """

    def __init__(self, *, tells_gateway: bool = False) -> None:
        self._tells_gateway = tells_gateway
        self.state = State()
        self.faults = Faults(self.state)
        self.gateway = Gateway(self.state)
        self._rest = Rest(self.state, self.faults)
        self.bot, self.ada, self.bob = self.state.bot, self.state.owner, self.state.add_user("Bob")
        self.guild = self.state.add_guild("Book club", self.ada, self.bob)
        self.general = self.state.add_channel(Kind.TEXT, "general", self.guild)
        self.ideas = self.state.add_channel(Kind.FORUM, "ideas", self.guild)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._rest.middleware], client_max_size=checks.MAX_TOTAL_BYTES * 2)
        app.add_routes([web.get("/gateway/", self.gateway.connect), *self._rest.routes()])
        app.add_routes([*MessageRoutes(self.state).routes(), *InteractionRoutes(self.state).routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        self.state.url = f"http://127.0.0.1:{self.port}"
        self.gateway.url = self._rest.gateway_url = self.gateway_url if self._tells_gateway else NOWHERE
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.gateway.is_open = False
        self.gateway.close(1001)
        await self._runner.cleanup()
        for error in self._rest.broken:
            raise error
        if failure[0] is None:
            assert not self.unknown_routes, f"asked for, and not there: {self.unknown_routes}"

    # ── where it is, what was asked ──────────────────────────────────────────────────────────────────

    @property
    def token(self) -> str:
        """What the bot has to show."""
        return self.state.token

    @property
    def api(self) -> str:
        """For `discord.http.Route.BASE`."""
        return f"{self.state.url}{PREFIX}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway is, whatever the bot is told of it."""
        return f"ws://127.0.0.1:{self.port}/gateway/"

    @property
    def clock(self) -> Clock:
        """The time there; `advance` moves it on."""
        return self.state.clock

    @property
    def requests(self) -> list[Request]:
        """What the bot asked of the REST API."""
        return self._rest.requests

    @property
    def unknown_routes(self) -> list[str]:
        """What it asked for that is not here; at the end of a test there must be none."""
        return self._rest.unknown

    @property
    def shards(self) -> int:
        """How many shards the bot is told to open."""
        return self._rest.shards

    @shards.setter
    def shards(self, number: int) -> None:
        self._rest.shards = number

    @property
    def typings(self) -> list[Typing]:
        """When and where the bot showed that it types."""
        return self.state.typings

    # ── awaiting ─────────────────────────────────────────────────────────────────────────────────────

    async def until(self, holds: Callable[[], object], within_s: float = 10) -> None:
        """Wait until something holds; looked at whenever anything comes in, and at each `stir`."""
        await self.state.until(holds, within_s)

    def stir(self) -> None:
        """Something changed on the bot's side: those who wait look again."""
        self.state.stir()

    async def connected(self) -> None:
        """Wait until the bot is there."""
        await self.until(lambda: self.gateway.is_connected)

    async def hears(
        self,
        channel: Channel,
        *,
        after: Message | None = None,
        holds: Callable[[Message], object] = lambda message: True,
        within_s: float = 10,
    ) -> Message:
        """Wait for a message of the bot; with `holds`, until it is as it should be."""

        def found() -> Message | None:
            since = after.id if after is not None else 0
            for id_, message in sorted(channel.messages.items()):
                if id_ > since and message.author is self.bot and not message.flags & LOADING and holds(message):
                    return message
            return None

        await self.until(found, within_s)
        message = found()
        assert message is not None
        return message

    async def answered(self, asked: Interaction, within_s: float = 10) -> Interaction:
        """Wait until the bot has answered an interaction: with a message that can be read, a form or choices."""

        def is_answered() -> bool:
            is_thinking = asked.original is not None and asked.original.flags & LOADING
            return asked.answer is not None and not is_thinking

        await self.until(is_answered, within_s)
        return asked

    def transcript(self, channel: Channel, viewer: User | None = None) -> str:
        """What people see of a channel, as text; with a `viewer`, what that person sees."""
        return transcript(self.state, channel, viewer)

    def sees_failure(self, asked: Interaction) -> bool:
        """Whether the person was told "The application did not respond"."""
        return asked.answer is None and self.clock.now() > asked.created_at + ANSWER_WITHIN

    # ── people write ─────────────────────────────────────────────────────────────────────────────────

    def person(self, name: str, *, in_guild: bool = True, is_bot: bool = False) -> User:
        """Somebody new, or another bot."""
        who = self.state.add_user(name, is_bot=is_bot)
        if in_guild:
            self.guild.members[who.id] = who
        return who

    def dm(self, person: User) -> Channel:
        """The direct conversation of a person with the bot."""
        return self.state.dm_with(person)

    async def says(
        self,
        person: User,
        channel: Channel,
        text: str,
        *,
        mentions: Sequence[User] = (),
        reply_to: Message | None = None,
        attachments: Sequence[tuple[str, bytes, str] | Attachment] = (),
        pings_reply: bool = True,
    ) -> Message:
        """Write a message; `mentions` go before the text, `attachments` are name, content and type, or made before."""
        assert not channel.is_forum, "in a forum people write posts"
        content = " ".join([*(who.mention for who in mentions), text]).strip()
        files = [it if isinstance(it, Attachment) else self.state.add_file(*it) for it in attachments]
        pings = {"parse": ["users", "roles", "everyone"], "replied_user": pings_reply}
        message = self.state.post(channel, person, content, pings=pings, reply_to=reply_to, attachments=files)
        await self._told()
        return message

    async def edits(self, message: Message, text: str, *, without: Sequence[str] = ()) -> None:
        """Change a message of one's own; files may be taken away, by name."""
        left = [file for file in message.attachments if file.filename not in without]
        self.state.edit(message, content=text, attachments=left)
        await self._told()

    async def deletes(self, *messages: Message) -> None:
        """Delete messages of one channel; several go at once, as moderators and their bots do it."""
        self.state.delete(*messages)
        await self._told()

    async def reacts(self, person: User, message: Message, emoji: str, *, adds: bool = True) -> None:
        """Add a reaction or take it back."""
        self.state.react(message, person, emoji, adds=adds)
        await self._told()

    async def types(self, person: User, channel: Channel) -> None:
        """Begin to type."""
        body: Json = {"channel_id": str(channel.id), "user_id": str(person.id)}
        body["timestamp"] = int(self.clock.now().timestamp())
        if channel.guild is not None:
            body |= {"guild_id": str(channel.guild.id), "member": payloads.member(channel.guild, person)}
        self.state.emit_in(channel, "TYPING_START", body, "MESSAGE_TYPING")
        await self._told()

    async def joins(self, person: User, channel: Channel) -> Message:
        """Come into the guild: Discord says so in a channel."""
        message = self.state.post(channel, person, "", says=Says.JOINED)
        await self._told()
        return message

    async def unfurls(self, message: Message, title: str) -> None:
        """Let Discord add a preview of a link: an update of the message that is no edit."""
        self.state.preview(message, title)
        await self._told()

    async def starts_thread(
        self, person: User, channel: Channel, name: str, at: Message | None = None, *, is_private: bool = False
    ) -> Channel:
        """Open a thread, at a message or by itself; into a private one the bot comes when it is mentioned."""
        kind = Kind.PRIVATE_THREAD if is_private else Kind.PUBLIC_THREAD
        thread = self.state.start_thread(channel, name, person, at, kind)
        await self._told()
        return thread

    async def posts(self, person: User, forum: Channel, name: str, text: str) -> tuple[Channel, Message]:
        """Write a new post in a forum; returns its thread and its first message, whose ids are the same."""
        assert forum.is_forum
        post = self.state.start_thread(forum, name, person)
        message = self.state.post(post, person, text, id=post.id)
        await self._told()
        return post, message

    # ── people use commands and buttons ──────────────────────────────────────────────────────────────

    async def slash(self, person: User, channel: Channel, line: str, /, **options: Any) -> Interaction:
        """Use a slash command: `slash(ada, general, "agent search", words="tea")`.

        Only what the bot has registered can be used, with the options that it has, by whom and where it allows.
        """
        data, name = using.command(self.state, person, channel, line, options)
        return await self._ask(Asked.COMMAND, person, channel, data, name=name)

    async def autocomplete(
        self, person: User, channel: Channel, line: str, option: str, typed: str, /, **others: Any
    ) -> list[str]:
        """Type into an option of a slash command; returns the names of what is suggested."""
        data, _ = using.command(self.state, person, channel, line, {**others, option: typed}, focused=option)
        asked = await self.answered(await self._ask(Asked.AUTOCOMPLETE, person, channel, data))
        return [choice["name"] for choice in asked.choices or []]

    async def uses_on(self, person: User, message: Message, name: str) -> Interaction:
        """Use a command from the menu of a message."""
        command = using.offered(self.state, person, message.channel, name, using.ON_MESSAGE)
        resolved = {"messages": {str(message.id): payloads.message(message, self.bot)}}
        data = {
            "id": command["id"],
            "name": name,
            "type": using.ON_MESSAGE,
            "target_id": str(message.id),
            "resolved": resolved,
        }
        return await self._ask(Asked.COMMAND, person, message.channel, data, name=name)

    async def clicks(
        self, person: User, message: Message, label: str, values: Sequence[str] | None = None
    ) -> Interaction:
        """Press a button by its label (or custom id), or choose `values` from a list by its custom id."""
        assert message.visible_to in (None, person), f"{person.name} does not see the message"
        assert not message.is_deleted, "the message is gone"
        found = [it for it in using.controls(message.components) if label in (it.get("label"), it["custom_id"])]
        assert found, f"no such button: {label}"
        assert not found[0].get("disabled"), f"{label} cannot be pressed"
        data: Json = {"custom_id": found[0]["custom_id"], "component_type": found[0]["type"]}
        data |= {} if values is None else {"values": list(values)}
        return await self._ask(Asked.COMPONENT, person, message.channel, data, message=message)

    async def submits(self, asked: Interaction, values: dict[str, str]) -> Interaction:
        """Send off the form that an interaction opened; `values` by label or custom id."""
        assert asked.modal is not None, "there is no form"
        left = dict(values)
        components = [using.filled(it, left) for it in asked.modal["components"]]
        assert not left, f"no such fields: {left}"
        data = {"custom_id": asked.modal["custom_id"], "components": components}
        return await self._ask(Asked.MODAL, asked.person, asked.channel, data, message=asked.message)

    async def _ask(self, kind: Asked, person: User, channel: Channel, data: Json, **more: Any) -> Interaction:
        asked = Interaction(self.state.new_id(), uuid4().hex, kind, person, channel, self.clock.now(), data, **more)
        self.state.interactions[asked.token] = asked
        body = payloads.interaction(asked, self.bot, bot_permissions=self.state.bot_permissions(channel))
        body["attachment_size_limit"] = self.state.file_size_limit
        self.state.emit("INTERACTION_CREATE", body, guild=channel.guild)
        await self._told()
        return asked

    # ── what becomes of places ───────────────────────────────────────────────────────────────────────

    def channel(
        self,
        name: str,
        guild: Guild | None = None,
        *,
        denied: Permission = Permission.NONE,
        kind: Kind = Kind.TEXT,
    ) -> Channel:
        """A channel more, before the bot comes or while it is there; `denied` is what the bot may not do in it."""
        channel = self.state.add_channel(kind, name, guild or self.guild, denied_to_bot=denied)
        self.state.emit_in(channel, "CHANNEL_CREATE", payloads.channel(channel))
        return channel

    async def deletes_channel(self, channel: Channel) -> None:
        """Delete a channel or thread."""
        self.state.delete_channel(channel)
        await self._told()

    async def archives(self, thread: Channel, *, locks: bool = False) -> None:
        """Close a thread; one that is locked is opened by moderators only."""
        self.state.change_thread(thread, is_archived=True, is_locked=locks)
        await self._told()

    async def denies(self, channel: Channel, denied: Permission) -> None:
        """Take permissions in a channel from the bot, or give them back."""
        channel.denied_to_bot = denied
        body = payloads.channel(channel)
        self.state.emit("CHANNEL_UPDATE", body, guild=channel.guild)
        await self._told()

    async def invites(self, guild: Guild) -> None:
        """Bring the bot into a guild, or a guild that was away back."""
        guild.members[self.bot.id] = self.bot
        guild.is_available = True
        self.state.emit("GUILD_CREATE", payloads.guild(guild), guild=guild)
        await self._told()

    async def kicks(self, guild: Guild) -> None:
        """Throw the bot out of a guild."""
        self.state.emit("GUILD_DELETE", {"id": str(guild.id)}, guild=guild)
        guild.members.pop(self.bot.id, None)
        await self._told()

    async def outage(self, guild: Guild) -> None:
        """Let a guild be away for a while, as happens when Discord has trouble; `invites` brings it back."""
        guild.is_available = False
        self.state.emit("GUILD_DELETE", {"id": str(guild.id), "unavailable": True}, guild=guild)
        await self._told()

    async def _told(self) -> None:
        """Let the connection's writer have its turn."""
        self.state.stir()
        await asyncio.sleep(0)
