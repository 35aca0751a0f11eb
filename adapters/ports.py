"""What the bot asks of a chat platform and of a language model, and the few types that cross.

AdapterError
├── ModelError                   (each `str()` is one short sentence that a person may see)
│   ├── ModelUnavailable         down, slow or refusing; worth trying again later
│   ├── FeatureUnsupported       the server takes no tools, or no response format
│   └── ContextOverflow          the prompt is larger than the server's window
└── ServiceMissing               something needed at start is not there; the operator must act
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol


class AdapterError(Exception):
    """Something outside did not do what was asked."""


class ModelError(AdapterError):
    """The language model gave no usable answer; `str()` is fit for a person, `detail` for the log."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail or sentence


class ModelUnavailable(ModelError):
    """The model is down, too slow, over its limits, or refuses our key."""


class ContextOverflow(ModelError):
    """The server says that the prompt does not fit its context window."""


class FeatureUnsupported(ModelError):
    """The server says that it does not support tools, or a response format, for this model."""


class ServiceMissing(AdapterError):
    """Something the program cannot start without is missing; the text is one clear line for the operator."""


# ── people and places ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes, by the platform's immutable id."""

    id: str
    name: str


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


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A person's message, in no platform's format."""

    event_id: str
    origin: Origin
    text: str
    sent_at: datetime


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
class ChatMessage:
    """One entry of a prompt, in the roles of the chat completions API."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer; `is_cut` when it ran into the token limit."""

    text: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    is_cut: bool = False


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
            ContextOverflow: the prompt is too long for the server.
            FeatureUnsupported: the server refuses tools, or the response format.
        """
        ...

    async def close(self) -> None:
        """Release connections and processes."""
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
"""Hand in a message. Returns when it is accepted, with something to await until its turn has ended."""

RunCommand = Callable[[Origin, str], Awaitable[str]]
"""Run the command line after `/agent` for somebody; returns the private reply."""


class ChatPlatform(Protocol):
    """An outside platform: events in, replies out, commands registered natively."""

    @property
    def name(self) -> str:
        """The first part of every scope and address of this platform."""
        ...

    async def run(self, receive: Receive, command: RunCommand) -> None:
        """Serve until the platform or the operator ends it."""
        ...

    async def send(self, address: Address, text: str) -> None:
        """Post an agent's reply; returns when the platform has it."""
        ...

    async def notify(self, origin: Origin, text: str) -> None:
        """Tell one person something of our own (an error, a hint), privately where the platform can."""
        ...

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Show, while inside, that an answer is on its way."""
        ...
