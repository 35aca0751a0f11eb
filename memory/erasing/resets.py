"""An agent's memory put back to its beginning, a part at a time, in somebody's transaction."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from memory.archival.documents import ARE_ONES, remove_of_nobody
from memory.ports import owner_of_source
from memory.recall.primers import remove_primers
from memory.sqlite.database import Transaction
from memory.sqlite.tables import (
    agents,
    attachments,
    block_edits,
    blocks,
    compactions,
    messages,
    note_edits,
    passages,
    result_lists,
)


async def forget_conversation(transaction: Transaction, agent_id: int) -> tuple[int, ...]:
    """Remove every message, the summary and all primers; what was noted of messages stays, and names them no longer.

    Returns:
        The ids of the primers: their vectors are to be forgotten after the commit.
    """
    for table in (messages, compactions, result_lists):
        await transaction.execute(delete(table).where(table.c.agent_id == agent_id))
    primers = await remove_primers(transaction, agent_id)
    await transaction.execute(
        update(block_edits).where(block_edits.c.agent_id == agent_id).values(source_message_id=None)
    )
    await transaction.execute(
        update(passages).where(passages.c.agent_id == agent_id).values(source_message_id=None, tags_added=None)
    )
    await transaction.execute(
        update(note_edits).where(note_edits.c.agent_id == agent_id).values(source_message_id=None)
    )
    nothing = {"summary": "", "warned": False, "derive_anew": False}
    await transaction.execute(update(agents).where(agents.c.id == agent_id).values(**nothing))
    return primers


async def keep_blocks_alone(transaction: Transaction, agent_id: int, first: Sequence[tuple[str, str]]) -> None:
    """Remove the blocks that an agent does not begin with, and add those that it has lost, empty."""
    labels = [label for label, _ in first]
    of_agent = blocks.c.agent_id == agent_id
    await transaction.execute(delete(blocks).where(of_agent, blocks.c.label.not_in(labels)))
    there = set(await transaction.scalars(select(blocks.c.label).where(of_agent)))
    lost = [
        {"agent_id": agent_id, "label": label, "position": position, "value": ""}
        for position, label in enumerate(labels)
        if label not in there
    ]
    if lost:
        await transaction.execute(insert(blocks), lost)


async def forget_archive(transaction: Transaction, agent_id: int) -> dict[int, tuple[int, ...]]:
    """Remove every note with its journal, and take the documents away; those that nobody else has go.

    Returns:
        The ids of the passages that were removed, by owner: their vectors are to be forgotten after the commit.
    """
    notes = delete(passages).where(passages.c.agent_id == agent_id).returning(passages.c.id)
    gone = {agent_id: tuple(await transaction.scalars(notes))}
    await transaction.execute(delete(note_edits).where(note_edits.c.agent_id == agent_id))
    await transaction.execute(delete(attachments).where(attachments.c.agent_id == agent_id, ARE_ONES))
    for of_source in await remove_of_nobody(transaction):
        gone[owner_of_source(of_source.source_id)] = of_source.passage_ids
    return gone
