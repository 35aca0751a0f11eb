"""Undoing: memory as it was before the last change, and at the next undoing as it was before the one before that.

A change is all that one turn, one reflection or one command did to core memory and to the notes; edits made since stay.
The agent's calls that wrote it, and the results of searches that show it, do so no longer: what it sees it believes.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.agent import Agent
from bot.agents import Agents
from bot.text import one_line
from bot.tools.recall import MAX_LINE_CHARS
from memory.core.change_journal import (
    ChangeKind,
    MemoryChange,
    begin_change,
    turns_that_wrote,
    write_note_edits,
)
from memory.core.core_memory import CoreMemory
from memory.erasing.traces import CORRECTED, SEARCHES, UNDONE, WRITE_ARCHIVE, WRITE_CORE, without_calls
from memory.ports import BlockEdit, NoteAction, NoteEdit
from memory.sqlite.database import Transaction, finish
from memory.stores import Stores

May = Callable[[MemoryChange], Awaitable[bool]]
"""Whether a change may be undone by whoever asks."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A change that was undone, and what was done for that; `kept` counts what was written over since, and stays."""

    change: MemoryChange
    edits: tuple[BlockEdit, ...]
    notes: tuple[NoteEdit, ...]
    kept: int


class Undo:
    """Undoes changes of memory; to be called in the lane of each agent only."""

    def __init__(self, stores: Stores, agents: Agents, now: Callable[[], datetime]) -> None:
        self._stores = stores
        self._agents = agents
        self._now = now

    async def last(self, agent: Agent, may: May) -> MemoryChange | None:
        """The newest change that can be undone by whoever asks; None if there is none left."""
        async for change in self._stores.memory_changes.newest_first(agent.id, undoable=True):
            if await may(change):
                return change
        return None

    async def undo(self, agent: Agent, change: MemoryChange, *, author: str, reason: str) -> Undone:
        """Take a change back, in one transaction; afterwards `Agents.get` has the new agent.

        Args:
            agent: as it is now.
            change: one of `last`.
            author: who wants it, for the journal.
            reason: why, for the journal.
        """
        now = self._now()
        edits, kept = self._unedited(agent.core, change.edits, author, reason, now)
        return await finish(self._commit(agent, change, edits, kept, author, reason, now))

    def _unedited(
        self, core: CoreMemory, made: Sequence[BlockEdit], author: str, reason: str, now: datetime
    ) -> tuple[list[BlockEdit], int]:
        """The edits that take others out of core memory, the newest first; and how many cannot be."""
        edits: list[BlockEdit] = []
        for edit in reversed(made):
            without = core.without_edit(edit.label, edit.before, edit.after)
            if without is not None:
                before, after = core.text(edit.label), without.text(edit.label)
                edits.append(BlockEdit(edit.label, before, after, author, reason, None, now))
                core = without
        return edits, len(made) - len(edits)

    async def _commit(
        self,
        agent: Agent,
        change: MemoryChange,
        edits: Sequence[BlockEdit],
        kept: int,
        author: str,
        reason: str,
        now: datetime,
    ) -> Undone:
        notes: list[NoteEdit] = []
        gone: list[int] = []
        try:
            async with self._stores.database.write(alone=True) as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                change_id = await begin_change(transaction, agent.id, ChangeKind.UNDO, now, undoes=change.id)
                await self._stores.agents.save_edits(transaction, agent.id, edits, change_id)
                for made in reversed(change.notes):
                    unmade = await self._stores.archival.unmade(transaction, agent.id, made, author, reason, now)
                    if unmade is None:
                        kept += 1
                        continue
                    note, edit = unmade
                    notes.append(edit)
                    if edit.action is NoteAction.REMOVED:
                        gone.append(note.id)
                await write_note_edits(transaction, agent.id, change_id, notes)
                await self._redact(transaction, agent.id, change, _lines_gone(edits), gone)
        finally:
            self._agents.let_go(agent.scope)
        if gone:
            await self._stores.archival.forget(agent.id, gone)
        if notes:
            self._stores.archival.index_soon()
        return Undone(change, tuple(edits), tuple(notes), kept)

    async def forget_line(self, transaction: Transaction, agent_id: int, label: str, line: str) -> None:
        """Take a line that a person corrects out of the calls by which the agent wrote it, and of what it found."""
        shown = _as_shown([line])
        recall = self._stores.recall
        wrote = await turns_that_wrote(transaction, agent_id, label, line)
        turns = await recall.turns_in(transaction, agent_id, wrote)
        await recall.redact(transaction, agent_id, without_calls(turns, WRITE_CORE, _never, CORRECTED))
        turns = await recall.turns_calling(transaction, agent_id, SEARCHES)
        await recall.redact(transaction, agent_id, without_calls(turns, (), lambda hit: hit.get("line") in shown))

    async def _redact(
        self,
        transaction: Transaction,
        agent_id: int,
        change: MemoryChange,
        lines: Collection[str],
        notes: Collection[int],
    ) -> None:
        """Take what was undone out of the agent's calls and of what its searches found, which it still sees."""

        def shows(hit: Mapping[str, Any]) -> bool:
            if "line" in hit:
                return hit["line"] in lines
            return "from" not in hit and hit.get("id") in notes

        recall = self._stores.recall
        if change.kind is ChangeKind.TURN and change.turn_id is not None:
            turns = await recall.turns_in(transaction, agent_id, [change.turn_id])
            tools = (WRITE_CORE if change.edits else frozenset()) | (WRITE_ARCHIVE if change.notes else frozenset())
            await recall.redact(transaction, agent_id, without_calls(turns, tools, shows, UNDONE))
        if lines or notes:
            turns = await recall.turns_calling(transaction, agent_id, SEARCHES)
            await recall.redact(transaction, agent_id, without_calls(turns, (), shows))
        if notes:
            await self._stores.result_lists.forget_queries(transaction, agent_id, (), notes)


def _lines_gone(edits: Sequence[BlockEdit]) -> frozenset[str]:
    """The lines that stand in a block no more."""
    return _as_shown({line for edit in edits for line in set(edit.before.split("\n")) - set(edit.after.split("\n"))})


def _as_shown(lines: Iterable[str]) -> frozenset[str]:
    """Lines as searches show them."""
    return frozenset(one_line(line, MAX_LINE_CHARS) for line in lines if line.strip())


def _never(hit: Mapping[str, Any]) -> bool:
    return False
