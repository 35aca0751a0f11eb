"""An agent, or a part of it, as records (`memory.portable.records`): out of the tables, for exports and checkpoints."""

from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.core.change_journal import ChangeKind
from memory.portable.documents import dump_documents
from memory.portable.records import (
    AgentState,
    BlockText,
    End,
    Head,
    KeptChange,
    KeptCompaction,
    KeptEdit,
    KeptFollowUp,
    KeptMessage,
    KeptNoteEdit,
    KeptPassage,
    KeptQuote,
    KeptUsage,
    Record,
    TagsAdded,
    ToolUseMade,
)
from memory.ports import Kind, NoteAction, PassageKind
from memory.recall.quotes import quote_of
from memory.sqlite.tables import (
    agents,
    block_edits,
    blocks,
    compactions,
    memory_changes,
    messages,
    note_edits,
    passages,
    timers,
    usage,
)
from memory.turns.timers import FOLLOW_UP, WAITING

_READ = 100
WAITS = (timers.c.kind == FOLLOW_UP, timers.c.state == WAITING)
"""Of timers only what somebody is to be reminded of goes out."""


async def dump(connection: AsyncConnection, agent_id: int, *, with_usage: bool = False) -> AsyncIterator[Record]:
    """Everything that is kept of an agent; give it a snapshot, so that all of it is of one moment.

    `with_usage`: what its calls of the model took, too, which is no part of its memory.
    """
    count = 0
    async for record in _state(connection, agent_id, with_usage=with_usage):
        count += 1
        yield record
    yield End(records=count)


async def _state(connection: AsyncConnection, agent_id: int, *, with_usage: bool) -> AsyncIterator[Record]:
    yield Head()
    row = (await connection.execute(select(agents).where(agents.c.id == agent_id))).one()
    yield AgentState(**_columns(row, AgentState))
    async for row in rows_of(connection, blocks, agent_id, blocks.c.position):
        yield BlockText(label=row.label, value=row.value)
    seen: set[int] = set()
    heads: dict[int, int] = {}  # of a turn whose first event is gone, the first message that is left
    async for row in rows_of(connection, messages, agent_id, messages.c.id):
        seen.add(row.id)
        turn = row.turn_id or row.id
        yield message_record(row, turn if turn in seen else heads.setdefault(turn, row.id))
    async for row in rows_of(connection, compactions, agent_id, compactions.c.id):
        evicted = tuple(id_ for id_ in row.evicted_ids if id_ in seen)
        if row.newest_message_id in seen:
            yield KeptCompaction(**_columns(row, KeptCompaction) | {"evicted_ids": evicted})
    async for row in rows_of(connection, memory_changes, agent_id, memory_changes.c.id):
        yield change_record(row, seen)
    async for row in rows_of(connection, block_edits, agent_id, block_edits.c.id):
        yield edit_record(row, seen)
    async for row in rows_of(connection, note_edits, agent_id, note_edits.c.id):
        yield note_edit_record(row, seen)
    async for row in rows_of(connection, passages, agent_id, passages.c.id):
        yield note_record(row, seen)
    async for row in rows_of(connection, timers, agent_id, timers.c.id, *WAITS):
        yield follow_up_record(row, seen)
    if with_usage:
        async for row in rows_of(connection, usage, agent_id, usage.c.id):
            yield usage_record(row)
    async for record in dump_documents(connection, agent_id):
        yield record


async def rows_of(
    connection: AsyncConnection, table: Any, agent_id: int, order: Any, *where: Any
) -> AsyncIterator[Any]:
    """An agent's rows of a table, some at a time: one by one, each would cost as much again."""
    own = select(table).where(table.c.agent_id == agent_id, *where).order_by(order)
    async for some in (await connection.stream(own)).partitions(_READ):
        for row in some:
            yield row


def message_record(row: Any, turn_id: int) -> KeptMessage:
    """A message, by its row and the id of its turn."""
    uses = tuple(ToolUseMade(**use) for use in row.tool_uses or ())
    quote = quote_of(row)
    kept = KeptQuote(**asdict(quote)) if quote is not None else None
    columns = {"kind": Kind(row.kind), "turn_id": turn_id, "tool_uses": uses, "quote": kept}
    return KeptMessage(**_columns(row, KeptMessage) | columns)


def edit_record(row: Any, seen: Collection[int]) -> KeptEdit:
    """An edit of core memory, which names its source if that is one of the messages seen."""
    return KeptEdit(source_message_id=_known(row, seen), **_columns(row, KeptEdit))


def change_record(row: Any, seen: Collection[int]) -> KeptChange:
    """What changed in one go."""
    return KeptChange(
        id=row.id,
        kind=ChangeKind(row.kind),
        turn_id=row.turn_id if row.turn_id in seen else None,
        undoes=row.undoes,
        created_at=row.created_at,
    )


def note_edit_record(row: Any, seen: Collection[int]) -> KeptNoteEdit:
    """An edit of notes."""
    enums = {"action": NoteAction(row.action), "tags": tuple(row.tags)}
    return KeptNoteEdit(source_message_id=_known(row, seen), **_columns(row, KeptNoteEdit) | enums)


def note_record(row: Any, seen: Collection[int]) -> KeptPassage:
    """A note, likewise."""
    return KeptPassage(
        id=row.id,
        content=row.content,
        tags=tuple(row.tags),
        tags_added=tuple(_added(row, seen)),
        source_message_id=_known(row, seen),
        created_at=row.created_at,
        kind=PassageKind(row.kind),
    )


def follow_up_record(row: Any, seen: Collection[int]) -> KeptFollowUp:
    """Something that the agent is to come back to."""
    return KeptFollowUp(source_message_id=_known(row, seen), **_columns(row, KeptFollowUp))


def usage_record(row: Any) -> KeptUsage:
    """A call of the model."""
    return KeptUsage(**_columns(row, KeptUsage))


def _columns(
    row: Any,
    record: type[AgentState | KeptMessage | KeptCompaction | KeptEdit | KeptNoteEdit | KeptFollowUp | KeptUsage],
) -> dict[str, Any]:
    taken_apart = ("type", "source_message_id")
    return {name: getattr(row, name) for name in record.model_fields if name not in taken_apart}


def _added(row: Any, seen: Collection[int]) -> Iterator[TagsAdded]:
    for added in row.tags_added or ():
        if added["message"] in seen:
            yield TagsAdded(message=added["message"], tags=tuple(added["tags"]))


def _known(row: Any, seen: Collection[int]) -> int | None:
    return row.source_message_id if row.source_message_id in seen else None
