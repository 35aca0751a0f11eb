"""What a turn asks of a tier."""

from dataclasses import dataclass
from typing import Protocol

from adapters.ports import ToolCall, Usage
from bot.agent import Agent
from memory.ports import Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent decided in one step: its thoughts, the calls it makes, or a bare text.

    `saw_context` says that the prompt was the agent's main context, so that `usage` tells its size.
    """

    text: str | None
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    saw_context: bool = False


class Tier(Protocol):
    """A way of putting an agent before a model."""

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """The agent's next step in the turn of `event`.

        Raises:
            ModelUnavailable: no answer after the retries.
            ContextOverflow: the server says that the prompt is too long.
        """
        ...
