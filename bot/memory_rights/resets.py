"""Resets: a part of an agent's memory, or all of it, is as it was at the beginning; a checkpoint is made before."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bot.agent import Agent
from bot.agents import Agents
from bot.memory_rights.checkpoints import Checkpoints
from bot.text import counted
from bot.turns.shelves import Shelves
from memory.core.change_journal import ChangeKind, begin_change
from memory.erasing.resets import forget_archive, forget_conversation, keep_blocks_alone
from memory.erasing.traces import SEARCHES, WRITE_ARCHIVE, WRITE_CORE, shows_archive, shows_core_memory, without_calls
from memory.erasing.undoable_resets import note_reset
from memory.ports import BlockEdit
from memory.sqlite.database import Database, Transaction, finish
from memory.turns.timers import WAITING, Timers

BEFORE_RESET = "before-reset"


class Part(StrEnum):
    """What can be reset."""

    CONVERSATION = "conversation"
    CORE_MEMORY = "core memory"
    ARCHIVE = "archive"
    FOLLOW_UPS = "follow-ups"
    EVERYTHING = "everything"

    def includes(self, part: "Part") -> bool:
        """Whether another part goes with this one."""
        return self in (part, Part.EVERYTHING)


def named(part: str) -> str:
    """A part, as it is called to whoever it belongs to."""
    return part if part == Part.EVERYTHING else f"my {part}"


class Resets:
    """Resets agents; to be called in the lane of each only."""

    def __init__(
        self,
        database: Database,
        agents: Agents,
        shelves: Shelves,
        checkpoints: Checkpoints,
        timers: Timers,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agents
        self._shelves = shelves
        self._checkpoints = checkpoints
        self._timers = timers
        self._now = now

    async def preview(self, agent: Agent, part: Part) -> tuple[str, ...]:
        """What a reset would take away, a line for each thing; nothing if all is as at the beginning."""
        recall, archival, counter = self._shelves.recall, self._shelves.archival, self._shelves.counter
        lines = []
        if part.includes(Part.CONVERSATION) and (agent.queue or agent.summary or await recall.count(agent.id)):
            said = counted(await recall.count(agent.id), "message")
            lines.append(f"the conversation: {said}{' and the summary of what came before' if agent.summary else ''}")
        if part.includes(Part.CORE_MEMORY):
            first = dict(self._agents.first_blocks(agent.scope))
            for block in agent.core:
                if block.value != first.get(block.label, ""):
                    lines.append(f"what stands in the block {block.label}: {counter.count(block.value)} tokens")
        if part.includes(Part.ARCHIVE):
            if notes := await archival.count(agent.id):
                lines.append(f"the archive: {counted(notes, 'note')}")
            if pieces := await archival.count_pieces(agent.id):
                lines.append(f"the documents in it: {counted(pieces, 'piece')}")
        if part.includes(Part.FOLLOW_UPS):
            waiting = [timer for timer in await self._timers.follow_ups(agent.id) if timer.state == WAITING]
            lines += [f"what I am to come back to: {counted(len(waiting), 'follow-up')}"] if waiting else []
        return tuple(lines)

    async def reset(self, agent: Agent, part: Part, *, author: str, reason: str) -> str:
        """Put a part back to its beginning, in one transaction; afterwards `Agents.get` has the new agent.

        Args:
            agent: as it is now.
            part: of its memory.
            author: who wants it, for the journal of core memory.
            reason: why, for the journal.

        Returns:
            The name of the checkpoint of what was there.

        Raises:
            CheckpointUnusable: it cannot be written; nothing was changed then.
        """
        name = self._free_name(agent.scope)
        await self._checkpoints.save(agent, name)
        await finish(self._commit(agent, part, name, author, reason))
        return name

    async def _commit(self, agent: Agent, part: Part, name: str, author: str, reason: str) -> None:
        removed: dict[int, tuple[int, ...]] = {}
        primers: tuple[int, ...] = ()
        first = self._agents.first_blocks(agent.scope)
        try:
            async with self._database.write(alone=True) as transaction:
                self._shelves.agents.check(agent.scope, agent.revision)
                change_id = await begin_change(transaction, agent.id, ChangeKind.COMMAND, self._now())
                await note_reset(transaction, agent.id, change_id, part, name, self._now())
                if part.includes(Part.CONVERSATION):
                    primers = await forget_conversation(transaction, agent.id)
                if part.includes(Part.CORE_MEMORY):
                    await keep_blocks_alone(transaction, agent.id, first)
                    edits = self._edits(agent, first, author, reason)
                    await self._shelves.agents.save_edits(transaction, agent.id, edits, change_id)
                    await self._redact(transaction, agent, WRITE_CORE, shows_core_memory)
                if part.includes(Part.ARCHIVE):
                    removed = await forget_archive(transaction, agent.id)
                    await self._redact(transaction, agent, WRITE_ARCHIVE, shows_archive)
                if part.includes(Part.FOLLOW_UPS):
                    await self._timers.forget(transaction, agent.id)
        finally:
            self._agents.let_go(agent.scope)
            self._shelves.recall.let_go(agent.id)
        for owner, ids in ((agent.id, primers), *removed.items()):
            if ids:
                await self._shelves.archival.forget(owner, ids)

    async def _redact(
        self,
        transaction: Transaction,
        agent: Agent,
        tools: frozenset[str],
        is_of_them: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        """Take what the agent had written with some tools out of its calls and their results, which it still sees."""
        recall = self._shelves.recall
        turns = await recall.turns_calling(transaction, agent.id, tools | SEARCHES)
        await recall.redact(transaction, agent.id, without_calls(turns, tools, is_of_them))

    def _edits(
        self, agent: Agent, first: tuple[tuple[str, str], ...], author: str, reason: str
    ) -> tuple[BlockEdit, ...]:
        before, after = {block.label: block.value for block in agent.core}, dict(first)
        return tuple(
            BlockEdit(label, before.get(label, ""), after.get(label, ""), author, reason, None, self._now())
            for label in dict.fromkeys((*after, *before))
            if before.get(label, "") != after.get(label, "")
        )

    def _free_name(self, scope: str) -> str:
        """A name of its own: no checkpoint is written over."""
        taken = {checkpoint.name for checkpoint in self._checkpoints.made_of(scope)}
        base = f"{BEFORE_RESET}-{self._now().astimezone(UTC):%Y%m%dT%H%M%SZ}"
        names = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)
