"""What one person has a right to of a channel's memory, as records: their own words, notes on them, their follow-ups.

What others wrote is left out, also where it is quoted in a reply to them. It is no whole agent, and no import takes it.
"""

from collections.abc import AsyncIterator

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.core.core_memory import person_label
from memory.portable.dump import (
    WAITS,
    edit_record,
    follow_up_record,
    message_record,
    note_record,
    rows_of,
    usage_record,
)
from memory.portable.records import AgentState, BlockText, End, Head, Record
from memory.ports import Kind, PassageKind
from memory.sqlite.tables import agents, block_edits, blocks, messages, passages, timers, usage


async def dump_of_person(
    connection: AsyncConnection, agent_id: int, speaker: str, person: str
) -> AsyncIterator[Record]:
    """Their part of what a channel's agent keeps; give it a snapshot, so that all of it is of one moment.

    Args:
        connection: reads.
        agent_id: the channel's.
        speaker: who they are among those who speak there, by the platform's id.
        person: who they are to the bot.
    """
    count = 0
    async for record in _part(connection, agent_id, speaker, person):
        count += 1
        yield record
    yield End(records=count)


async def _part(connection: AsyncConnection, agent_id: int, speaker: str, person: str) -> AsyncIterator[Record]:
    label, own = person_label(speaker), set[int]()
    yield Head(person=person)
    of = (await connection.execute(select(agents).where(agents.c.id == agent_id))).one()
    yield AgentState(scope=of.scope, created_at=of.created_at, preset=of.preset, summary="", warned=False)
    async for row in rows_of(connection, blocks, agent_id, blocks.c.position, blocks.c.label == label):
        yield BlockText(label=row.label, value=row.value)
    wrote = (messages.c.kind == Kind.USER_MESSAGE, messages.c.author_id == speaker)
    async for row in rows_of(connection, messages, agent_id, messages.c.id, *wrote):
        own.add(row.id)
        kept = message_record(row, row.id)
        is_theirs = kept.quote is None or kept.quote.author_id in (None, speaker)
        yield kept if is_theirs else kept.model_copy(update={"quote": None})
    async for row in rows_of(connection, block_edits, agent_id, block_edits.c.id, block_edits.c.label == label):
        # What else changed in one go with it may be somebody else's.
        yield edit_record(row, own).model_copy(update={"change_id": None})
    async for row in rows_of(connection, passages, agent_id, passages.c.id, passages.c.kind == PassageKind.NOTE):
        if row.source_message_id in own or label in row.tags:
            yield note_record(row, own)
    async for row in rows_of(connection, timers, agent_id, timers.c.id, *WAITS, timers.c.person == person):
        yield follow_up_record(row, own)
    async for row in rows_of(connection, usage, agent_id, usage.c.id, usage.c.person == person):
        yield usage_record(row)
