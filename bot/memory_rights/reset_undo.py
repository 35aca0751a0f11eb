"""Resets undone: what was taken away comes back from its checkpoint, and what came since stays, behind it.

What somebody deleted, edited, had forgotten or erased meanwhile, and what is too old by now, does not come back: the
checkpoint is laid out in a database of its own, and what happened since is done there first.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.agent import Agent
from bot.agents import Agents
from bot.documents.attached import rewritten
from bot.inbound.changes import Changes
from bot.log import of_scope
from bot.memory_rights.checkpoints import Checkpoints, CheckpointUnusable
from bot.memory_rights.resets import BEFORE_RESET, Part
from bot.text import counted, one_line
from bot.tools.recall import MAX_LINE_CHARS
from bot.turns.shelves import Shelves
from memory.archival.message_documents import remove_with
from memory.core.change_journal import ChangeKind, begin_change
from memory.core.core_memory import Block, CoreMemory
from memory.erasing.changes import Changed
from memory.erasing.erased_files import people_below, without
from memory.erasing.floors import Floors
from memory.erasing.telling import Telling
from memory.erasing.traces import (
    SEARCHES,
    WRITE_ARCHIVE,
    WRITE_CORE,
    shows_archive,
    shows_core_memory,
    without_calls,
    without_lines,
)
from memory.erasing.undoable_resets import UNDOABLE, UndoableReset, UndoableResets, digest_of_words, strike_out
from memory.portable.bring_back import CannotComeBack, Parts, blocks_in, bring_back, put_blocks
from memory.portable.laid_out import LaidOut, laid_out
from memory.portable.records import KeptDocument, KeptFollowUp, KeptMessage, KeptPassage, Record
from memory.ports import BlockEdit, Kind, Message, PassageKind
from memory.sqlite.database import Database, Transaction, finish
from memory.turns.timers import Timers

logger = logging.getLogger(__name__)

_SAID = (Kind.USER_MESSAGE, Kind.ASSISTANT)


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """What came of it: the blocks that stayed as they are, for what the reset left in them was changed since."""

    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Before:
    """An agent as it was before a reset, and the same without what is not to come back."""

    was: list[Record]
    records: list[Record]
    deleted: frozenset[str]
    """The platform's names for messages that do not come back."""
    derive_anew: bool
    calls: tuple[tuple[Message, Message], ...]
    """The agent's calls and results that stay, each as it was and as the reset left it."""


class ResetUndo:
    """Undoes resets of all agents; to be called in the lane of each only.

    Args:
        database: what is reset.
        agents: those at hand.
        shelves: what they remember.
        checkpoints: as they were.
        timers: their follow-ups.
        changes: follows what is removed, beside the database.
        floors: says who was erased.
        telling: says which words tell of them.
        kept_for: how long what was said is kept, by the kind of scope.
        data_dir: where a checkpoint is laid out for a moment.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        agents: Agents,
        shelves: Shelves,
        checkpoints: Checkpoints,
        timers: Timers,
        changes: Changes,
        floors: Floors,
        telling: Telling,
        kept_for: Mapping[str, timedelta],
        data_dir: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agents
        self._shelves = shelves
        self._checkpoints = checkpoints
        self._timers = timers
        self._changes = changes
        self._floors = floors
        self._telling = telling
        self._kept_for = kept_for
        self._scratch = data_dir / "erasing"
        self._resets = UndoableResets(database)
        self._now = now

    async def last(self, agent: Agent) -> UndoableReset | None:
        """The newest reset that can be undone; None if there is none left."""
        for reset in await self._resets.of(agent.id):
            is_over = self._now() - reset.at >= UNDOABLE
            if not is_over and await asyncio.to_thread(self._checkpoints.has, reset.scope, reset.checkpoint):
                return reset
            await self._end(reset, is_over=is_over)  # without its file, in a database that was put back, it is none
        return None

    async def preview(self, reset: UndoableReset) -> tuple[str, ...]:
        """What would come back, a line for each thing.

        Raises:
            CheckpointUnusable: it cannot be read.
        """
        records, part = await self._checkpoints.records(reset.scope, reset.checkpoint), Part(reset.part)

        def number(kind: type, noun: str) -> str:
            return counted(sum(isinstance(record, kind) for record in records), noun)

        said = [it for it in records if isinstance(it, KeptMessage) and it.text and it.kind in _SAID]
        notes = [it for it in records if isinstance(it, KeptPassage) and it.kind is PassageKind.NOTE]
        told = {
            Part.CONVERSATION: [f"the conversation: {counted(len(said), 'message')}"],
            Part.CORE_MEMORY: [f"core memory: {', '.join(blocks_in(records))}"],
            Part.ARCHIVE: [f"the archive: {counted(len(notes), 'note')}, {number(KeptDocument, 'document')}"],
            Part.FOLLOW_UPS: [f"what I was to come back to: {number(KeptFollowUp, 'follow-up')}"],
        }
        return tuple(line for each, lines in told.items() if part.includes(each) for line in lines)

    async def undo(self, agent: Agent, reset: UndoableReset, *, author: str, reason: str) -> BroughtBack:
        """Bring back what a reset took away, in one transaction; afterwards `Agents.get` has the new agent.

        Args:
            agent: as it is now.
            reset: one of `last`.
            author: who wants it, for the journal.
            reason: why, for the journal.

        Raises:
            CheckpointUnusable: it cannot be read, or not be put back; nothing was changed then.
            ChangedMeanwhile: people changed messages meanwhile; nothing was changed either.
        """
        before = await self._before(reset)
        try:
            brought = await finish(self._commit(agent, reset, before, author, reason))
        except CannotComeBack as fault:
            raise CheckpointUnusable(f"It cannot be put back: {fault}. Nothing was changed.") from None
        await self._checkpoints.remove(reset.scope, reset.checkpoint)
        return brought

    async def expire(self) -> int:
        """Forget what can be undone no more, with its checkpoints; returns how many resets."""
        over = await self._resets.over(self._now())
        for reset in over:
            with of_scope(reset.scope):
                await self._end(reset, is_over=True)
        await self._checkpoints.remove_old(f"{BEFORE_RESET}-", self._now() - UNDOABLE)
        if over:
            await self._shelves.recall.forget_words()
            await self._shelves.archival.forget_words()
        return len(over)

    async def as_ever(self) -> None:
        """The same, and never raise: what could not be forgotten today can be tomorrow."""
        try:
            forgotten = await self.expire()
        except Exception:
            logger.exception("resets that are over could not be forgotten")
            return
        if forgotten:
            logger.info("can be undone no more resets=%d", forgotten)

    async def kept(self, agent: Agent) -> AsyncIterator[tuple[UndoableReset, list[Record]]]:
        """An agent as it was before each reset that can be undone; what cannot be read comes back no more."""
        for reset in await self._resets.of(agent.id):
            with suppress(CheckpointUnusable):
                yield reset, await self._checkpoints.records(reset.scope, reset.checkpoint)

    async def rewrite(
        self, reset: UndoableReset, was: Sequence[Record], change: Callable[[LaidOut], Awaitable[object]]
    ) -> None:
        """Change what is kept of an agent as it was before a reset.

        Args:
            reset: which.
            was: what `kept` gave.
            change: changes it.
        """
        async with (
            self._checkpoints.resting(),
            laid_out(was, self._scratch, self._shelves.archival, self._now) as beside,
        ):
            await beside.recall.catch_up()
            await change(beside)
            await self._checkpoints.rewrite(reset.scope, reset.checkpoint, await beside.records())

    async def _end(self, reset: UndoableReset, *, is_over: bool) -> None:
        async with self._checkpoints.resting():
            await self._checkpoints.remove(reset.scope, reset.checkpoint)

        async def commit() -> None:
            async with self._database.write(alone=True) as transaction:
                await strike_out(transaction, reset, is_over=is_over)

        await finish(commit())

    # ── what is to come back ─────────────────────────────────────────────────────────────────────────

    async def _before(self, reset: UndoableReset) -> _Before:
        async with self._checkpoints.resting():
            was = await self._checkpoints.records(reset.scope, reset.checkpoint)
            less = was
            if people := people_below(was, reset.scope, self._floors):
                less = await without(was, people, self._scratch, self._now, self._telling)
            async with laid_out(less, self._scratch, self._shelves.archival, self._now) as beside:
                deleted = await self._follow(reset, beside, was)
                calls = await self._calls(reset, beside)
                anew = reset.derive_anew or await beside.derive_anew()
                return _Before(was, await beside.records(), deleted, anew, calls)

    async def _follow(self, reset: UndoableReset, beside: LaidOut, was: list[Record]) -> frozenset[str]:
        """Do what people did since, and time; returns the names of messages that people did away with."""
        done = await self._resets.done_since(reset.agent_id)
        gone = set(done.deleted)
        if Part(reset.part).includes(Part.CONVERSATION):  # elsewhere the message itself was edited
            said = {it.platform_id: it.text or "" for it in was if isinstance(it, KeptMessage)}
            gone |= {name for name, now in done.edited.items() if digest_of_words(_words(said.get(name))) != now}
        if gone:
            await beside.recall.catch_up()  # which words others have said is asked of the index
            await beside.changes.write(reset.scope, gone, None, None)
        if (kept_for := self._kept_for.get(reset.scope.split(":", 2)[1])) is not None:
            while (await beside.changes.expire(reset.scope, self._now() - kept_for)).messages:
                pass
        return frozenset(gone)

    async def _calls(self, reset: UndoableReset, beside: LaidOut) -> tuple[tuple[Message, Message], ...]:
        """What the reset took out of calls and their results, where the conversation stayed."""
        tools, shows = {
            Part.CORE_MEMORY: (WRITE_CORE, shows_core_memory),
            Part.ARCHIVE: (WRITE_ARCHIVE, shows_archive),
        }.get(Part(reset.part), (None, None))
        if tools is None or shows is None:
            return ()
        async with beside.database.read() as connection:
            turns = await beside.recall.turns_calling(connection, beside.agent_id, tools | SEARCHES)
        by_id = {message.id: message for message in turns}
        return tuple((by_id[less.id], less) for less in without_calls(turns, tools, shows))

    # ── and how ──────────────────────────────────────────────────────────────────────────────────────

    async def _commit(
        self, agent: Agent, reset: UndoableReset, before: _Before, author: str, reason: str
    ) -> BroughtBack:
        part, now = Part(reset.part), self._now()
        parts = Parts(*(part.includes(each) for each in (Part.CONVERSATION, Part.ARCHIVE, Part.FOLLOW_UPS)))
        kept: tuple[str, ...] = ()
        over = _follow_ups_in(before.was) - _follow_ups_in(before.records)
        set_ = await self._timers.follow_ups(agent.id)
        gone_along = [timer.id for timer in set_ if (timer.set_at, timer.note) in over]
        try:
            async with self._database.write(alone=True) as transaction:
                self._shelves.agents.check(agent.scope, agent.revision)
                undoing = await begin_change(transaction, agent.id, ChangeKind.UNDO, now, undoes=reset.change_id)
                gone = await bring_back(
                    transaction,
                    agent.id,
                    before.was,
                    before.records,
                    parts,
                    derive_anew=before.derive_anew,
                    now=now,
                )
                documents = await remove_with(transaction, agent.id, before.deleted)
                await self._timers.forget(transaction, agent.id, gone_along)
                lines = _lines_gone(before)
                core = await self._without(transaction, agent, lines)
                shown = (*gone, *(id_ for document in documents for id_ in document.passage_ids))
                await self._redact(transaction, agent.id, lines, shown)
                if part.includes(Part.CORE_MEMORY):
                    values, kept = await self._values(transaction, reset, core, blocks_in(before.records))
                    edits = [
                        BlockEdit(label, core.get(label, ""), value, author, reason, None, now)
                        for label, value in values.items()
                        if core.get(label, "") != value
                    ]
                    await self._shelves.agents.save_edits(transaction, agent.id, edits, undoing)
                    await put_blocks(transaction, agent.id, values.items())
                await self._restore_calls(transaction, agent.id, before)
                await strike_out(transaction, reset, is_over=False)
        finally:
            self._agents.let_go(agent.scope)
            self._shelves.recall.let_go(agent.id)
        self._shelves.archival.index_soon()
        await self._changes.follow(agent.id, Changed(notes=gone, documents=documents))
        return BroughtBack(kept)

    async def _without(self, transaction: Transaction, agent: Agent, lines: Mapping[str, set[str]]) -> dict[str, str]:
        """The blocks as they stand, without lines that go with the messages they came from; so goes their journal."""
        core = {block.label: block.value for block in agent.core}
        for label, going in lines.items():
            value, journal = await self._shelves.agents.journal_of(transaction, agent.id, label)
            less = [(id_, without_lines(it.before, going), without_lines(it.after, going)) for id_, it in journal]
            core[label] = without_lines(value, going)
            await self._shelves.agents.redact(transaction, agent.id, label, core[label], less)
        return core

    async def _redact(
        self, transaction: Transaction, agent_id: int, lines: Mapping[str, set[str]], passages: Collection[int]
    ) -> None:
        """Take what does not come back out of what searches found since."""
        if not (lines or passages):
            return
        gone = {one_line(line, MAX_LINE_CHARS) for some in lines.values() for line in some}

        def shows(hit: Mapping[str, Any]) -> bool:
            return hit["line"] in gone if "line" in hit else "from" not in hit and hit.get("id") in passages

        recall = self._shelves.recall
        turns = await recall.turns_calling(transaction, agent_id, SEARCHES)
        await recall.redact(transaction, agent_id, without_calls(turns, (), shows))
        await self._shelves.result_lists.forget_queries(transaction, agent_id, (), sorted(passages))

    async def _values(
        self, transaction: Transaction, reset: UndoableReset, core: Mapping[str, str], was: Mapping[str, str]
    ) -> tuple[dict[str, str], tuple[str, ...]]:
        """The blocks with what the reset took out of them, in order; and those that it cannot be put back into."""
        values, kept = dict(core), []
        for edit in await self._shelves.agents.edits_of_change(transaction, reset.agent_id, reset.change_id):
            block = CoreMemory((Block(edit.label, core.get(edit.label, ""), 0),))
            merged = block.without_edit(edit.label, was.get(edit.label, ""), edit.after)
            if merged is None:
                kept.append(edit.label)
            else:
                values[edit.label] = merged.text(edit.label)
        return {label: values.get(label, "") for label in dict.fromkeys((*was, *values))}, tuple(kept)

    async def _restore_calls(self, transaction: Transaction, agent_id: int, before: _Before) -> None:
        """Let calls and results that are as the reset left them show again what they showed."""
        if not before.calls:
            return
        found = await self._shelves.recall.said(transaction, agent_id, [was.id for was, _ in before.calls])
        there = {message.id: _shown(message) for message in found}
        back = [was for was, less in before.calls if there.get(was.id) == _shown(less)]
        await self._shelves.recall.redact(transaction, agent_id, back)


def _shown(message: Message) -> tuple[object, ...]:
    return message.text, message.thoughts, message.tool_uses


def _words(text: str | None) -> str:
    """What a person wrote, without what was told of files below it."""
    about = rewritten(text or "", "")
    return (text or "").removesuffix(about).removesuffix("\n") if about else text or ""


def _follow_ups_in(records: Iterable[Record]) -> set[tuple[datetime, str]]:
    return {(record.set_at, record.note) for record in records if isinstance(record, KeptFollowUp)}


def _lines_gone(before: _Before) -> dict[str, set[str]]:
    """The lines of each block that were there, and do not come back."""
    was, left = blocks_in(before.was), blocks_in(before.records)
    gone = {label: set(value.split("\n")) - set(left.get(label, "").split("\n")) for label, value in was.items()}
    return {label: lines - {""} for label, lines in gone.items() if lines - {""}}
