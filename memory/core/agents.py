"""Agents as they are kept: their scope, core memory with its journal, and the summary that leads their queue."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.core.change_journal import ChangeKind, begin_change, edit_of
from memory.core.core_memory import person_of_label
from memory.ports import BlockEdit, ChangedMeanwhile
from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import agents, block_edits, blocks, memory_changes, turns
from memory.turns.turn_journal import IS_PASSING


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model of the settings' server by its name, with its window in tokens as it was told when it was chosen."""

    name: str
    window: int


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent's row with its blocks as (label, text), in order.

    `paused_at` is since when nothing is kept of what is said; `passing` are the turns under way of which nothing will
    be kept, although their messages stand in recall storage as long as they run.
    `derive_anew`: its summary is to be made anew before it is used. `revision`: see `AgentStore.changing`.
    """

    id: int
    scope: str
    created_at: datetime
    preset: str
    summary: str
    warned: bool
    blocks: tuple[tuple[str, str], ...]
    paused_at: datetime | None = None
    passing: frozenset[int] = frozenset()
    derive_anew: bool = False
    revision: int = 0
    heartbeat_minutes: int | None = None
    """How often its heart beats, by somebody's own choice; 0: never; None: as the settings have it."""
    model: ChosenModel | None = None
    """Of its own, by an owner's choice; None: that of the settings."""


class AgentStore:
    """Finds, makes and changes agents."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._revisions = Counter[str]()
        self._changing: dict[str, asyncio.Event] = {}

    async def find(self, scope: str) -> AgentRecord | None:
        """The agent of a scope, or None if nobody has spoken there yet."""
        await self._unchanging(scope)
        revision = self._revisions[scope]
        async with self._database.read() as connection:
            row = (await connection.execute(select(agents).where(agents.c.scope == scope))).first()
            if row is None:
                return None
            found = await connection.execute(
                select(blocks.c.label, blocks.c.value).where(blocks.c.agent_id == row.id).order_by(blocks.c.position)
            )
            kept = tuple((label, value) for label, value in found)
            passing = frozenset(
                await connection.scalars(select(turns.c.id).where(turns.c.agent_id == row.id, IS_PASSING))
            )
        return AgentRecord(
            row.id,
            row.scope,
            row.created_at,
            row.preset,
            row.summary,
            row.warned,
            kept,
            row.paused_at,
            passing,
            row.derive_anew,
            revision,
            row.heartbeat_minutes,
            ChosenModel(row.model, row.model_window) if row.model is not None else None,
        )

    @asynccontextmanager
    async def changing(self, scope: str) -> AsyncIterator[None]:
        """Inside, write what changes an agent beside its lane: from now on what was loaded before is out of date.

        Whoever loads the agent meanwhile waits. Whatever rests on it is checked as it is written (`check`), so that
        nothing which was removed comes back with it.
        """
        await self._unchanging(scope)
        over = self._changing[scope] = asyncio.Event()
        self._revisions[scope] += 1
        try:
            yield
        finally:
            del self._changing[scope]
            over.set()

    def is_current(self, scope: str, revision: int) -> bool:
        """Whether an agent is as it was when that revision of it was loaded, but for what its lane has written."""
        return self._revisions[scope] == revision

    def check(self, scope: str, revision: int) -> None:
        """To be called in the transaction, before anything is written that rests on an agent as it was loaded.

        Raises:
            ChangedMeanwhile: it is no longer as it was.
        """
        if not self.is_current(scope, revision):
            raise ChangedMeanwhile(f"revision {revision} of the agent is out of date")

    async def create(
        self,
        transaction: Transaction,
        scope: str,
        first_blocks: Sequence[tuple[str, str]],
        now: datetime,
        preset: str = "memgpt_chat",
    ) -> AgentRecord:
        """A new agent with its first core memory."""
        made = await transaction.execute(
            insert(agents).values(scope=scope, preset=preset, created_at=now).returning(agents.c.id)
        )
        agent_id = made.scalar_one()
        await transaction.execute(
            insert(blocks),
            [
                {"agent_id": agent_id, "label": label, "position": position, "value": value}
                for position, (label, value) in enumerate(first_blocks)
            ],
        )
        return AgentRecord(agent_id, scope, now, preset, "", False, tuple(first_blocks))

    async def save_edits(
        self, transaction: Transaction, agent_id: int, edits: Sequence[BlockEdit], change_id: int | None = None
    ) -> None:
        """Write the blocks as the edits left them, and the edits into the journal.

        `change_id` is the change that they are a part of (see `memory.core.change_journal`); None: they are one of
        their own, by a command.
        """
        if not edits:
            return
        if change_id is None:
            change_id = await begin_change(transaction, agent_id, ChangeKind.COMMAND, edits[0].created_at)
        for label, value in {edit.label: edit.after for edit in edits}.items():
            await _write_block(transaction, agent_id, label, value)
        await transaction.execute(
            insert(block_edits),
            [
                {
                    "agent_id": agent_id,
                    "change_id": change_id,
                    "label": edit.label,
                    "before": edit.before,
                    "after": edit.after,
                    "author": edit.author,
                    "reason": edit.reason,
                    "source_message_id": edit.source_message_id,
                    "created_at": edit.created_at,
                }
                for edit in edits
            ],
        )

    async def save_pressure(self, transaction: Transaction, agent_id: int, *, summary: str, warned: bool) -> None:
        """Write what the queue manager keeps: the recursive summary, and whether the agent was warned."""
        await transaction.execute(update(agents).where(agents.c.id == agent_id).values(summary=summary, warned=warned))

    async def save_paused(self, transaction: Transaction, agent_id: int, paused_at: datetime | None) -> None:
        """Write since when nothing is kept of what is said; None: it is kept again."""
        await transaction.execute(update(agents).where(agents.c.id == agent_id).values(paused_at=paused_at))

    async def save_heartbeat(self, transaction: Transaction, agent_id: int, minutes: int | None) -> None:
        """Write how often its heart beats."""
        await transaction.execute(update(agents).where(agents.c.id == agent_id).values(heartbeat_minutes=minutes))

    async def save_model(self, transaction: Transaction, agent_id: int, model: ChosenModel | None) -> None:
        """Write which model is its own."""
        values = {"model": model.name if model else None, "model_window": model.window if model else None}
        await transaction.execute(update(agents).where(agents.c.id == agent_id).values(values))

    async def save_summary(
        self, transaction: Transaction, agent_id: int, summary: str | None = None, *, derive_anew: bool
    ) -> None:
        """Write the summary (None: it stays), and whether it is to be made anew before it is used."""
        values = {"derive_anew": derive_anew} | ({"summary": summary} if summary is not None else {})
        await transaction.execute(update(agents).where(agents.c.id == agent_id).values(values))

    async def reflected_to(self, agent_id: int) -> int:
        """Up to which message the agent has reflected; 0 if it never did."""
        async with self._database.read() as connection:
            return await connection.scalar(select(agents.c.reflected_to).where(agents.c.id == agent_id)) or 0

    async def save_reflected(self, transaction: Transaction, agent_id: int, message_id: int) -> None:
        """Write up to which message the agent has reflected."""
        await transaction.execute(update(agents).where(agents.c.id == agent_id).values(reflected_to=message_id))

    async def journal(self, agent_id: int, limit: int = 100) -> tuple[BlockEdit, ...]:
        """The newest edits of core memory, newest first."""
        return await self._edits(select(block_edits).where(block_edits.c.agent_id == agent_id).limit(limit))

    async def edits_of(self, agent_id: int, label: str, limit: int = 500) -> tuple[BlockEdit, ...]:
        """The newest edits of one block, oldest first."""
        of_block = (block_edits.c.agent_id == agent_id, block_edits.c.label == label)
        with_change = select(block_edits, memory_changes.c.kind.label("change_kind")).outerjoin_from(
            block_edits, memory_changes, memory_changes.c.id == block_edits.c.change_id
        )
        return (await self._edits(with_change.where(*of_block).limit(limit)))[::-1]

    async def least_recently_edited(self, agent_id: int, labels: Sequence[str]) -> str:
        """Of some blocks, the one whose last edit is the oldest."""
        last = select(block_edits.c.label, func.max(block_edits.c.id)).where(block_edits.c.agent_id == agent_id)
        async with self._database.read() as connection:
            rows = await connection.execute(last.where(block_edits.c.label.in_(labels)).group_by(block_edits.c.label))
            edited: dict[str, int] = {label: newest for label, newest in rows}
        return min(labels, key=lambda label: edited.get(label, 0))

    async def edits_from(self, agent_id: int, message_ids: Sequence[int]) -> tuple[BlockEdit, ...]:
        """The edits of core memory that these messages were the source of, newest first."""
        return await self._edits(
            select(block_edits).where(
                block_edits.c.agent_id == agent_id, block_edits.c.source_message_id.in_(message_ids)
            )
        )

    async def edits_of_change(self, transaction: Transaction, agent_id: int, change_id: int) -> tuple[BlockEdit, ...]:
        """The edits of core memory that were made in one go, in order, as they stand in an open transaction."""
        of_it = (block_edits.c.agent_id == agent_id, block_edits.c.change_id == change_id)
        rows = await transaction.execute(select(block_edits).where(*of_it).order_by(block_edits.c.id))
        return tuple(map(edit_of, rows))

    async def forget_source(self, transaction: Transaction, agent_id: int, message_ids: Sequence[int]) -> None:
        """Let no edit name these messages any more: they are about to be removed."""
        await transaction.execute(
            update(block_edits)
            .where(block_edits.c.agent_id == agent_id, block_edits.c.source_message_id.in_(message_ids))
            .values(source_message_id=None)
        )

    async def is_paused(self, transaction: Transaction, agent_id: int) -> bool:
        """Whether nothing is kept of what is said to an agent, as it stands in an open transaction."""
        found = select(agents.c.paused_at).where(agents.c.id == agent_id)
        return await transaction.scalar(found) is not None

    async def id_of(self, transaction: Transaction, scope: str) -> int | None:
        """The agent of a scope, as it stands in an open transaction."""
        found: int | None = await transaction.scalar(select(agents.c.id).where(agents.c.scope == scope))
        return found

    async def journal_of_sources(
        self,
        transaction: Transaction,
        agent_id: int,
        message_ids: Collection[int],
        edit_ids: Collection[int] = (),
    ) -> dict[str, tuple[str, tuple[tuple[int, BlockEdit], ...]]]:
        """The blocks that these messages brought edits to, or that some edits are of.

        By label the text, and all edits by their ids, in order.
        """
        of_agent = block_edits.c.agent_id == agent_id
        by_them = or_(block_edits.c.source_message_id.in_(message_ids), block_edits.c.id.in_(edit_ids))
        labels = list(await transaction.scalars(select(block_edits.c.label).where(of_agent, by_them).distinct()))
        return {label: await self.journal_of(transaction, agent_id, label) for label in labels}

    async def journal_of(
        self, transaction: Transaction, agent_id: int, label: str
    ) -> tuple[str, tuple[tuple[int, BlockEdit], ...]]:
        """A block as it stands in an open transaction: its text, and all edits by their ids, in order."""
        of_block = (block_edits.c.agent_id == agent_id, block_edits.c.label == label)
        rows = await transaction.execute(select(block_edits).where(*of_block).order_by(block_edits.c.id))
        value = select(blocks.c.value).where(blocks.c.agent_id == agent_id, blocks.c.label == label)
        return await transaction.scalar(value) or "", tuple((row.id, edit_of(row)) for row in rows)

    async def journals(
        self, connection: AsyncConnection, agent_id: int
    ) -> dict[str, tuple[str, tuple[tuple[int, BlockEdit], ...]]]:
        """The same of all blocks that there are, or ever were."""
        found: dict[str, None] = {}
        for table in (blocks, block_edits):
            labels = select(table.c.label).where(table.c.agent_id == agent_id).distinct()
            found |= dict.fromkeys(await connection.scalars(labels))
        return {label: await self.journal_of(connection, agent_id, label) for label in found}

    async def redact(
        self, transaction: Transaction, agent_id: int, label: str, value: str, edits: Sequence[tuple[int, str, str]]
    ) -> None:
        """Write a block and its journal without what is not to be known any more; edits by id, before and after."""
        await _write_block(transaction, agent_id, label, value)
        for id_, before, after in edits:
            changed = update(block_edits).where(block_edits.c.agent_id == agent_id, block_edits.c.id == id_)
            await transaction.execute(changed.values(before=before, after=after))

    async def name_source(
        self, transaction: Transaction, agent_id: int, source_message_id: int, instead: int | None
    ) -> None:
        """Let edits that came from one message name another one, or none."""
        of_it = (block_edits.c.agent_id == agent_id, block_edits.c.source_message_id == source_message_id)
        await transaction.execute(update(block_edits).where(*of_it).values(source_message_id=instead))

    async def _unchanging(self, scope: str) -> None:
        while (over := self._changing.get(scope)) is not None:
            await over.wait()

    async def _edits(self, statement: Any) -> tuple[BlockEdit, ...]:
        async with self._database.read() as connection:
            rows = await connection.execute(statement.order_by(block_edits.c.id.desc()))
            return tuple(map(edit_of, rows))


async def chosen_models(connection: AsyncConnection) -> Sequence[tuple[str, int]]:
    """The models that agents have of their own, each with how many have it."""
    having = select(agents.c.model, func.count()).where(agents.c.model.is_not(None))
    rows = await connection.execute(having.group_by(agents.c.model).order_by(agents.c.model))
    return [(name, count) for name, count in rows]


async def _write_block(transaction: Transaction, agent_id: int, label: str, value: str) -> None:
    """Write a block's text; one on a person is made with its first text, and goes with its last."""
    is_it = (blocks.c.agent_id == agent_id, blocks.c.label == label)
    if person_of_label(label) is None:
        await transaction.execute(update(blocks).where(*is_it).values(value=value))
    elif not value:
        await transaction.execute(delete(blocks).where(*is_it))
    else:
        last = select(func.coalesce(func.max(blocks.c.position), -1) + 1).where(blocks.c.agent_id == agent_id)
        new = insert(blocks).values(agent_id=agent_id, label=label, value=value, position=last.scalar_subquery())
        await transaction.execute(
            new.on_conflict_do_update(index_elements=["agent_id", "label"], set_={"value": value})
        )
