"""Primers: statements that prime an agent for messages which left its window (*sparse priming representation*).

A primer is a passage in the agent's archive that names the newest message it tells of. It is no note: nobody asked for
it, it stands in no journal, and it goes when the eviction is undone that it tells of, or when a message which it covers
is changed; then it is made anew.
"""

from datetime import datetime

from sqlalchemy import Select, delete, func, insert, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.ports import Kind, PassageKind
from memory.sqlite.database import Transaction
from memory.sqlite.tables import messages, passages

MOST_TOLD = 400
"""Messages that one primer tells of; of more, the newest."""


async def keep_primer(
    transaction: Transaction, agent_id: int, content: str, newest_message_id: int, now: datetime
) -> None:
    """Keep a primer; call `index_soon` of the archive after the commit."""
    row = {
        "agent_id": agent_id,
        "kind": PassageKind.PRIMER,
        "content": content,
        "tags": [],
        "source_message_id": newest_message_id,
        "created_at": now,
        "digest": None,  # a note of the same words is another thing
    }
    await transaction.execute(insert(passages).values(**row))


async def remove_primers(transaction: Transaction, agent_id: int, since: int = 0) -> tuple[int, ...]:
    """Remove the primers that tell of a message, or of later ones; call `forget` of the archive after the commit."""
    those = (passages.c.agent_id == agent_id, passages.c.kind == PassageKind.PRIMER)
    gone = delete(passages).where(*those, passages.c.source_message_id >= since).returning(passages.c.id)
    return tuple(await transaction.scalars(gone))


async def unprimed(connection: AsyncConnection, agent_id: int) -> tuple[int, ...]:
    """The ids of what was said and left the window, and no primer tells of yet, in order."""
    of_agent = (messages.c.agent_id == agent_id, messages.c.evicted == true(), messages.c.text.is_not(None))
    said = (*of_agent, messages.c.kind.in_([Kind.USER_MESSAGE, Kind.ASSISTANT]))
    newer = select(messages.c.id).where(*said, messages.c.id > _primed_to(agent_id).scalar_subquery())
    newest = await connection.scalars(newer.order_by(messages.c.id.desc()).limit(MOST_TOLD))
    return tuple(sorted(newest))


def _primed_to(agent_id: int) -> Select[tuple[int]]:
    of_agent = (passages.c.agent_id == agent_id, passages.c.kind == PassageKind.PRIMER)
    return select(func.coalesce(func.max(passages.c.source_message_id), 0)).where(*of_agent)
