"""What stands in Discord, what may become of it, and the rules that hold whoever acts.

Whatever changes is told through `emit`, which the gateway sets.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

from tests.platforms.changing import Changing
from tests.platforms.clock import Clock
from tests.platforms.discord import payloads
from tests.platforms.discord.errors import Json, Refused, missing_access, missing_permissions
from tests.platforms.discord.things import (
    LOADING,
    OF_EVERYONE,
    PRIVILEGED,
    Attachment,
    Channel,
    Guild,
    Intent,
    Interaction,
    Kind,
    Message,
    Permission,
    Says,
    Typing,
    User,
)

DISCORD_EPOCH_MS = 1_420_070_400_000
NONCE_MEMORY = timedelta(minutes=5)
"""How long a nonce is remembered; Discord says "the past few minutes"."""
FILE_HOLDS = timedelta(hours=24)
"""How long the address of a file holds."""

Body = Json | Callable[[bool], Json]
"""What an event says; a function is given whether the reader is shown what people write."""


class State(Changing):
    """All there is.

    Attributes:
        granted: the privileged intents that are switched on for the application.
        commands: by guild (None: everywhere), then by id, as Discord gives them back.
        typings: each time that the bot showed that it types.
        url: where the files lie.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.token = "a-bot-token"
        self.granted = PRIVILEGED
        self.url = ""
        self.file_size_limit = 10 * 1024 * 1024
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.interactions: dict[str, Interaction] = {}
        self.commands: dict[int | None, dict[int, Json]] = {None: {}}
        self.typings: list[Typing] = []
        self.files: dict[int, Attachment] = {}
        self.emit: Callable[..., None] = lambda *args, **kwargs: None
        self._increments = count()
        self.bot = self.add_user("Memo", is_bot=True)
        self.owner = self.add_user("Ada")

    # ── making things ────────────────────────────────────────────────────────────────────────────────

    def new_id(self) -> int:
        """A snowflake: the time in its upper bits, so that ids grow."""
        ms = int(self.clock.now().timestamp() * 1000) - DISCORD_EPOCH_MS
        return (ms << 22) | (next(self._increments) % (1 << 22))

    def add_user(self, name: str, *, is_bot: bool = False) -> User:
        user = User(self.new_id(), name, is_bot)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, owner: User, *members: User) -> Guild:
        guild = Guild(self.new_id(), name, owner)
        guild.members = {who.id: who for who in (owner, *members, self.bot)}
        self.guilds[guild.id] = guild
        return guild

    def add_channel(self, kind: Kind, name: str, guild: Guild | None = None, **more: Any) -> Channel:
        channel = Channel(more.pop("id", None) or self.new_id(), kind, name, self.clock.now(), guild, **more)
        self.channels[channel.id] = channel
        if guild is not None:
            guild.channels[channel.id] = channel
        return channel

    def add_file(self, filename: str, content: bytes, content_type: str) -> Attachment:
        id_, now = self.new_id(), self.clock.now()
        expires = int((now + FILE_HOLDS).timestamp())
        url = f"{self.url}/attachments/{id_}/{filename}?ex={expires:x}"
        self.files[id_] = Attachment(id_, filename, content, content_type, now, url)
        return self.files[id_]

    def dm_with(self, person: User) -> Channel:
        """The direct conversation of a person and the bot, made if it is not there."""
        for channel in self.channels.values():
            if channel.recipient is person:
                return channel
        return self.add_channel(Kind.DM, "", recipient=person)

    # ── what the bot may ─────────────────────────────────────────────────────────────────────────────

    def bot_permissions(self, channel: Channel) -> Permission:
        if channel.guild is None:
            return OF_EVERYONE
        if self.bot.id not in channel.guild.members:
            return Permission.NONE
        is_outside = channel.kind is Kind.PRIVATE_THREAD and self.bot not in channel.members
        if is_outside and not channel.guild.bot_permissions & Permission.MANAGE_THREADS:
            return Permission.NONE
        denied = channel.denied_to_bot | (channel.parent.denied_to_bot if channel.parent else Permission.NONE)
        allowed = channel.guild.bot_permissions & ~denied
        # https://github.com/discord/discord-api-docs/pull/5111
        return Permission.NONE if channel.is_voice and not allowed & Permission.CONNECT else allowed

    def require(self, channel: Channel, *needed: Permission) -> None:
        """Refuse what the bot may not do in a place."""
        allowed = self.bot_permissions(channel)
        if not allowed & Permission.VIEW_CHANNEL:
            raise missing_access()
        if not all(allowed & permission for permission in needed):
            raise missing_permissions()

    def require_to_post(self, channel: Channel, *, has_files: bool = False) -> None:
        """Refuse a message of the bot where it may not write."""
        if channel.recipient is not None and not channel.recipient.accepts_dms:
            raise Refused(403, 50007, "Cannot send messages to this user")
        if channel.is_forum:
            raise Refused(400, 50008, "Cannot send messages in a non-text channel")
        send = Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES
        self.require(channel, send, *([Permission.ATTACH_FILES] if has_files else []))
        if channel.is_locked and not self.bot_permissions(channel) & Permission.MANAGE_THREADS:
            raise Refused(400, 50083, "Thread is archived")

    def is_readable(self, message: Message) -> bool:
        """Whether the bot is shown a message's content without the Message Content intent."""
        return message.channel.guild is None or message.author is self.bot or self.bot in message.mentions

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────

    def post(self, channel: Channel, author: User, content: str, *, pings: Json | None = None, **more: Any) -> Message:
        """Put a message into a channel; one that only one person sees is told to nobody else.

        Args:
            channel: where.
            author: whose.
            content: its text.
            pings: Discord's `allowed_mentions`; None pings whom the text names.
            more: other fields of `Message`.
        """
        usual = Says.REPLY if more.get("reply_to") else Says.ANSWER if more.get("answers") else Says.TEXT
        more.setdefault("says", usual)
        message = Message(more.pop("id", None) or self.new_id(), channel, author, content, self.clock.now(), **more)
        if channel.is_archived:
            self.change_thread(channel, is_archived=False)
        self._mention(message, pings, notifies=True)
        channel.messages[message.id] = message
        if channel.kind is Kind.PRIVATE_THREAD and self.bot in message.mentions and self.bot not in channel.members:
            channel.members.add(self.bot)
            self.emit_in(channel, "THREAD_CREATE", payloads.channel(channel))
        self._emit_message("MESSAGE_CREATE", message)
        return message

    def edit(self, message: Message, *, pings: Json | None = None, **changes: Any) -> None:
        """Change a message; filling one that was being thought about is no edit."""
        if changes.get("content", message.content) != message.content:
            message.versions.append(message.content)
        is_first = bool(message.flags & LOADING)
        for name, value in changes.items():
            setattr(message, name, value)
        message.flags &= ~LOADING
        if not is_first:
            message.edited_at = self.clock.now()
        self._mention(message, pings, notifies=is_first)
        self._emit_message("MESSAGE_UPDATE", message)

    def preview(self, message: Message, title: str) -> None:
        """Add the preview of a link."""
        message.embeds.append({"type": "link", "title": title})
        self._emit_message("MESSAGE_UPDATE", message)

    def delete(self, *messages: Message) -> None:
        """Take messages of one channel away; several at once are told of at once."""
        for message in messages:
            message.is_deleted = True
            message.channel.messages.pop(message.id, None)
        ids = [str(message.id) for message in messages if message.visible_to is None]
        place = {"channel_id": str(messages[0].channel.id), **_guild_id(messages[0].channel)}
        if len(messages) > 1:
            self.emit_in(messages[0].channel, "MESSAGE_DELETE_BULK", {"ids": ids, **place}, "MESSAGES")
        elif ids:
            self.emit_in(messages[0].channel, "MESSAGE_DELETE", {"id": ids[0], **place}, "MESSAGES")
        self.stir()

    def find_nonce(self, channel: Channel, author: User, nonce: str) -> Message | None:
        """The message of that nonce, as long as it is remembered."""
        since = self.clock.now() - NONCE_MEMORY
        for message in channel.messages.values():
            if message.nonce == nonce and message.author is author and message.created_at >= since:
                return message
        return None

    def react(self, message: Message, person: User, emoji: str, *, adds: bool = True) -> None:
        """Add or take back a reaction."""
        people = message.reactions.setdefault(emoji, [])
        if adds == (person in people):
            return
        if adds:
            people.append(person)
        else:
            people.remove(person)
        if not people:
            del message.reactions[emoji]
        name = "MESSAGE_REACTION_ADD" if adds else "MESSAGE_REACTION_REMOVE"
        event = payloads.reaction_event(message, person, emoji, adds=adds)
        self.emit_in(message.channel, name, event, "MESSAGE_REACTIONS")

    # ── channels and guilds ──────────────────────────────────────────────────────────────────────────

    def start_thread(
        self, parent: Channel, name: str, owner: User, first: Message | None = None, kind: Kind = Kind.PUBLIC_THREAD
    ) -> Channel:
        """A thread; one that begins at a message has its id. Discord says so itself, in the channel or the thread."""
        if parent.kind is Kind.NEWS:
            kind = Kind.NEWS_THREAD
        id_ = first.id if first is not None else None
        if id_ is not None and id_ in self.channels:
            raise Refused(400, 160004, "A thread has already been created for this message")
        thread = self.add_channel(kind, name, parent.guild, id=id_, parent=parent, owner=owner)
        thread.members.add(owner)
        if first is not None:
            first.thread = thread
        self.emit_in(thread, "THREAD_CREATE", {**payloads.channel(thread), "newly_created": True})
        if first is not None:
            self.post(thread, owner, "", says=Says.THREAD_STARTER, reply_to=first, pings={})
        elif not parent.is_forum and kind is not Kind.PRIVATE_THREAD:
            self.post(parent, owner, name, says=Says.THREAD_CREATED, id=thread.id, thread=thread)
        return thread

    def change_thread(self, thread: Channel, **changes: Any) -> None:
        """Rename, archive, lock."""
        renamed = changes.get("name", thread.name) != thread.name
        for name, value in changes.items():
            setattr(thread, name, value)
        self.emit_in(thread, "THREAD_UPDATE" if thread.is_thread else "CHANNEL_UPDATE", payloads.channel(thread))
        if renamed and thread.is_thread:
            self.post(thread, self.bot, thread.name, says=Says.RENAMED)

    def delete_channel(self, channel: Channel) -> None:
        """Take a channel away, and its threads with it."""
        assert channel.guild is not None, "a direct conversation cannot be deleted"
        body = payloads.channel(channel)
        self.emit_in(channel, "THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE", body)
        for gone in [channel, *(it for it in channel.guild.channels.values() if it.parent is channel)]:
            del self.channels[gone.id], channel.guild.channels[gone.id]

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────

    def emit_in(self, channel: Channel, event: str, body: Body, about: str = "") -> None:
        """Tell of something in a place, to a bot that sees the place; `about` ends the name of the intent for it."""
        if self.bot_permissions(channel) & Permission.VIEW_CHANNEL:
            self.emit(event, body, guild=channel.guild, needs=_INTENTS[channel.guild is not None, about])
        self.stir()

    def _emit_message(self, event: str, message: Message) -> None:
        if message.visible_to is not None:
            self.stir()
            return

        def body(shows_content: bool) -> Json:
            shows = shows_content or self.is_readable(message)
            return payloads.message(message, self.bot, in_event=True, shows_content=shows)

        self.emit_in(message.channel, event, body, "MESSAGES")

    def _mention(self, message: Message, allowed: Json | None, *, notifies: bool) -> None:
        """Note whom a message names, as far as `allowed` lets it."""
        rules: Json = {"parse": ["users", "roles", "everyone"], "replied_user": True} if allowed is None else allowed
        named = [self.users[int(id_)] for id_ in re.findall(r"<@!?(\d+)>", message.content) if int(id_) in self.users]
        parses, listed = rules.get("parse", []), {int(id_) for id_ in rules.get("users", [])}
        pinged = [who for who in named if "users" in parses or who.id in listed]
        if message.reply_to is not None and rules.get("replied_user", False):
            pinged.append(message.reply_to.author)
        message.mentions = list(dict.fromkeys(pinged))
        if notifies:
            message.pings = message.mentions
        named_roles = map(int, re.findall(r"<@&(\d+)>", message.content))
        may_ping = "roles" in parses and self._may_ping_everyone(message)
        message.roles = [id_ for id_ in dict.fromkeys(named_roles) if may_ping and payloads.has_role(message, id_)]
        says_everyone = "@everyone" in message.content or "@here" in message.content
        message.pings_everyone = says_everyone and "everyone" in parses and self._may_ping_everyone(message)

    def _may_ping_everyone(self, message: Message) -> bool:
        if message.author is self.bot:
            return bool(self.bot_permissions(message.channel) & Permission.MENTION_EVERYONE)
        guild = message.channel.guild
        return guild is not None and bool(guild.permissions_of(message.author) & Permission.MENTION_EVERYONE)


_INTENTS = {
    (True, ""): Intent.GUILDS,
    (True, "MESSAGES"): Intent.GUILD_MESSAGES,
    (True, "MESSAGE_REACTIONS"): Intent.GUILD_MESSAGE_REACTIONS,
    (True, "MESSAGE_TYPING"): Intent.GUILD_MESSAGE_TYPING,
    (False, "MESSAGES"): Intent.DIRECT_MESSAGES,
    (False, "MESSAGE_REACTIONS"): Intent.DIRECT_MESSAGE_REACTIONS,
    (False, "MESSAGE_TYPING"): Intent.DIRECT_MESSAGE_TYPING,
}
"""What must be asked for, in a guild and in a direct conversation."""


def _guild_id(channel: Channel) -> Json:
    """Nothing in a direct conversation: the field is left out, and not null."""
    return {"guild_id": str(channel.guild.id)} if channel.guild else {}
