"""What the bot asks of a chat platform and of a language model, and the few types that cross.

AdapterError
├── ModelError                   (each `str()` is one short sentence that a person may see)
│   ├── ModelUnavailable         down, slow or refusing; worth trying again later
│   ├── RequestRefused           the server cannot take this very request; it would refuse it again
│   │   └── ImagesRefused        perhaps for the images that it shows; without them it may do
│   ├── AnswerWithheld           a content filter left nothing of the answer; asking again would not help
│   ├── FeatureUnsupported       the server takes no tools, or no response format
│   └── ContextOverflow          the prompt is larger than the server's window
├── PlatformError                (a chat platform did not take what it was given)
│   ├── PlatformUnavailable      down, slow, or over a rate limit; worth trying again
│   ├── DeliveryRefused          the place is gone or closed to us; trying again would not help
│   └── CannotTell               a place's history cannot be read, so nobody knows what stands in it
├── DocumentUnreadable           a file gives no text; told to whoever named it
└── ServiceMissing               something needed at start is not there; the operator must act
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable


class AdapterError(Exception):
    """Something outside did not do what was asked."""


class ModelError(AdapterError):
    """The language model gave no usable answer; `str()` is fit for a person, `detail` for the log.

    `is_billed`: the server has worked at the call, as far as can be known, and will want to be paid for it. `usage` is
    what it says that it took.
    """

    def __init__(
        self, sentence: str, detail: str = "", *, is_billed: bool = False, usage: "Usage | None" = None
    ) -> None:
        super().__init__(sentence)
        self.detail = detail or sentence
        self.is_billed = is_billed
        self.usage = usage


class ModelUnavailable(ModelError):
    """The model is down, too slow, over its limits, or refuses our key; `retry_after` is what the server asks, in s."""

    def __init__(
        self, sentence: str, detail: str = "", retry_after: float | None = None, *, is_billed: bool = False
    ) -> None:
        super().__init__(sentence, detail, is_billed=is_billed)
        self.retry_after = retry_after


class RequestRefused(ModelError):
    """The server cannot take this very request; it would refuse it again."""


class ImagesRefused(RequestRefused):
    """The server refuses a request that shows images: it may be for those, so it is worth asking without them."""


class AnswerWithheld(ModelError):
    """The provider's content filter let no word of the answer through, or refused the prompt."""


class ContextOverflow(ModelError):
    """The server says that the prompt does not fit its context window."""


class FeatureUnsupported(ModelError):
    """The server says that it does not support tools, or a response format, for this model."""


class PlatformError(AdapterError):
    """A chat platform did not take what it was given; the text is for the log."""


class PlatformUnavailable(PlatformError):
    """The platform cannot be reached, or wants us to wait; `retry_after` is how long, in seconds, where it says so.

    `may_be_posted` False: the platform surely did not take it (no connection, a rate limit), so it may be sent again
    without looking for it first, which not every place allows.
    """

    def __init__(self, detail: str, retry_after: float | None = None, *, may_be_posted: bool = True) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.may_be_posted = may_be_posted


class DeliveryRefused(PlatformError):
    """The place is gone, or we may not write there (any more)."""


class CannotTell(PlatformError):
    """What stands in a place cannot be read, so nobody can say whether something was sent."""


class DocumentUnreadable(AdapterError):
    """A file is no document that can be read; the text says why in a few words, without the file's name."""


class ServiceMissing(AdapterError):
    """Something the program cannot start without is missing; the text is one clear line for the operator."""


# ── people and places ────────────────────────────────────────────────────────────────────────────────


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


# ── the language model ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A function as the model is told of it; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that the model asks for; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model that sees; `url` is a data URL, which holds all of it."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One entry of a prompt, in the roles of the chat completions API; `images` are shown below what a user says."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    `is_cut`: it ran into the token limit, so its end is missing. `is_refusal`: the text declines to answer, or is what
    a content filter left of an answer; it is for the person, and makes no calls.
    """

    text: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    is_cut: bool = False
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample; None leaves the server's default."""

    temperature: float | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = None
    """Fields beyond the OpenAI API that a local server understands."""


DEFAULT_SAMPLING = Sampling()


class LanguageModel(Protocol):
    """A chat model."""

    @property
    def name(self) -> str:
        """The name shown to people and sent to the server."""
        ...

    @property
    def context_window(self) -> int:
        """Tokens that prompt and answer share."""
        ...

    async def warm_up(self) -> None:
        """Make the first answer quicker: import, load or connect what it needs. Never raises."""
        ...

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """Answer a prompt.

        Raises:
            ModelUnavailable: no answer after the retries.
            AnswerWithheld: a content filter left nothing of the answer.
            ContextOverflow: the prompt is too long for the server.
            FeatureUnsupported: the server refuses tools, or the response format.
            ImagesRefused: it shows images, and the server refuses it.
        """
        ...

    async def close(self) -> None:
        """Release connections and processes."""
        ...


# ── documents ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a document's text; kinds of file that know no pages have one, without a number."""

    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentText:
    """What a document says; `is_markdown`: its headings are marked as Markdown marks them."""

    pages: tuple[Page, ...]
    is_markdown: bool = False
    digest: str = field(default="", compare=False)
    """SHA-256 of the content that was read: the file may have changed since, or since it was last looked at."""


class DocumentReader(Protocol):
    """Reads files of some kinds."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the names of its files end, in lower case, with the dot."""
        ...

    @property
    def max_bytes(self) -> int:
        """A larger file is refused unread."""
        ...

    async def read(self, path: Path) -> DocumentText:
        """The text of a file.

        Raises:
            DocumentUnreadable: it cannot be opened, or there is no text in it.
        """
        ...

    async def close(self) -> None:
        """Release processes; the next file that is read starts them again."""
        ...


# ── the chat platform ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ToolReport:
    """A tool call and what came of it, for people who watch their agent work."""

    name: str
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """What an agent thought and did in one step."""

    thoughts: str | None
    tools: tuple[ToolReport, ...]


Receive = Callable[[InboundMessage], "Awaitable[Awaitable[None]]"]
"""Hand in a message. Returns once it is kept for good: only then may the platform be told that it has arrived.

What comes back may be awaited: it ends with the message's turn and the delivery of its replies, or when these are put
off because the model or the platform is down. It never raises but when cancelled, which stops the turn.
"""


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


@dataclass(frozen=True, slots=True)
class LastHeard:
    """The newest message that is known of a place."""

    address: Address
    is_direct: bool
    space: str | None
    message_id: str
    sent_at: datetime


RunCommand = Callable[[CommandCall], Awaitable[CommandReply]]
"""Run a slash command for somebody; never raises."""

Change = Callable[[MessageChange], Awaitable[None]]
"""Take in that messages were edited or deleted; returns once it is kept for good.

It raises if the database takes nothing just now: then it is to be handed in again, before what comes after it.
"""

Compare = Callable[[Stretch], Awaitable[None]]
"""Have memory follow what was deleted and edited in a place while nobody listened; else as `Change`."""

Suggest = Callable[[CommandCall], Awaitable[Sequence[str]]]
"""What the argument at the end of a line that is being typed may become, the likeliest first. Never raises."""

LATELY = timedelta(days=1)
"""What was written before that is not answered any more."""

Hear = Callable[[timedelta], Awaitable[Sequence[LastHeard]]]
"""The places of this platform heard of within a time (a week at most), for a platform that tells nothing twice.

A message that begins a thread of its name stands in the channel: that is then a place, too, if nothing else was heard
there.
"""


Connected = Callable[[str], None]
"""Say that the connection of the platform of that name stands, or stands again. Never raises, takes no time."""

CaughtUp = Callable[[str], None]
"""Say that memory is level with the platform of that name, as far as it ever will be. Never raises, takes no time."""


ToldOnce = Callable[[str], Awaitable[bool]]
"""Keep that what the key names is told now, or done; False if it was in the last 30 days, and so is not to be."""


async def _no_change(change: MessageChange | Stretch) -> None:
    """Nobody wants to know."""


def _nobody_waits(platform: str) -> None:
    """Nothing was held back."""


async def _not_told(key: str) -> bool:
    """Nobody was told anything."""
    return True


async def _nothing(*asked: object) -> tuple[()]:
    """There is nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Intake:
    """Where a platform hands in what happens there.

    Attributes:
        receive: takes a message of a person.
        command: runs a slash command.
        change: takes an edit or a deletion.
        compare: takes what stands in a place, for a platform that tells nothing twice.
        caught_up: is to be told by a platform that is a `ComparesHistories`, when it has compared.
        suggest: completes a command's argument.
        last_heard: tells where to look for what was missed.
        connected: is to be told by a platform that is a `TellsConnection`, of each new connection.
        commands: the slash commands that there are.
        told_once: is asked before somebody is told what need not be said each time, or before something is done that
            may be asked for again after a restart.
    """

    receive: Receive
    command: RunCommand
    change: Change = _no_change
    suggest: Suggest = _nothing
    last_heard: Hear = _nothing
    connected: Connected = _nobody_waits
    commands: tuple[CommandSpec, ...] = ()
    told_once: ToldOnce = _not_told
    compare: Compare = _no_change
    caught_up: CaughtUp = _nobody_waits


@dataclass(frozen=True, slots=True)
class Sought:
    """A message that may have been posted: what it says, since when it can be there, and which others it is not."""

    text: str
    since: datetime
    known: frozenset[str] = frozenset()


class ChatPlatform(Protocol):
    """An outside platform: events in, replies out, commands registered natively."""

    @property
    def name(self) -> str:
        """The first part of every scope and address of this platform."""
        ...

    async def run(self, intake: Intake) -> None:
        """Serve until the connection ends, or the caller cancels it.

        Raises:
            ServiceMissing: it cannot be served before the operator acts.
        """
        ...

    def parts_of(self, text: str) -> Sequence[str]:
        """A reply as the messages that the platform can show it in, in order; each is then sent by itself."""
        ...

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        """Post an agent's reply; returns when the platform has it.

        Args:
            address: where.
            text: Markdown, one of the `parts_of` a reply.
            reply_to: the message that it answers, if that is still there.
            key: at most 25 letters and digits that go with the message, so that the platform drops a second one of the
                same key, or `find_sent` finds it.

        Returns:
            The platform's name for the message, where it has one.

        Raises:
            PlatformUnavailable: it may be tried again.
            DeliveryRefused: it need not be.
        """
        ...

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """Look whether a message of that key was posted, although nobody heard the answer; None: it was not.

        Args:
            address: where it went.
            key: what went with it.
            sought: what else is known of it, for a platform that keeps no key with a message.

        Returns:
            The platform's name for the message, or an empty text where it has none.

        Raises:
            PlatformUnavailable: it may be asked again.
            CannotTell: there is no way to know.
        """
        ...

    async def notify(self, origin: Origin, text: str) -> None:
        """Tell one person something of our own (an error, a hint), privately where the platform can.

        An origin in direct messages without a channel is wherever the platform has those with that person.
        """
        ...

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Show, while inside, that an answer is on its way."""
        ...


@runtime_checkable
class TellsConnection(Protocol):
    """A chat platform that knows whether its connection stands; of others it is taken for granted while they run.

    Replies wait while it does not. So `run` calls `Intake.connected` each time that `is_connected` has become true.
    """

    @property
    def is_connected(self) -> bool:
        """Whether events reach us and replies would go out; false as soon as the connection is known to be lost."""
        ...


@runtime_checkable
class ComparesHistories(Protocol):
    """A chat platform that tells nothing twice, and so finds out what was deleted and edited while nobody listened.

    What an earlier process left is not answered before that: it may rest on words that are gone. So `run` calls
    `Intake.caught_up` once it has compared all places that it can read, or given up, after its first connection.
    """

    @property
    def compares_histories(self) -> bool:
        """Whether it does so; what waits there is held until then."""
        ...


@runtime_checkable
class KnowsStrangers(Protocol):
    """A chat platform on which people may write to the bot who share no place with it."""

    async def is_stranger(self, origin: Origin) -> bool:
        """Whether somebody writes directly who is in none of the places that the bot is in.

        Raises:
            PlatformUnavailable: that cannot be told now.
            DeliveryRefused: the same.
        """
        ...


@runtime_checkable
class TakesReactions(Protocol):
    """A chat platform on which messages can be reacted to."""

    async def react(self, address: Address, message_id: str, emoji: str) -> None:
        """Put a reaction on a message; one that stands there already is as good.

        Raises:
            PlatformUnavailable: it may be tried again.
            DeliveryRefused: it need not be.
        """
        ...


Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of looking at one thing: `warn` is worth knowing, `fail` has to be mended."""

    verdict: Verdict
    about: str
    told: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a platform says of the bot's account; `invitation` is the address at which the bot is brought to people."""

    findings: tuple[Finding, ...]
    invitation: str | None = None


@runtime_checkable
class CanBeExamined(Protocol):
    """A chat platform that knows whether the bot is set up there as it should be.

    It only looks, beside a running bot, and changes nothing. What goes wrong over that is a finding; neither raises.
    """

    async def account(self) -> Account:
        """Look whose the credentials are, and what they allow."""
        ...

    async def examine(self, commands: Sequence[CommandSpec]) -> Sequence[Finding]:
        """Look at the account, the places that the bot is in, and whether people are offered these commands."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """A chat platform on which messages can have files."""

    async def fetch(self, attachment: Attachment, into: Path, max_bytes: int) -> None:
        """Download a file that came with a message, from the platform's own hosts only.

        Raises:
            DocumentUnreadable: it is too large, or stands elsewhere, or is gone; the text says so.
            PlatformUnavailable: it may be tried again.
        """
        ...
