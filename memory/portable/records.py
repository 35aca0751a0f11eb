"""The lines of an export: their types, and the checks that a line has to pass (pure).

head, agent, block …, then message …, compaction …, memory_change …, block_edit …, note_edit …, passage …, follow_up …,
usage …, for each source of documents source, document …, piece …, and end. Ids tie its own records together.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from memory.core.change_journal import ChangeKind
from memory.ports import Kind, MemoryFault, NoteAction, PassageKind

FORMAT: Literal["memgpt-bot agent"] = "memgpt-bot agent"
VERSION: Literal[1] = 1

Id = Annotated[int, Field(ge=1, lt=2**63)]
Label = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^<>\x00-\x1f]+$")]


class MalformedExport(MemoryFault):
    """The lines are no export of an agent; the text names the line and what is wrong with it."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Head(_Record):
    """The first line; `person` is whose part of a channel's memory it is, and null where all of an agent is in it."""

    type: Literal["head"] = "head"
    format: Literal["memgpt-bot agent"] = FORMAT
    version: Literal[1] = VERSION
    person: Annotated[str, Field(max_length=300)] | None = None


class AgentState(_Record):
    """The agent itself; `summary` leads its queue, `warned` says whether it was told of memory pressure."""

    type: Literal["agent"] = "agent"
    scope: Annotated[str, Field(max_length=300, pattern=r"^[a-z]+:(dm|channel):[^\x00-\x1f\x7f-\x9f]+$")]
    created_at: AwareDatetime
    preset: str
    summary: str
    warned: bool


class BlockText(_Record):
    """A block of core memory; the order of the lines is theirs."""

    type: Literal["block"] = "block"
    label: Label
    value: str


class ToolUseMade(_Record):
    """A tool call in a message."""

    id: str
    name: str
    arguments: str


class KeptQuote(_Record):
    """The message that another replies to, in a few words; `author_id` is null where the agent said it."""

    message_id: Annotated[str, Field(max_length=200)]
    author_id: str | None
    author_name: str
    text: str
    sent_at: AwareDatetime


class KeptMessage(_Record):
    """A message of recall storage; `turn_id` is the id of the event that began its turn."""

    type: Literal["message"] = "message"
    id: Id
    turn_id: Id
    kind: Kind
    created_at: AwareDatetime
    text: str | None
    thoughts: str | None
    tool_uses: tuple[ToolUseMade, ...]
    tool_use_id: str | None
    author_id: str | None
    author_name: str | None
    platform_id: str | None = None
    thread: str | None = None
    is_addressed: bool = True
    quote: KeptQuote | None = None
    evicted: bool


class KeptCompaction(_Record):
    """An eviction: the summary before it, the messages that left the queue, the newest message at that moment.

    `saved` counts the edits and notes that the agent made after it was warned.
    """

    type: Literal["compaction"] = "compaction"
    summary_before: str
    evicted_ids: tuple[Id, ...]
    newest_message_id: Id
    created_at: AwareDatetime
    warned: bool
    saved: Annotated[int, Field(ge=0)]


class KeptChange(_Record):
    """What changed in memory in one go, of which edits name the id; `undoes` is the earlier one that it takes back."""

    type: Literal["memory_change"] = "memory_change"
    id: Id
    kind: ChangeKind
    turn_id: Id | None
    undoes: Id | None
    created_at: AwareDatetime


class KeptEdit(_Record):
    """An entry in the journal of core memory."""

    type: Literal["block_edit"] = "block_edit"
    label: Label
    before: str
    after: str
    author: str
    reason: str
    source_message_id: Id | None
    created_at: AwareDatetime
    change_id: Id | None = None


class KeptNoteEdit(_Record):
    """An entry in the journal of notes."""

    type: Literal["note_edit"] = "note_edit"
    change_id: Id
    action: NoteAction
    content: str
    tags: tuple[str, ...]
    author: str
    reason: str
    source_message_id: Id | None
    created_at: AwareDatetime


class TagsAdded(_Record):
    """Tags that a later message brought to a note."""

    message: Id
    tags: tuple[str, ...]


class KeptPassage(_Record):
    """A note of archival storage, or a primer; `tags_added` names those of its tags that later messages brought."""

    type: Literal["passage"] = "passage"
    id: Id | None = None
    content: str
    tags: tuple[str, ...]
    tags_added: tuple[TagsAdded, ...] = ()
    source_message_id: Id | None
    created_at: AwareDatetime
    kind: PassageKind = PassageKind.NOTE


class KeptFollowUp(_Record):
    """Something that the agent is to come back to; `origin` is the place that it was set in, and for whom."""

    type: Literal["follow_up"] = "follow_up"
    due_at: AwareDatetime
    set_at: AwareDatetime
    platform: Annotated[str, Field(max_length=20)]
    person: Annotated[str, Field(max_length=300)]
    origin: dict[str, Any]
    note: str
    repeat: Annotated[str, Field(max_length=200)] | None
    local: Annotated[str, Field(max_length=30)] | None
    source_message_id: Id | None


class KeptUsage(_Record):
    """A call of the model: who had written, when, and what it took; `cost` is in US dollars, null where not known."""

    type: Literal["usage"] = "usage"
    person: Annotated[str, Field(max_length=300)] | None
    at: AwareDatetime
    model: Annotated[str, Field(max_length=300)]
    is_timed: bool
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float | None


class KeptSource(_Record):
    """A source of documents that the agent has; its documents follow, then their pieces."""

    type: Literal["source"] = "source"
    name: Annotated[str, Field(min_length=1, max_length=200)]
    created_at: AwareDatetime
    attached_at: AwareDatetime


class KeptDocument(_Record):
    """A document of the source above; `digest` is the SHA-256 of the file that it was made of.

    `came_with` are the platform's names for the messages that it came with, if it came with any, and `came_as` those
    of the files that it was, by message.
    """

    type: Literal["document"] = "document"
    id: Id
    name: Annotated[str, Field(min_length=1, max_length=500)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    loaded_at: AwareDatetime
    came_with: tuple[str, ...] = ()
    came_as: dict[str, tuple[str, ...]] = {}


class KeptPiece(_Record):
    """A piece of a document of the source above, by its id."""

    type: Literal["piece"] = "piece"
    document: Id
    content: str
    heading: str | None
    page: int | None


class End(_Record):
    """The last line: how many stand before it, so that a file cut short is noticed."""

    type: Literal["end"] = "end"
    records: int


Record = (
    Head
    | AgentState
    | BlockText
    | KeptMessage
    | KeptCompaction
    | KeptChange
    | KeptEdit
    | KeptNoteEdit
    | KeptPassage
    | KeptFollowUp
    | KeptUsage
    | KeptSource
    | KeptDocument
    | KeptPiece
    | End
)
_ANY: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="type")])


KINDS: dict[str, type[BaseModel]] = {kind.model_fields["type"].default: kind for kind in get_args(Record)}
"""What a record may be, by the name that stands in its line."""


def to_line(record: Record) -> str:
    """A record as one line of JSON, without its newline."""
    return record.model_dump_json()


def parse(lines: Iterable[str | bytes]) -> Iterator[Record]:
    """Records of lines, each checked by itself and against those before it.

    Raises:
        MalformedExport: naming the line; what was yielded before it should then be undone.
    """
    order, number = _Order(), 0
    for number, line in enumerate(lines, 1):
        try:
            record = _ANY.validate_json(line)
            order.take(record)
        except ValidationError as error:
            raise MalformedExport(f"line {number}: {_first_fault(error)}") from None
        except ValueError as error:
            raise MalformedExport(f"line {number}: {error}") from None
        yield record
    if not order.has_ended:
        raise MalformedExport(f"line {number + 1}: missing; the file is empty or was cut short")


# ── checks ───────────────────────────────────────────────────────────────────────────────────────────


class _Order:
    """What a record may be after those before it."""

    def __init__(self) -> None:
        self.has_ended = False
        self._count = 0
        self._newest_id = 0
        self._ids: set[int] = set()
        self._changes: set[int] = set()
        self._newest_change = 0
        self._notes: set[int] = set()
        self._labels: set[str] = set()
        self._sources: set[str] = set()
        self._documents: set[int] = set()
        self._document_names: set[str] = set()
        self._is_in_pieces = False

    def take(self, record: Record) -> None:
        """Go on by one record; ValueError says what is wrong with it."""
        due = ("head", "agent")[self._count] if self._count < 2 else None
        if self.has_ended:
            raise ValueError("stands after the end")
        if (due or record.type) != record.type or (due is None and record.type in ("head", "agent")):
            raise ValueError(f"a line of type {record.type!r} should not stand here")
        if isinstance(record, BlockText):
            self._block(record)
        elif isinstance(record, KeptMessage):
            self._message(record)
        elif isinstance(record, KeptChange):
            self._change(record)
        elif isinstance(record, KeptEdit | KeptNoteEdit | KeptPassage | KeptFollowUp):
            if record.source_message_id is not None:
                self._refer("source_message_id", record.source_message_id)
            if isinstance(record, KeptEdit | KeptNoteEdit) and record.change_id is not None:
                self._refer_to_change("change_id", record.change_id)
            for added in record.tags_added if isinstance(record, KeptPassage) else ():
                self._refer("message", added.message)
            if isinstance(record, KeptPassage) and record.id is not None:
                self._note(record.id)
        elif isinstance(record, KeptCompaction):
            for id_ in (*record.evicted_ids, record.newest_message_id):
                self._refer("message", id_)
        elif isinstance(record, KeptSource | KeptDocument | KeptPiece):
            self._of_documents(record)
        elif isinstance(record, End):
            self._end(record)
        self._count += 1

    def _block(self, block: BlockText) -> None:
        if block.label in self._labels:
            raise ValueError(f"a second block {block.label!r}")
        self._labels.add(block.label)

    def _message(self, message: KeptMessage) -> None:
        if message.id <= self._newest_id:
            raise ValueError(f"message {message.id} should stand before {self._newest_id}, and once")
        self._newest_id = message.id
        self._ids.add(message.id)
        self._refer("turn_id", message.turn_id)

    def _change(self, change: KeptChange) -> None:
        if change.id <= self._newest_change:
            raise ValueError(f"change {change.id} should stand after those of lower ids, and once")
        if change.undoes is not None:
            self._refer_to_change("undoes", change.undoes)
        if change.turn_id is not None:
            self._refer("turn_id", change.turn_id)
        self._newest_change = change.id
        self._changes.add(change.id)

    def _refer_to_change(self, name: str, id_: int) -> None:
        if id_ not in self._changes:
            raise ValueError(f"{name} {id_} is no change above this line")

    def _note(self, id_: int) -> None:
        if id_ in self._notes:
            raise ValueError(f"a second passage {id_}")
        self._notes.add(id_)

    def _of_documents(self, record: KeptSource | KeptDocument | KeptPiece) -> None:
        if isinstance(record, KeptSource):
            if record.name in self._sources:
                raise ValueError(f"a second source {record.name!r}")
            self._sources.add(record.name)
            self._documents, self._document_names, self._is_in_pieces = set(), set(), False
        elif isinstance(record, KeptDocument):
            if not self._sources or self._is_in_pieces:
                raise ValueError("a document should stand behind its source, before the pieces")
            if record.id in self._documents or record.name in self._document_names:
                raise ValueError(f"a second document {record.name!r}")
            self._documents.add(record.id)
            self._document_names.add(record.name)
        else:
            if record.document not in self._documents:
                raise ValueError(f"document {record.document} is none of the source above this line")
            self._is_in_pieces = True

    def _refer(self, name: str, id_: int) -> None:
        if id_ not in self._ids:
            raise ValueError(f"{name} {id_} is no message above this line")

    def _end(self, end: End) -> None:
        if end.records != self._count:
            raise ValueError(f"{self._count} lines stand before the end, and it says {end.records}")
        if not self._labels:
            raise ValueError("there is no block of core memory")
        self.has_ended = True


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    message = re.sub(r" at line 1 column", " at column", fault["msg"])
    return " ".join(f"{f'{place}: ' if place else ''}{message}".split())
