"""Turns taken back: removed from queue and recall, with all that they did to memory, in one transaction.

What was sent stays sent. Evictions since the first of the turns are undone as well, so that nothing of them is left in
the summary: the queue is what it was before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.agent import Agent
from bot.agents import Agents
from bot.context.queue_manager import PRESSURE_ALERT
from memory.core.change_journal import (
    ChangeKind,
    begin_change,
    changes_of_turns,
    name_source_of_notes,
    write_note_edits,
)
from memory.core.core_memory import CoreMemory
from memory.ports import BlockEdit, Kind, Message, NewMessage, NoteAction, NoteEdit, Passage
from memory.recall import compactions
from memory.recall.primers import remove_primers
from memory.sqlite.database import Transaction, finish
from memory.stores import Stores

Turn = Sequence[Message]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was undone: the events that began each turn, oldest first; how many edits and notes went with them.

    `edits_kept` counts edits that were written over since, and so could not be taken out.
    """

    events: tuple[tuple[NewMessage, ...], ...] = ()
    messages: int = 0
    edits: int = 0
    edits_kept: int = 0
    notes: int = 0


class TurnHistory:
    """The turns that an agent has had."""

    def __init__(
        self,
        stores: Stores,
        agents: Agents,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._agents = agents
        self._now = now

    async def take_back(self, agent: Agent, count: int, *, author: str, reason: str) -> TakenBack:
        """Take an agent's last turns back; to be called in its lane only.

        Args:
            agent: as it is now; afterwards `Agents.get` has the new one.
            count: how many turns; all of them if there are fewer.
            author: who wants it, for the journal of core memory.
            reason: why, for the journal.
        """
        turns = await self._stores.recall.last_turns(agent.id, count)
        if not turns:
            return TakenBack()
        ids = [message.id for turn in turns for message in turn]
        edits, kept = self._unedited(agent.core, await self._stores.agents.edits_from(agent.id, ids), author, reason)
        notes = await finish(self._remove(agent, turns, ids, edits, author, reason))
        return TakenBack(
            events=tuple(
                events for turn in turns if (events := tuple(_again(event, self._now()) for event in _events(turn)))
            ),
            messages=len(ids),
            edits=len(edits),
            edits_kept=kept,
            notes=notes,
        )

    def _unedited(
        self, core: CoreMemory, made: Sequence[BlockEdit], author: str, reason: str
    ) -> tuple[list[BlockEdit], int]:
        edits: list[BlockEdit] = []
        for edit in made:  # newest first
            without = core.without_edit(edit.label, edit.before, edit.after)
            if without is not None:
                before, after = core.text(edit.label), without.text(edit.label)
                edits.append(BlockEdit(edit.label, before, after, author, reason, None, self._now()))
                core = without
        return edits, len(made) - len(edits)

    async def _remove(
        self,
        agent: Agent,
        turns: Sequence[Turn],
        ids: Sequence[int],
        edits: Sequence[BlockEdit],
        author: str,
        reason: str,
    ) -> int:
        now = self._now()
        try:
            async with self._stores.database.write(alone=True) as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                await self._stores.recall.remove_turns(transaction, agent.id, [turn[0].turn_id for turn in turns])
                removed = await self._stores.archival.remove_from(transaction, agent.id, ids)
                notes = [_removal(note, author, reason, now) for note in removed]
                await self._close_changes(transaction, agent.id, [turn[0].turn_id for turn in turns], now)
                if edits or notes:
                    change_id = await begin_change(transaction, agent.id, ChangeKind.UNDO, now)
                    await self._stores.agents.save_edits(transaction, agent.id, edits, change_id)
                    await write_note_edits(transaction, agent.id, change_id, notes)
                await self._stores.agents.forget_source(transaction, agent.id, ids)
                await name_source_of_notes(transaction, agent.id, ids, None)
                await self._stores.timers.take_back(transaction, agent.id, ids)
                primers = await self._undo_evictions(transaction, agent, min(ids))
        finally:
            self._agents.let_go(agent.scope)
            self._stores.recall.let_go(agent.id)
        await self._stores.archival.forget(agent.id, (*primers, *(note.id for note in removed)))
        self._stores.archival.index_soon()
        return len(removed)

    async def _close_changes(
        self, transaction: Transaction, agent_id: int, turn_ids: Sequence[int], now: datetime
    ) -> None:
        """What the turns changed is undone herewith, and not once more."""
        for change_id in await changes_of_turns(transaction, agent_id, turn_ids):
            await begin_change(transaction, agent_id, ChangeKind.UNDO, now, undoes=change_id)

    async def _undo_evictions(self, transaction: Transaction, agent: Agent, first_id: int) -> tuple[int, ...]:
        """Put back what was evicted since a message; returns the primers that went."""
        undone = await compactions.forget_since(transaction, agent.id, first_id)
        queued = min((queued.message.id for queued in agent.queue), default=first_id)
        # Of what an older version evicted there is no record. A summary of turns that are gone goes with them.
        summary, readmitted = undone or ("" if first_id < queued else agent.summary, ())
        await self._stores.recall.readmit(transaction, agent.id, readmitted)
        warned = await self._stores.recall.queue_holds(transaction, agent.id, PRESSURE_ALERT)
        await self._stores.agents.save_pressure(transaction, agent.id, summary=summary, warned=warned)
        if undone is not None:  # with it what may have been to be made anew
            await self._stores.agents.save_summary(transaction, agent.id, derive_anew=False)
        return await remove_primers(transaction, agent.id, min(readmitted)) if readmitted else ()


def _events(turn: Turn) -> Sequence[Message]:
    """What began a turn: messages that were taken together, or one event; what its author deleted is gone."""
    written = [message for message in turn if message.kind is Kind.USER_MESSAGE]
    return written or [message for message in turn[:1] if message.kind.is_event]


def _removal(note: Passage, author: str, reason: str, now: datetime) -> NoteEdit:
    return NoteEdit(NoteAction.REMOVED, note.content, note.tags, author, reason, None, now)


def _again(event: Message, now: datetime) -> NewMessage:
    """The same event, happening now."""
    return NewMessage(
        kind=event.kind,
        created_at=now,
        text=event.text,
        author_id=event.author_id,
        author_name=event.author_name,
    )
