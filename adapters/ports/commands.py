"""Slash commands, as platforms and the bot speak of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapters.ports.messages import InboundMessage, Origin


class Announced(Protocol):
    """Everybody in a channel was told."""

    def __call__(self, *, at: datetime | None = None) -> "Awaitable[CommandReply]":
        """Do what was announced; never raises.

        Args:
            at: when the platform says that it was announced, by the clock of the messages there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Announcement:
    """What everybody in a channel is told before it is done.

    `text` is to be posted in the channel; if the command was given in a thread, in the channel that this belongs to,
    where one can write there. `announced` does it, and is to be called once the text stands there. If it cannot be
    posted nothing is done, and `unsaid` is what the person is told.
    """

    text: str
    announced: Announced
    unsaid: str


class Confirm(Protocol):
    """The same person says yes, with the rights that they have by then."""

    def __call__(self, *, is_moderator: bool) -> "Awaitable[CommandReply]":
        """Do what was asked about, if they still may; never raises.

        Args:
            is_moderator: what the platform says of them at the moment of the yes; see `CommandCall`.
        """
        ...


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """A file that somebody is given as the answer to a command: what it is called for them, and where it lies.

    Whoever hands it over removes it then. `cut` makes several files of it, none larger than so many bytes, which are
    removed likewise; none, if it cannot. It blocks.
    """

    name: str
    path: Path
    cut: "Callable[[int], Sequence[AnswerFile]] | None" = None


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line of what an agent keeps in mind, as people are shown it.

    `place` is what `/agent edit` calls it; it holds a trace of the text, so that no other is taken for it later.
    `shown` is the line in Markdown, with how it is known.
    """

    place: str
    text: str
    shown: str


@dataclass(frozen=True, slots=True)
class CommandReply:
    """What comes of a slash command: a private text in Markdown, and what else there is to do.

    `turn` is a turn that the command set going, to be awaited. `confirmed` is what to call once the person says yes to
    the question that `text` then is. `announcement` is for everybody in the channel where it was given; `text` is empty
    then. `file` goes with the text, to that person alone. `pieces` are what `text` says, piece by piece, where a
    platform may show something beside each line. `is_refusal`: nothing was done, and `text` says why.
    """

    text: str = ""
    turn: Awaitable[None] | None = None
    confirmed: "Confirm | None" = None
    announcement: Announcement | None = None
    file: AnswerFile | None = None
    pieces: tuple[str | KnownLine, ...] = ()
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class CommandCall:
    """Somebody gives a slash command: `line` is what stands after `/agent`.

    `is_moderator` is what the platform says at this moment of the person's rights in that place; `reads_messages`
    whether it tells us there of messages that do not mention us. `about` is the person's message from whose menu the
    command was given. `given_at` is when, if the platform says that, by the clock of the messages there.
    `link_to` makes the address of a message of that place, of its name and the thread it stands in; None where there
    are no addresses.
    """

    origin: Origin
    line: str
    is_moderator: bool = False
    reads_messages: bool = True
    about: InboundMessage | None = None
    given_at: datetime | None = None
    link_to: Callable[[str, str | None], str | None] | None = None


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A slash command, for platforms that list commands natively.

    `path` is its name, or its group and its name. `argument` is the name of the one text that it takes, if it takes
    any; where `choices` are given it is one of them. `suggests`: `Intake.suggest` knows texts that it may be. `asks`:
    the question that it answers; a platform that has forms puts it to whoever leaves the argument out.
    """

    path: tuple[str, ...]
    description: str
    argument: str | None = None
    is_optional: bool = False
    choices: tuple[str, ...] = ()
    suggests: bool = False
    asks: str | None = None
