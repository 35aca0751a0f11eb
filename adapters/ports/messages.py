"""People, places, and what is said there: the types in which every platform tells of a message."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes, by the platform's immutable id; `timezone` is theirs (IANA), where a platform tells it."""

    id: str
    name: str
    timezone: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a reply goes."""

    platform: str
    channel: str
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a platform says that something came from; a scope is derived from this and from nothing else."""

    address: Address
    person: Person
    is_direct: bool
    space: str | None = None
    """The guild (Discord) or team (Slack); None where a platform has none."""
    roles: tuple[str, ...] = ()
    """Those that the person has there, where a platform has roles, and as far as it told."""


class Aim(StrEnum):
    """Whom a message is meant for, as far as the platform shows it."""

    AT_US = "at us"
    """A direct message, a mention of the bot, a reply to it."""
    AT_ALL = "at all"
    """Nobody in particular."""
    AT_OTHERS = "at others"
    """Somebody else is mentioned or replied to, and the bot is not."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message; `url` is where the platform has it, `size` is in bytes as the platform says."""

    id: str
    name: str
    content_type: str
    size: int
    url: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """A message of the same place that another replies to; `author` is None where the bot wrote it."""

    message_id: str
    author: Person | None
    text: str
    sent_at: datetime
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A person's message, in no platform's format.

    `event_id` is the platform's name of the event, the same whenever it is told again. `message_key` is that of the
    message, where a platform tells one message in two events. `message_id` names the message in its channel: what a
    reply refers to, and what is told to be edited or deleted. `is_missed`: it was read from a history, and may be older
    than what holds now.
    """

    event_id: str
    origin: Origin
    text: str
    sent_at: datetime
    message_key: str | None = None
    message_id: str | None = None
    aim: Aim = Aim.AT_US
    attachments: tuple[Attachment, ...] = ()
    replying_to: Quoted | None = None
    is_missed: bool = False


@dataclass(frozen=True, slots=True)
class MessageChange:
    """Messages were edited, or deleted (`text` is None), after they had been told, or quoted by those that reply.

    `origin` is the place that they stood in, as the addresses of its messages have it; the person is of no weight in a
    channel. It is None where the platform names no two messages alike: then they are found by their names alone.
    `attachments` are the files that edited messages have now; None if that is not known. `author` is whoever wrote
    edited messages, where that is known, on a platform on which a person is the same everywhere.
    """

    origin: Origin | None
    message_ids: tuple[str, ...]
    text: str | None
    attachments: tuple[Attachment, ...] | None = None
    author: Person | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """All that stands in a place from one of its messages to another, as its history told it without fault.

    Attributes:
        origin: the place; of a direct conversation, with the person.
        since: when the oldest of these messages was written.
        until: when the newest was. What was written between the two, and is none of them, is gone.
        message_ids: these messages, whoever wrote them.
        edited: what those say now that were ever edited, each by itself.
        names_are_of_place: whether messages of other places may have the same names.
    """

    origin: Origin
    since: datetime
    until: datetime
    message_ids: frozenset[str]
    edited: tuple[MessageChange, ...] = ()
    names_are_of_place: bool = False


@dataclass(frozen=True, slots=True)
class LastHeard:
    """The newest message that is known of a place."""

    address: Address
    is_direct: bool
    space: str | None
    message_id: str
    sent_at: datetime


LATELY = timedelta(days=1)
"""What was written before that is not answered any more."""
