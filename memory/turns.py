"""Taking back whole turns: their messages, the memory edits that they made, and the notes that they kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.database import Transaction
from memory.tables import block_edits, blocks, messages, passages


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken back. `kept_edits` were not, because the block was changed again since in the same place."""

    messages: int
    edits: int
    kept_edits: int
    passage_ids: tuple[int, ...]


async def last_turns(connection: AsyncConnection, agent_id: int, count: int) -> tuple[int, ...]:
    """The ids of the newest turns that are still in the queue, newest first."""
    turn = func.coalesce(messages.c.turn_id, messages.c.id)
    found = await connection.scalars(
        select(turn)
        .where(messages.c.agent_id == agent_id, messages.c.evicted == false())
        .group_by(turn)
        .order_by(turn.desc())
        .limit(count)
    )
    return tuple(found)


async def remove_turns(transaction: Transaction, agent_id: int, turn_ids: Sequence[int]) -> Removal:
    """Remove turns of one agent. What was said stays said; the vectors of the passages are to be deleted afterwards."""
    edits = await transaction.execute(
        select(block_edits)
        .where(block_edits.c.agent_id == agent_id, block_edits.c.source_message_id.in_(turn_ids))
        .order_by(block_edits.c.id.desc())
    )
    reverted = [edit.id for edit in edits.all() if await _revert(transaction, agent_id, edit)]
    of_turns = block_edits.c.source_message_id.in_(turn_ids)
    removed_edits = await transaction.execute(
        delete(block_edits).where(block_edits.c.agent_id == agent_id, of_turns, block_edits.c.id.in_(reverted))
    )
    kept_edits = await transaction.scalar(
        select(func.count()).select_from(block_edits).where(block_edits.c.agent_id == agent_id, of_turns)
    )
    removed_passages = await transaction.execute(
        delete(passages)
        .where(passages.c.agent_id == agent_id, passages.c.source_message_id.in_(turn_ids))
        .returning(passages.c.id)
    )
    passage_ids = tuple(removed_passages.scalars())
    belongs = or_(messages.c.turn_id.in_(turn_ids), messages.c.id.in_(turn_ids))
    removed = await transaction.execute(delete(messages).where(and_(messages.c.agent_id == agent_id, belongs)))
    return Removal(removed.rowcount, removed_edits.rowcount, kept_edits or 0, passage_ids)


async def _revert(transaction: Transaction, agent_id: int, edit: Any) -> bool:
    """Put a block back as it was before an edit, if it still stands as the edit left it."""
    reverted = await transaction.execute(
        update(blocks)
        .where(
            blocks.c.agent_id == agent_id,
            blocks.c.label == edit.label,
            blocks.c.value == edit.after,
        )
        .values(value=edit.before)
    )
    return bool(reverted.rowcount)
