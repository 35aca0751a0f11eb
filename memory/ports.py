"""What memory holds, and what it needs from outside: a token counter, an embedder, a vector index.

MemoryFault
├── CoreMemoryFault          told to the model as a tool's result (each `str()` is written to it)
│   ├── BlockNotFound
│   ├── BlockFull
│   └── NoSingleMatch
├── SourceNotFound           told to whoever named the source
├── StorageUnavailable       told to the operator: the database or data dir cannot be used
├── ChangedMeanwhile         ends in the bot: what was about to be written rests on what is no longer so
└── IndexLost                the vector index is empty and has to be built anew
"""

from collections.abc import AsyncIterator, Mapping, Sequence
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


class SourceNotFound(MemoryFault):
    """There is no source of documents of that name."""


class ChangedMeanwhile(MemoryFault):
    """An agent's messages were edited or deleted since it was loaded: load it anew, and begin again."""


class StorageUnavailable(MemoryFault):
    """The database or the data directory cannot be used; the text is one clear line for the operator."""


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────


class Kind(StrEnum):
    """What a message in recall storage is."""

    USER_MESSAGE = "user_message"
    LOGIN = "login"
    HEARTBEAT = "heartbeat"
    FOLLOW_UP = "follow_up"
    REFLECTION = "reflection"
    SYSTEM_ALERT = "system_alert"
    ASSISTANT = "assistant"
    TOOL_RESULT = "tool_result"

    @property
    def is_event(self) -> bool:
        """Whether it comes from outside the agent (and may start a turn)."""
        return self not in (Kind.ASSISTANT, Kind.TOOL_RESULT)

    @property
    def is_timed(self) -> bool:
        """Whether a clock brings it about, and nobody is there."""
        return self in (Kind.HEARTBEAT, Kind.FOLLOW_UP, Kind.REFLECTION)

    @property
    def awaits_answer(self) -> bool:
        """Whether a person is there and waits to hear something."""
        return self in (Kind.USER_MESSAGE, Kind.LOGIN)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call as it was made; `arguments` is the JSON text that the model wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A message that somebody replies to: the platform's name for it, and as much of it as is kept beside the reply.

    `author_id` is None where the agent itself said it. `sent_at` is when it was written.
    """

    message_id: str
    author_id: str | None
    author_name: str
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message about to be kept.

    `text` is what a person said or heard, and what a search finds; `thoughts` is the agent's inner monologue. Of a
    person's message, `platform_id` is the platform's name for it, `thread` where in the channel it stands,
    `is_addressed` whether the bot was meant, and `quote` what it replies to, which no search finds in it.
    """

    kind: Kind
    created_at: datetime
    text: str | None = None
    thoughts: str | None = None
    tool_uses: tuple[ToolUse, ...] = ()
    tool_use_id: str | None = None
    author_id: str | None = None
    author_name: str | None = None
    platform_id: str | None = None
    thread: str | None = None
    is_addressed: bool = True
    quote: Quote | None = None

    @property
    def awaits_answer(self) -> bool:
        """Whether somebody is there, and waits to hear something from the agent."""
        return self.kind.awaits_answer and self.is_addressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(NewMessage):
    """A message in recall storage; ids grow with time. `turn_id` is the id of the event that it belongs to."""

    id: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class BlockEdit:
    """One change of core memory, for the journal: who, why, and the message it came from.

    `is_reflection` is told of an edit that was read together with its change.
    """

    label: str
    before: str
    after: str
    author: str
    reason: str
    source_message_id: int | None
    created_at: datetime
    is_reflection: bool = False


class NoteAction(StrEnum):
    """What was done to a note; a note that is kept once more gets the tags alone that are new."""

    ADDED = "added"
    TAGGED = "tagged"
    REMOVED = "removed"
    UNTAGGED = "untagged"


@dataclass(frozen=True, slots=True)
class NoteEdit:
    """One change of the agent's notes, for the journal; `tags` are those of the note, or those that came or went."""

    action: NoteAction
    content: str
    tags: tuple[str, ...]
    author: str
    reason: str
    source_message_id: int | None
    created_at: datetime


class PassageKind(StrEnum):
    """What an agent's passage is."""

    NOTE = "note"
    PRIMER = "primer"
    """Statements that prime the agent for messages which left its window (see `memory.recall.primers`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassage:
    """A note about to be kept in archival storage."""

    content: str
    tags: tuple[str, ...] = ()
    source_message_id: int | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(NewPassage):
    """A note in archival storage, or a piece of a document: `document` names it, and is None of a note."""

    id: int
    document: str | None = None
    heading: str | None = None
    """The headings above a piece."""
    page: int | None = None
    kind: PassageKind = PassageKind.NOTE


@dataclass(frozen=True, slots=True)
class Source:
    """Documents that came together, with how many pieces they were cut into and how many agents have them."""

    id: int
    name: str
    documents: int
    pieces: int
    agents: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        ids: best first.
        is_cut: whether more may answer, so many that they are not listed.
        untaken: what the search is not narrowed by though it looks so, in words for whoever asked.
    """

    ids: tuple[int, ...]
    is_cut: bool = False
    untaken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultList:
    """The ids that a search found, best first, kept for a day so that paging is stable; `is_cut` as in `Found`."""

    id: str
    store: str
    query: str
    ids: tuple[int, ...]
    created_at: datetime
    is_cut: bool = False


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


def owner_of_source(source_id: int) -> int:
    """Who owns the vectors of a source's pieces; an agent's notes are owned by its id."""
    return -source_id


class VectorIndex(Protocol):
    """Ids and vectors, found by closeness within their owners (agents and sources); rebuilt from SQL at any time.

    Each method may raise `IndexLost`, once: when an empty index is opened, and when damage is found.
    """

    async def upsert(self, owner: int, embedder: str, entries: Sequence[IndexEntry]) -> None:
        """Add or replace vectors of one owner's passages."""
        ...

    async def nearest(
        self, owners: Sequence[int], embedder: str, vector: Vector, tags: Sequence[str], limit: int
    ) -> Sequence[tuple[int, float]]:
        """Passage ids of these owners, carrying all these tags, with cosine similarity (-1 to 1), nearest first."""
        ...

    async def delete(self, owner: int, passage_ids: Sequence[int]) -> None:
        """Forget passages, whichever embedder made their vectors; ids that are not there are ignored."""
        ...

    async def keep_only(self, owner_of: Mapping[int, int]) -> int:
        """Write every file anew, with the vectors of these passages alone; returns how many others there were.

        Args:
            owner_of: by the passages' ids. Nothing may be written meanwhile; what is looked for is found.
        """
        ...

    def entries(self) -> AsyncIterator[tuple[int, int]]:
        """Everything that is held, as owner and passage id; read part by part, so nothing may be changed meanwhile."""
        ...

    async def count(self, owners: Sequence[int]) -> int:
        """How many vectors of these owners there are, whichever embedder made them."""
        ...

    async def close(self) -> None:
        """Release files and threads."""
        ...
