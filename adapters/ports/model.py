"""What the bot asks of a language model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


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
