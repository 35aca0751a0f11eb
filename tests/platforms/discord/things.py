"""The things of Discord: people, guilds, channels, messages, interactions; the numbers are Discord's own."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, IntFlag

from tests.platforms.discord.errors import Json

EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15
"""Flags of messages."""


class Kind(IntEnum):
    """Types of channels."""

    TEXT = 0
    DM = 1
    VOICE = 2
    NEWS = 5
    NEWS_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16


class Permission(IntFlag):
    """What may be allowed and denied."""

    NONE = 0
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    CONNECT = 1 << 20
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADMINISTRATOR = 1 << 3
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38


OF_EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.CONNECT
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.CREATE_PRIVATE_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)


class Intent(IntFlag):
    """What events a session asks for."""

    NONE = 0
    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT


@dataclass(eq=False)
class User:
    """A person or a bot."""

    id: int
    name: str
    is_bot: bool = False
    accepts_dms: bool = True

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Guild:
    """A server: who is in it, and what the bot may do there."""

    id: int
    name: str
    owner: User
    members: dict[int, User] = field(default_factory=dict)
    admins: set[User] = field(default_factory=set)
    channels: dict[int, "Channel"] = field(default_factory=dict)
    nicks: dict[int, str] = field(default_factory=dict)
    bot_permissions: Permission = OF_EVERYONE
    is_available: bool = True

    def permissions_of(self, user: User) -> Permission:
        if user is self.owner or user in self.admins:
            return Permission(sum(Permission))
        return self.bot_permissions if user.is_bot else OF_EVERYONE


@dataclass(eq=False)
class Channel:
    """Any place for messages: a channel, a forum, a thread or post in one, or a direct conversation."""

    id: int
    kind: Kind
    name: str
    created_at: datetime
    guild: Guild | None = None
    parent: "Channel | None" = None
    owner: User | None = None
    recipient: User | None = None
    denied_to_bot: Permission = Permission.NONE
    messages: "dict[int, Message]" = field(default_factory=dict)
    members: set[User] = field(default_factory=set)
    moderators: set[User] = field(default_factory=set)
    """Who may manage this channel alone."""
    is_archived: bool = False
    is_locked: bool = False
    is_deleted: bool = False

    @property
    def is_thread(self) -> bool:
        return self.kind in (Kind.NEWS_THREAD, Kind.PUBLIC_THREAD, Kind.PRIVATE_THREAD)

    @property
    def is_voice(self) -> bool:
        return self.kind in (Kind.VOICE, Kind.STAGE)

    @property
    def is_forum(self) -> bool:
        """Whether there are but posts in it."""
        return self.kind in (Kind.FORUM, Kind.MEDIA)

    @property
    def takes_threads(self) -> bool:
        return self.kind in (Kind.TEXT, Kind.NEWS) or self.is_forum


@dataclass(eq=False)
class Attachment:
    """A file; its address holds for a day.

    `told_size` is what Discord says of its size, if that is not so; `more` is what else it tells.
    """

    id: int
    filename: str
    content: bytes
    content_type: str
    added_at: datetime
    url: str
    told_size: int | None = None
    more: Json = field(default_factory=dict)


class Says(IntEnum):
    """Types of messages; all but three are written by Discord itself when somebody does something."""

    TEXT = 0
    RENAMED = 4
    JOINED = 7
    THREAD_CREATED = 18
    REPLY = 19
    ANSWER = 20
    THREAD_STARTER = 21


@dataclass(eq=False)
class Message:
    """A message, and how it came about.

    Attributes:
        mentions: whom the text names, as far as its author let names count.
        roles: the ids of the roles that it names, if its author may notify roles: none here may be by everybody.
        pings: who was notified; an edit notifies nobody.
        versions: the texts that it had before.
        visible_to: the only person who sees it.
        answers: the interaction that it came of.
        more: what else Discord tells of it, or in the place of what is said here.
    """

    id: int
    channel: Channel
    author: User
    content: str
    created_at: datetime
    says: Says = Says.TEXT
    reply_to: "Message | None" = None
    attachments: list[Attachment] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    flags: int = 0
    nonce: str | None = None
    visible_to: User | None = None
    answers: "Interaction | None" = None
    mentions: list[User] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    pings: list[User] = field(default_factory=list)
    pings_everyone: bool = False
    edited_at: datetime | None = None
    is_deleted: bool = False
    versions: list[str] = field(default_factory=list)
    reactions: dict[str, list[User]] = field(default_factory=dict)
    thread: Channel | None = None
    more: Json = field(default_factory=dict)

    @property
    def link(self) -> str:
        guild = self.channel.guild.id if self.channel.guild else "@me"
        return f"https://discord.com/channels/{guild}/{self.channel.id}/{self.id}"


class Asked(IntEnum):
    """Types of interactions."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


@dataclass(eq=False)
class Interaction:
    """A person used a command, a button or a form.

    Attributes:
        answer: the type of the bot's answer; None as long as there is none.
        original: the message that answered.
        followups: the messages after it.
        modal: the form that the bot opened.
        choices: what it suggests for an option that is being typed.
    """

    id: int
    token: str
    asked: Asked
    person: User
    channel: Channel
    created_at: datetime
    data: Json
    name: str = ""
    message: Message | None = None
    answer: int | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    choices: list[Json] | None = None


@dataclass(frozen=True, slots=True)
class Typing:
    """The bot showed that it types."""

    channel: Channel
    at: datetime
