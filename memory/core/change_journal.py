"""What changed in memory, each in one go: the edits of core memory and of notes by a turn, a reflection or a command.

The journal is only ever added to. What is undone is a change of its own, which names the one that it takes back; that
one is not undone again, nor is an undoing: so whoever undoes once more goes one further back. Words alone are taken out
of it, those of messages that were deleted.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.ports import BlockEdit, NoteAction, NoteEdit
from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import block_edits, memory_changes, note_edits

_BATCH = 50

_undoing = memory_changes.alias("undoing")
_IS_UNDONE = exists().where(_undoing.c.agent_id == memory_changes.c.agent_id, _undoing.c.undoes == memory_changes.c.id)


class ChangeKind(StrEnum):
    """What changed memory."""

    TURN = "turn"
    REFLECTION = "reflection"
    COMMAND = "command"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """A change with its edits, in the order in which they were made.

    Attributes:
        id: grows with time.
        kind: what made it.
        turn_id: which turn, or reflection.
        undoes: the change that it takes back.
        is_undone: whether it was taken back.
        created_at: when it began.
        edits: of core memory.
        notes: of the archive.
    """

    id: int
    kind: ChangeKind
    turn_id: int | None
    undoes: int | None
    is_undone: bool
    created_at: datetime
    edits: tuple[BlockEdit, ...] = ()
    notes: tuple[NoteEdit, ...] = ()

    @property
    def all_edits(self) -> tuple[BlockEdit | NoteEdit, ...]:
        """Those of core memory, then those of the archive."""
        return (*self.edits, *self.notes)


async def begin_change(
    transaction: Transaction,
    agent_id: int,
    kind: ChangeKind,
    now: datetime,
    *,
    turn_id: int | None = None,
    undoes: int | None = None,
) -> int:
    """The id of a new change, for its edits; all steps of one turn are one change, as long as nobody undoes it."""
    if turn_id is not None and (begun := await changes_of_turns(transaction, agent_id, [turn_id])):
        return begun[0]
    new = insert(memory_changes).values(agent_id=agent_id, kind=kind, turn_id=turn_id, undoes=undoes, created_at=now)
    return int((await transaction.execute(new.returning(memory_changes.c.id))).scalar_one())


async def changes_of_turns(transaction: Transaction, agent_id: int, turn_ids: Collection[int]) -> tuple[int, ...]:
    """The changes that these turns made and nobody undid, newest first."""
    made = (memory_changes.c.agent_id == agent_id, memory_changes.c.turn_id.in_(turn_ids))
    found = select(memory_changes.c.id).where(*made, ~_IS_UNDONE)
    return tuple(await transaction.scalars(found.order_by(memory_changes.c.id.desc())))


async def turns_that_wrote(transaction: Transaction, agent_id: int, label: str, line: str) -> tuple[int, ...]:
    """The turns that put a line into a block."""
    wrote = (
        select(memory_changes.c.turn_id, block_edits.c.before, block_edits.c.after)
        .join(memory_changes, memory_changes.c.id == block_edits.c.change_id)
        .where(block_edits.c.agent_id == agent_id, block_edits.c.label == label)
        .where(memory_changes.c.kind == ChangeKind.TURN, memory_changes.c.turn_id.is_not(None))
        .where(func.instr(block_edits.c.after, line) > 0)
    )
    rows = await transaction.execute(wrote)
    return tuple({row.turn_id for row in rows if line in set(row.after.split("\n")) - set(row.before.split("\n"))})


async def write_note_edits(transaction: Transaction, agent_id: int, change_id: int, edits: Sequence[NoteEdit]) -> None:
    """Write changes of notes into the journal."""
    if edits:
        rows = [
            {
                "agent_id": agent_id,
                "change_id": change_id,
                "action": edit.action,
                "content": edit.content,
                "tags": list(edit.tags),
                "author": edit.author,
                "reason": edit.reason,
                "source_message_id": edit.source_message_id,
                "created_at": edit.created_at,
            }
            for edit in edits
        ]
        await transaction.execute(insert(note_edits), rows)


async def added_at(transaction: Transaction, agent_id: int, content: str) -> datetime | None:
    """When a note was kept last, as the journal has it."""
    added = (
        note_edits.c.agent_id == agent_id,
        note_edits.c.content == content,
        note_edits.c.action == NoteAction.ADDED,
    )
    found = select(note_edits.c.created_at).where(*added).order_by(note_edits.c.id.desc()).limit(1)
    moment: datetime | None = await transaction.scalar(found)
    return moment


async def made_by_reflections(transaction: Transaction, agent_id: int) -> tuple[frozenset[int], frozenset[str]]:
    """What came of an agent's reflections: the ids of their edits of core memory, and the notes that they kept."""
    of_agent = (memory_changes.c.agent_id == agent_id, memory_changes.c.kind == ChangeKind.REFLECTION)
    theirs = list(await transaction.scalars(select(memory_changes.c.id).where(*of_agent)))
    if not theirs:
        return frozenset(), frozenset()
    made = (block_edits.c.agent_id == agent_id, block_edits.c.change_id.in_(theirs))
    edits = await transaction.scalars(select(block_edits.c.id).where(*made))
    kept = (note_edits.c.agent_id == agent_id, note_edits.c.change_id.in_(theirs))
    notes = await transaction.scalars(select(note_edits.c.content).where(*kept))
    return frozenset(edits), frozenset(notes)


async def forget_notes_from(
    transaction: Transaction,
    agent_id: int,
    source_message_ids: Collection[int],
    is_to_go: Callable[[NoteEdit], bool],
    contents: Collection[str],
) -> None:
    """Take notes out of the journal that came from messages which were deleted.

    Args:
        transaction: that of the deletion.
        agent_id: whose notes.
        source_message_ids: the messages.
        is_to_go: whether what came from them goes with them.
        contents: notes that go, wherever the journal says that they came from.
    """
    of_agent = note_edits.c.agent_id == agent_id
    of_them = select(note_edits).where(of_agent, note_edits.c.source_message_id.in_(source_message_ids))
    rows = (await transaction.execute(of_them)).all()
    doomed = note_edits.c.id.in_([row.id for row in rows if is_to_go(_note_edit(row))])
    await transaction.execute(delete(note_edits).where(of_agent, doomed | note_edits.c.content.in_(contents)))


async def name_source_of_notes(
    transaction: Transaction, agent_id: int, source_message_ids: Collection[int], instead: int | None
) -> None:
    """Let the journal of notes name another message in the place of some, or none."""
    of_them = (note_edits.c.agent_id == agent_id, note_edits.c.source_message_id.in_(source_message_ids))
    await transaction.execute(update(note_edits).where(*of_them).values(source_message_id=instead))


class ChangeJournal:
    """Reads the changes of one agent at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest_first(self, agent_id: int, *, undoable: bool = False) -> AsyncGenerator[MemoryChange, None]:
        """An agent's changes, read as far as they are asked for; those of which nothing is left are passed over.

        Args:
            agent_id: whose.
            undoable: only those that were not undone, and undo nothing.
        """
        statement = select(memory_changes, _IS_UNDONE.label("is_undone")).where(memory_changes.c.agent_id == agent_id)
        if undoable:
            statement = statement.where(memory_changes.c.kind != ChangeKind.UNDO, ~_IS_UNDONE)
        statement = statement.order_by(memory_changes.c.id.desc()).limit(_BATCH)
        before: int | None = None
        while True:
            older = statement if before is None else statement.where(memory_changes.c.id < before)
            async with self._database.read() as connection:
                rows = (await connection.execute(older)).all()
                changes = await _with_edits(connection, agent_id, rows)
            for change in changes:
                if change.all_edits:
                    yield change
            if len(rows) < _BATCH:
                return
            before = rows[-1].id


async def _with_edits(connection: AsyncConnection, agent_id: int, rows: Sequence[Any]) -> list[MemoryChange]:
    ids = [row.id for row in rows]
    of_blocks = select(block_edits).where(block_edits.c.agent_id == agent_id, block_edits.c.change_id.in_(ids))
    of_blocks = of_blocks.where(block_edits.c.before != block_edits.c.after)
    of_notes = select(note_edits).where(note_edits.c.agent_id == agent_id, note_edits.c.change_id.in_(ids))
    edits = await connection.execute(of_blocks.order_by(block_edits.c.change_id, block_edits.c.id))
    notes = await connection.execute(of_notes.order_by(note_edits.c.change_id, note_edits.c.id))
    edits_of = {id_: tuple(map(edit_of, some)) for id_, some in groupby(edits, attrgetter("change_id"))}
    notes_of = {id_: tuple(map(_note_edit, some)) for id_, some in groupby(notes, attrgetter("change_id"))}
    return [
        MemoryChange(
            row.id,
            ChangeKind(row.kind),
            row.turn_id,
            row.undoes,
            row.is_undone,
            row.created_at,
            edits_of.get(row.id, ()),
            notes_of.get(row.id, ()),
        )
        for row in rows
    ]


def edit_of(row: Any) -> BlockEdit:
    """A row of the journal of core memory."""
    return BlockEdit(
        label=row.label,
        before=row.before,
        after=row.after,
        author=row.author,
        reason=row.reason,
        source_message_id=row.source_message_id,
        created_at=row.created_at,
        is_reflection=getattr(row, "change_kind", None) == ChangeKind.REFLECTION,
    )


def _note_edit(row: Any) -> NoteEdit:
    return NoteEdit(
        action=NoteAction(row.action),
        content=row.content,
        tags=tuple(row.tags),
        author=row.author,
        reason=row.reason,
        source_message_id=row.source_message_id,
        created_at=row.created_at,
    )
