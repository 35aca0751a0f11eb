"""The things of Slack: workspaces, people, channels, messages, files, views, and what the app is told of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from tests.platforms.slack.errors import Json

NEVER = datetime.fromtimestamp(0, UTC)


class Kind(Enum):
    """Types of conversations, as `channel_type` names them in events."""

    PUBLIC = "channel"
    PRIVATE = "group"
    IM = "im"
    MPIM = "mpim"

    @property
    def family(self) -> str:
        """How scopes and event subscriptions name it: `channels:history`, `message.channels`."""
        return f"{self.value}s" if self in (Kind.PUBLIC, Kind.PRIVATE) else self.value


@dataclass(frozen=True, slots=True)
class Workspace:
    """A team."""

    id: str
    name: str
    domain: str


@dataclass(eq=False)
class User:
    """A person or a bot (https://docs.slack.dev/reference/objects/user-object).

    Attributes:
        workspace: where the person belongs; another one's people are met in shared channels.
        is_guest: a multi-channel guest; `is_single_channel_guest` one of a single channel.
        more: what else Slack tells of it, or in the place of what is said here.
    """

    id: str
    name: str
    workspace: Workspace
    bot_id: str | None = None
    is_admin: bool = False
    is_owner: bool = False
    is_guest: bool = False
    is_single_channel_guest: bool = False
    is_deactivated: bool = False
    timezone: str = "Europe/Lisbon"
    more: Json = field(default_factory=dict)

    @property
    def is_bot(self) -> bool:
        return self.bot_id is not None

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Channel:
    """Any conversation; in a direct one `person` is who talks with the bot."""

    id: str
    kind: Kind
    name: str
    created_at: datetime
    members: list[User] = field(default_factory=list)
    person: User | None = None
    is_archived: bool = False
    is_shared: bool = False
    messages: "dict[str, Message]" = field(default_factory=dict)


@dataclass(eq=False)
class File:
    """A file (https://docs.slack.dev/reference/objects/file-object).

    Attributes:
        told_size: what Slack says of its size, if that is not so.
        is_stub: whether events tell its id alone, as for files of other workspaces.
        more: what else is told of it.
    """

    id: str
    name: str
    content: bytes
    mimetype: str
    owner: User
    added_at: datetime
    url: str
    channels: list[Channel] = field(default_factory=list)
    told_size: int | None = None
    is_stub: bool = False
    is_deleted: bool = False
    more: Json = field(default_factory=dict)


@dataclass(eq=False)
class Message:
    """A message, and what became of it.

    Attributes:
        ts: its id in its channel: a time, in text.
        thread_ts: the id of the thread's first message, which has none itself until somebody answers.
        metadata: what the bot hid in it.
        subtype: what it is if not simply written.
        visible_to: the only person who sees it.
        pings: whom it notified by name; `pings_all` whether all of the channel.
        unfurled: previews of its links.
        versions: the texts that it had before.
        more: what else Slack tells of it, or in the place of what is said here.
    """

    ts: str
    channel: Channel
    author: User
    text: str
    thread_ts: str | None = None
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    metadata: Json | None = None
    subtype: str | None = None
    visible_to: User | None = None
    is_broadcast: bool = False
    is_deleted: bool = False
    edited_ts: str | None = None
    pings: list[User] = field(default_factory=list)
    pings_all: bool = False
    unfurled: list[Json] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    reactions: dict[str, list[User]] = field(default_factory=dict)
    more: Json = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass(eq=False)
class View:
    """A form, or what a person sees in the app's Home (https://docs.slack.dev/reference/views)."""

    id: str
    person: User
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    is_open: bool = True

    @property
    def is_home(self) -> bool:
        return bool(self.body["type"] == "home")


@dataclass(eq=False)
class Delivery:
    """Something the app is told of, as often as it takes.

    Attributes:
        kind: `events_api`, `slash_commands` or `interactive`, as Socket Mode names them.
        envelope_ids: one for each time it was sent by Socket Mode.
        attempts: how often it was sent.
        statuses: the answers over HTTP, 0 for none.
        told_at: when it was sent last, by the time there; `sent_at` by the event loop's.
        answer: what the acknowledgement said.
        acknowledged_after_s: how long the app took, from the last time that it was sent.
        wants_no_retry: the app asked for none.
        heard: what is done once it is acknowledged.
    """

    kind: str
    payload: Json
    envelope_ids: list[str] = field(default_factory=list)
    attempts: int = 0
    statuses: list[int] = field(default_factory=list)
    answer: Json | None = None
    is_acknowledged: bool = False
    acknowledged_after_s: float = 0.0
    told_at: datetime = NEVER
    sent_at: float = 0.0
    wants_no_retry: bool = False
    heard: Callable[[], None] = lambda: None

    def acknowledge(self, answer: Json, at: float) -> None:
        """The app has heard, at a time of the event loop."""
        self.is_acknowledged, self.answer, self.acknowledged_after_s = True, answer, at - self.sent_at
        self.heard()

    @property
    def event(self) -> Json:
        """The event inside, if it is one."""
        return dict(self.payload.get("event") or {})


@dataclass(eq=False)
class Interaction:
    """A person used a command, a shortcut, a button or a form.

    Attributes:
        answers: the messages that came of it: by the acknowledgement, or posted to its address.
        views: the forms that it opened.
        posts_left: how often its address may be used.
        trigger_used: whether its trigger opened a form already.
        sends_form: whether a form was sent off by it.
    """

    key: str
    person: User
    channel: Channel | None
    at: datetime
    message: Message | None = None
    view: View | None = None
    delivery: Delivery | None = None
    answers: list[Message] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    posts_left: int = 5
    trigger_used: bool = False
    sends_form: bool = False

    @property
    def errors(self) -> Json:
        """What the app found wrong in the form that was sent off."""
        answer = (self.delivery.answer if self.delivery else None) or {}
        return dict(answer.get("errors") or {})


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot showed of its work in a thread."""

    channel: Channel
    thread_ts: str
    text: str
    loading_messages: tuple[str, ...] = ()
