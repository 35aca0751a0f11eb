"""Resets that can still be undone, and what people did since to the messages that were reset.

The agent as it was before stands in a checkpoint, which says nothing of what came after. So it is written down here by
the platform's names, without a word of the messages, and an undoing follows it.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, delete, exists, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import agents, block_edits, memory_changes, messages, reset_messages, resets

UNDOABLE = timedelta(days=7)
"""How long a reset can be undone."""


@dataclass(frozen=True, slots=True)
class UndoableReset:
    """A reset.

    Attributes:
        id: a later one has a higher one.
        agent_id: whose memory.
        scope: the same.
        change_id: the change in the journal, with the edits of core memory if it made any.
        part: what was reset.
        checkpoint: the name of the agent as it was before.
        derive_anew: whether its summary was to be made anew then.
        at: when.
    """

    id: int
    agent_id: int
    scope: str
    change_id: int
    part: str
    checkpoint: str
    derive_anew: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class DoneSince:
    """What people did to messages that were reset: the names of those that are gone, and digests of the edited ones."""

    deleted: frozenset[str]
    edited: dict[str, bytes]


def digest_of_words(text: str) -> bytes:
    """By which it can be told whether an edited message says what it said."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


async def note_reset(
    transaction: Transaction, agent_id: int, change_id: int, part: str, checkpoint: str, at: datetime
) -> None:
    """Write down that something is about to be reset, before its messages go."""
    derive_anew = await transaction.scalar(select(agents.c.derive_anew).where(agents.c.id == agent_id))
    row = {"agent_id": agent_id, "change_id": change_id, "part": part, "checkpoint": checkpoint, "at": at}
    await transaction.execute(insert(resets).values(row | {"derive_anew": bool(derive_anew)}))
    of_agent, quote = messages.c.agent_id == agent_id, messages.c.quote
    for name, author in (
        (messages.c.platform_id, messages.c.author_id),
        (messages.c.replying_to, quote["author_id"].as_string()),
    ):
        named = select(messages.c.agent_id, name, author).where(of_agent, name.is_not(None))
        new = insert(reset_messages).from_select(["agent_id", "platform_id", "author_id"], named)
        await transaction.execute(new.on_conflict_do_nothing())


async def follow_change(transaction: Transaction, scope: str, platform_ids: Collection[str], text: str | None) -> None:
    """Write down that messages were edited, or deleted (`text` None), where they may come back by an undoing."""
    agent = select(agents.c.id).where(agents.c.scope == scope).scalar_subquery()
    these = (reset_messages.c.agent_id == agent, reset_messages.c.platform_id.in_(platform_ids))
    values: dict[str, Any] = {"deleted": True} if text is None else {"edited": digest_of_words(text)}
    await transaction.execute(update(reset_messages).where(*these).values(values))


def scopes_of_reset(platform: str, platform_ids: Collection[str]) -> Select[tuple[str]]:
    """The scopes in which such messages may come back by an undoing."""
    of_agent = (reset_messages.c.agent_id == agents.c.id, reset_messages.c.platform_id.in_(platform_ids))
    is_here = agents.c.scope.startswith(f"{platform}:", autoescape=True)
    return select(agents.c.scope).where(is_here, exists().where(*of_agent))


async def strike_out(transaction: Transaction, reset: UndoableReset, *, is_over: bool) -> None:
    """Forget that something was reset: it was undone, or cannot be any more (`is_over`).

    With what is over goes what the journal still said of core memory as it was.
    """
    await transaction.execute(delete(resets).where(resets.c.agent_id == reset.agent_id, resets.c.id == reset.id))
    others = exists().where(resets.c.agent_id == reset.agent_id)
    await transaction.execute(delete(reset_messages).where(reset_messages.c.agent_id == reset.agent_id, ~others))
    edits = (block_edits.c.agent_id == reset.agent_id, block_edits.c.change_id <= reset.change_id)
    if is_over and await transaction.scalar(_undone(reset)) is None:
        made = select(block_edits.c.label).where(edits[0], block_edits.c.change_id == reset.change_id)
        await transaction.execute(delete(block_edits).where(*edits, block_edits.c.label.in_(made.scalar_subquery())))


async def forget_resets(transaction: Transaction, agent_id: int) -> None:
    """Forget all resets of an agent, whose place another one takes."""
    for table in (resets, reset_messages):
        await transaction.execute(delete(table).where(table.c.agent_id == agent_id))


class UndoableResets:
    """Reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, agent_id: int) -> tuple[UndoableReset, ...]:
        """An agent's, the newest first; those that are over among them, until somebody strikes them out."""
        return await self._select(resets.c.agent_id == agent_id)

    async def over(self, now: datetime) -> tuple[UndoableReset, ...]:
        """Those of all agents that cannot be undone any more."""
        return await self._select(resets.c.at <= now - UNDOABLE)

    async def done_since(self, agent_id: int) -> DoneSince:
        """What people did to the messages of an agent that were reset."""
        changed = or_(reset_messages.c.deleted, reset_messages.c.edited.is_not(None))
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(reset_messages).where(and_(reset_messages.c.agent_id == agent_id, changed))
            )
            found = rows.all()
        edited = {row.platform_id: row.edited for row in found if not row.deleted}
        return DoneSince(frozenset(row.platform_id for row in found if row.deleted), edited)

    async def is_undone(self, reset: UndoableReset) -> bool:
        """Whether the change of core memory that a reset made was undone by itself."""
        async with self._database.read() as connection:
            return await connection.scalar(_undone(reset)) is not None

    async def _select(self, *which: Any) -> tuple[UndoableReset, ...]:
        found = select(resets, agents.c.scope).join(agents, agents.c.id == resets.c.agent_id).where(*which)
        async with self._database.read() as connection:
            rows = await connection.execute(found.order_by(resets.c.id.desc()))
            return tuple(
                UndoableReset(
                    row.id, row.agent_id, row.scope, row.change_id, row.part, row.checkpoint, row.derive_anew, row.at
                )
                for row in rows
            )


def _undone(reset: UndoableReset) -> Select[tuple[int]]:
    undone = (memory_changes.c.agent_id == reset.agent_id, memory_changes.c.undoes == reset.change_id)
    return select(memory_changes.c.id).where(*undone).limit(1)
