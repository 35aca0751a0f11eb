"""An agent as it stands in memory between two steps: a value, replaced as a whole by each step."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.ports.model import ChatMessage, Image
from memory.core.agents import ChosenModel
from memory.core.core_memory import CoreMemory
from memory.ports import Message


@dataclass(frozen=True, slots=True)
class Queued:
    """A message of the queue as the model sees it, with its size in tokens (our own count).

    `chat` is None for what the model does not see: the result of a call that was too many.
    """

    message: Message
    chat: ChatMessage | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Agent:
    """One MemGPT agent.

    `folded` is core memory as it stands in the prompt's fixed part; `core` is core memory now. The agent's own edits
    show as tool results and reach `folded` at the next compaction, so that the prompt's prefix stays the same to
    the byte and the server's prompt cache holds. Everybody else's edits are folded at once.

    `paused_at` is since when nothing is kept of what is said to it. `passing` are the turns in the queue of which
    nothing is kept: the queue is all that holds them, once they are over.
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
    paused_at: datetime | None = None
    passing: frozenset[int] = frozenset()
    derive_anew: bool = False
    """Whether `summary` is an older one, as messages that a newer one covered were changed since."""
    images: Mapping[int, tuple[Image, ...]] = field(default_factory=dict)
    """What is shown with messages of the turn under way, by their ids; it is kept nowhere else."""
    revision: int = 0
    """See `memory.core.agents.AgentStore.changing`."""
    heartbeat_minutes: int | None = None
    """See `memory.core.agents.AgentRecord`."""
    model: ChosenModel | None = None
    """See `memory.core.agents.AgentRecord`."""

    def keeps(self, message: Message) -> bool:
        """Whether what is said in the turn of a message is kept."""
        return message.turn_id not in self.passing

    def without_passing(self) -> "Agent":
        """The same without what nothing is kept of."""
        kept = tuple(queued for queued in self.queue if self.keeps(queued.message))
        return replace(self, queue=kept, passing=frozenset())

    @property
    def is_direct(self) -> bool:
        """Whether it belongs to one person (otherwise to a channel)."""
        return self.scope.split(":", 2)[1] == "dm"
