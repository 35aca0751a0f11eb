"""An agent as it stands in memory between two steps: a value, replaced as a whole by each step."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from adapters.ports import ChatMessage
from memory.core_memory import CoreMemory
from memory.ports import Message


@dataclass(frozen=True, slots=True)
class Queued:
    """A message of the queue as the model sees it, with its size in tokens (our own count)."""

    message: Message
    chat: ChatMessage
    tokens: int


@dataclass(frozen=True, slots=True)
class Agent:
    """One MemGPT agent.

    `folded` is core memory as it stands in the prompt's fixed part; `core` is core memory now. The agent's own edits
    show as tool results and reach `folded` at the next compaction, so that the prompt's prefix stays the same to
    the byte and the server's prompt cache holds. Everybody else's edits are folded at once.
    """

    id: int
    scope: str
    preset: str
    zone: ZoneInfo
    core: CoreMemory
    folded: CoreMemory
    summary: str
    warned: bool
    queue: tuple[Queued, ...]

    @property
    def is_direct(self) -> bool:
        """Whether it belongs to one person (otherwise to a channel)."""
        return self.scope.split(":", 2)[1] == "dm"
