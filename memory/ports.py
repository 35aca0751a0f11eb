"""What memory holds, and what it needs from outside: a token counter, an embedder, a vector index.

MemoryFault
├── CoreMemoryFault          told to the model as a tool's result (each `str()` is written to it)
│   ├── BlockNotFound
│   ├── BlockFull
│   └── NoSingleMatch
├── StorageUnavailable       told to the operator: the database or data dir cannot be used
└── IndexLost                the vector index is empty and has to be built anew
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class MemoryFault(Exception):
    """Memory could not do what was asked."""


class CoreMemoryFault(MemoryFault):
    """An edit of core memory is impossible; the text tells the model what to do instead."""


class BlockNotFound(CoreMemoryFault):
    """There is no block of that label."""


class BlockFull(CoreMemoryFault):
    """The block has no room for the text."""


class NoSingleMatch(CoreMemoryFault):
    """The text to be replaced stands nowhere in the block, or more than once."""


class StorageUnavailable(MemoryFault):
    """The database or the data directory cannot be used; the text is one clear line for the operator."""


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────


class Kind(StrEnum):
    """What a message in recall storage is."""

    USER_MESSAGE = "user_message"
    LOGIN = "login"
    HEARTBEAT = "heartbeat"
    SYSTEM_ALERT = "system_alert"
    ASSISTANT = "assistant"
    TOOL_RESULT = "tool_result"

    @property
    def is_event(self) -> bool:
        """Whether it comes from outside the agent (and may start a turn)."""
        return self not in (Kind.ASSISTANT, Kind.TOOL_RESULT)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call as it was made; `arguments` is the JSON text that the model wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message about to be kept.

    `text` is what a person said or heard, and what a search finds; `thoughts` is the agent's inner monologue.
    """

    kind: Kind
    created_at: datetime
    text: str | None = None
    thoughts: str | None = None
    tool_uses: tuple[ToolUse, ...] = ()
    tool_use_id: str | None = None
    author_id: str | None = None
    author_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(NewMessage):
    """A message in recall storage; ids grow with time. `turn_id` is the id of the event that it belongs to."""

    id: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class BlockEdit:
    """One change of core memory, for the journal: who, why, and the message it came from."""

    label: str
    before: str
    after: str
    author: str
    reason: str
    source_message_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassage:
    """A note about to be kept in archival storage."""

    content: str
    tags: tuple[str, ...] = ()
    source_message_id: int | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(NewPassage):
    """A note in archival storage."""

    id: int


@dataclass(frozen=True, slots=True)
class ResultList:
    """The ids that a search found, best first, kept for a day so that paging is stable."""

    id: str
    store: str
    query: str
    ids: tuple[int, ...]
    created_at: datetime


# ── what is needed ───────────────────────────────────────────────────────────────────────────────────

Vector = Sequence[float]


class TokenCounter(Protocol):
    """Counts tokens locally, nearly as the model does."""

    def count(self, text: str) -> int:
        """The number of tokens of a text; any text, at any length."""
        ...


class Embedder(Protocol):
    """Turns text into vectors whose closeness is closeness in meaning."""

    @property
    def name(self) -> str:
        """What makes the vectors, stored with each: vectors of different names are never compared."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One unit-length vector per text, in order.

        Raises:
            ConnectionError: it cannot be reached just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A passage's place in the vector index."""

    passage_id: int
    vector: Vector
    tags: tuple[str, ...] = ()


class IndexLost(MemoryFault):
    """The vector index is empty although it may not have been before: build it anew from SQL, then try again."""


class VectorIndex(Protocol):
    """Ids and vectors, found by closeness within one agent; rebuilt from SQL at any time.

    Each method may raise `IndexLost`, once: when an empty index is opened, and when damage is found.
    """

    async def upsert(self, agent_id: int, embedder: str, entries: Sequence[IndexEntry]) -> None:
        """Add or replace vectors of one agent's passages."""
        ...

    async def nearest(
        self, agent_id: int, embedder: str, vector: Vector, tags: Sequence[str], limit: int
    ) -> Sequence[tuple[int, float]]:
        """Passage ids of this agent, carrying all these tags, with cosine similarity (-1 to 1), nearest first."""
        ...

    async def delete(self, agent_id: int, embedder: str, passage_ids: Sequence[int]) -> None:
        """Forget passages; ids that are not there are ignored."""
        ...

    async def forget_agent(self, agent_id: int) -> int:
        """Forget every passage of an agent, whichever embedder made its vector; returns how many there were."""
        ...

    async def count(self, agent_id: int) -> int:
        """How many vectors of an agent there are, whichever embedder made them."""
        ...

    async def close(self) -> None:
        """Release files and threads."""
        ...
