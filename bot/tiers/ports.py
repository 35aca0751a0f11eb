"""What a turn asks of a tier."""

from dataclasses import dataclass
from typing import Protocol

from adapters.ports.model import ToolCall, Usage
from bot.agent import Agent
from memory.ports import Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent decided in one step: its thoughts, the calls it makes, or a bare text."""

    text: str | None
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    saw_context: bool = False
    """The prompt was the agent's main context, so that `usage` tells its size."""
    is_cut: bool = False
    """It ran into the token limit: of the text the end is missing, and a call whose arguments are no JSON is half."""
    is_addressed: bool = False
    """The text is meant for the person: it declines to answer, or is what there is of a message that was cut."""
    is_by_code: bool = False
    """No model was asked, so that it does not count as a step."""


class Tier(Protocol):
    """A way of putting an agent before a model."""

    @property
    def speaks_unasked(self) -> bool:
        """Whether such a model can judge if it has something to say where it was not meant."""
        ...

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """The agent's next step in the turn of `event`.

        Raises:
            ModelUnavailable: no answer after the retries.
            AnswerWithheld: a content filter left nothing of the answer.
            ContextOverflow: the server says that the prompt is too long.
        """
        ...
