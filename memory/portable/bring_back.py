"""What a reset took away, put back from a checkpoint, in somebody's transaction; what came since stays.

Messages and notes have the ids that they had, for none is given twice: so the old ones stand before the new ones, and
whatever named one names it again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from memory.core.core_memory import person_of_label
from memory.portable.load import Ids, fill, split
from memory.portable.records import (
    AgentState,
    BlockText,
    KeptCompaction,
    KeptDocument,
    KeptEdit,
    KeptFollowUp,
    KeptMessage,
    KeptNoteEdit,
    KeptPassage,
    KeptPiece,
    KeptSource,
    Record,
)
from memory.ports import MemoryFault, PassageKind
from memory.recall import compactions as evictions
from memory.sqlite.database import Transaction
from memory.sqlite.tables import (
    agents,
    attachments,
    block_edits,
    blocks,
    compactions,
    memory_changes,
    messages,
    note_edits,
    passages,
)

_AT_ONCE = 500


class CannotComeBack(MemoryFault):
    """It cannot be put back; nothing was changed. The text says why."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is to come back."""

    conversation: bool
    archive: bool
    follow_ups: bool


async def bring_back(
    transaction: Transaction,
    agent_id: int,
    was: Sequence[Record],
    records: Sequence[Record],
    parts: Parts,
    *,
    derive_anew: bool,
    now: datetime,
) -> tuple[int, ...]:
    """Put back what is in records and was reset; blocks of core memory are not (`put_blocks`).

    Args:
        transaction: all of it or nothing.
        agent_id: whose memory.
        was: the agent as it was.
        records: the same, without what is not to come back.
        parts: what was reset.
        derive_anew: whether the summary in the records is to be made anew.
        now: the moment: of follow-ups that come once, those that are over stay away.

    Returns:
        The ids of notes that had stayed, and go now with the messages that they came from.

    Raises:
        CannotComeBack: ids that messages or notes had are taken.
    """
    state, _ = split(records)
    back = [record for record in records if _comes_back(record, parts, now)]
    if not await Ids.of(back).are_free(transaction):
        raise CannotComeBack("what was reset is there again, by an import or a restore")
    there = await _there(transaction, agent_id)
    there = Ids(there.messages | Ids.of(back).messages, changes=there.changes)
    own = select(attachments.c.source_id).where(attachments.c.agent_id == agent_id)
    own_sources = set(await transaction.scalars(own))
    since = await _evicted_since(transaction, agent_id) if parts.conversation else ()
    journals = list(_journals(records, parts, there.changes))
    await _forget_journals(transaction, agent_id, list(_journals(was, parts, there.changes)))
    ordered = sorted((*back, *journals), key=lambda record: _ORDER[type(record)])
    stream = (_naming(record, there.messages) for record in ordered)
    await fill(transaction, agent_id, stream, own_sources, keeps_ids=True, there=there)
    if parts.conversation:
        if not parts.archive:
            await _name_sources(transaction, agent_id, records)
        await _lead(transaction, agent_id, state, back, since, derive_anew=derive_anew, now=now)
    gone = tuple(sorted(Ids.of(was).notes - Ids.of(records).notes))
    these = (passages.c.agent_id == agent_id, passages.c.id.in_(gone))
    return tuple(await transaction.scalars(delete(passages).where(*these).returning(passages.c.id)))


async def put_blocks(transaction: Transaction, agent_id: int, core: Iterable[tuple[str, str]]) -> None:
    """Let these be an agent's blocks, in this order; one on a person of which nothing is left goes."""
    await transaction.execute(delete(blocks).where(blocks.c.agent_id == agent_id))
    kept = [(label, value) for label, value in core if value or person_of_label(label) is None]
    rows = [
        {"agent_id": agent_id, "label": label, "position": position, "value": value}
        for position, (label, value) in enumerate(kept)
    ]
    await transaction.execute(insert(blocks), rows)


def blocks_in(records: Iterable[Record]) -> dict[str, str]:
    """The blocks of core memory in records, in order."""
    return {record.label: record.value for record in records if isinstance(record, BlockText)}


# ── which records ────────────────────────────────────────────────────────────────────────────────────

_ORDER: Mapping[type, int] = {
    kind: place
    for place, kinds in enumerate(
        (
            (KeptMessage,),
            (KeptCompaction,),
            (KeptEdit,),
            (KeptNoteEdit,),
            (KeptPassage,),
            (KeptFollowUp,),
            (KeptSource, KeptDocument, KeptPiece),
        )
    )
    for kind in kinds
}


def _comes_back(record: Record, parts: Parts, now: datetime) -> bool:
    if isinstance(record, KeptMessage | KeptCompaction):
        return parts.conversation
    if isinstance(record, KeptPassage):
        return parts.conversation if record.kind is PassageKind.PRIMER else parts.archive
    if isinstance(record, KeptSource | KeptDocument | KeptPiece):
        return parts.archive
    if isinstance(record, KeptFollowUp):
        return parts.follow_ups and (record.repeat is not None or record.due_at > now)
    return False


def _journals(records: Iterable[Record], parts: Parts, changes: Collection[int]) -> Iterator[KeptEdit | KeptNoteEdit]:
    """Of the journals what the reset took out, or made name no messages."""
    for record in records:
        is_of_it = isinstance(record, KeptEdit) and parts.conversation
        is_of_it |= isinstance(record, KeptNoteEdit) and (parts.conversation or parts.archive)
        if is_of_it and isinstance(record, KeptEdit | KeptNoteEdit) and record.change_id in changes:
            yield record


def _naming(record: Record, known: Collection[int]) -> Record:
    """A record that names none but messages which are there."""
    if isinstance(record, KeptEdit | KeptNoteEdit | KeptPassage | KeptFollowUp):
        less: dict[str, Any] = {}
        if record.source_message_id is not None and record.source_message_id not in known:
            less["source_message_id"] = None
        if isinstance(record, KeptPassage):
            less["tags_added"] = tuple(added for added in record.tags_added if added.message in known)
        return record.model_copy(update=less)
    return record


# ── what is there ────────────────────────────────────────────────────────────────────────────────────


async def _there(transaction: Transaction, agent_id: int) -> Ids:
    found = [
        frozenset(await transaction.scalars(select(table.c.id).where(table.c.agent_id == agent_id)))
        for table in (messages, memory_changes)
    ]
    return Ids(messages=found[0], changes=found[1])


async def _forget_journals(transaction: Transaction, agent_id: int, instead: Sequence[KeptEdit | KeptNoteEdit]) -> None:
    """Take out of the journals what stands there in other words, or names fewer messages."""
    for table, kind in ((block_edits, KeptEdit), (note_edits, KeptNoteEdit)):
        changes = sorted({record.change_id or 0 for record in instead if isinstance(record, kind)})
        for at in range(0, len(changes), _AT_ONCE):
            some = table.c.change_id.in_(changes[at : at + _AT_ONCE])
            await transaction.execute(delete(table).where(table.c.agent_id == agent_id, some))


async def _name_sources(transaction: Transaction, agent_id: int, records: Iterable[Record]) -> None:
    """Let notes that are still there name the messages that they came from."""
    for record in records:
        if not isinstance(record, KeptPassage) or record.kind is not PassageKind.NOTE or record.id is None:
            continue
        it = (passages.c.agent_id == agent_id, passages.c.id == record.id)
        row = (
            await transaction.execute(select(passages.c.source_message_id, passages.c.tags_added).where(*it))
        ).first()
        if row is None:
            continue
        added = [{"message": added.message, "tags": list(added.tags)} for added in record.tags_added]
        values: dict[str, Any] = {"tags_added": [*added, *(row.tags_added or ())] or None}
        if row.source_message_id is None:
            values["source_message_id"] = record.source_message_id
        await transaction.execute(update(passages).where(*it).values(values))


# ── what leads the queue ─────────────────────────────────────────────────────────────────────────────


async def _evicted_since(transaction: Transaction, agent_id: int) -> tuple[int, ...]:
    """Of the messages that are there those that left the queue; the records of that go, for one takes their place."""
    of_agent = (messages.c.agent_id == agent_id, messages.c.evicted)
    gone = tuple(await transaction.scalars(select(messages.c.id).where(*of_agent).order_by(messages.c.id)))
    await transaction.execute(delete(compactions).where(compactions.c.agent_id == agent_id))
    return gone


async def _lead(
    transaction: Transaction,
    agent_id: int,
    state: AgentState,
    back: Sequence[Record],
    since: Sequence[int],
    *,
    derive_anew: bool,
    now: datetime,
) -> None:
    """The summary as it was; of what left the queue since, with what stood before it, it is to be made anew."""
    if since:
        queued = [record.id for record in back if isinstance(record, KeptMessage) and not record.evicted]
        own = messages.c.agent_id == agent_id
        await transaction.execute(
            update(messages).where(own, messages.c.id <= max(queued, default=0)).values(evicted=True)
        )
        before = await evictions.covered_by_newest(transaction, agent_id) if derive_anew else ()
        await evictions.record(
            transaction,
            agent_id,
            summary_before=state.summary,
            evicted_ids=(*before, *queued, *since),
            newest_message_id=since[-1],
            warned_at=None,
            now=now,
        )
    was_warned = await transaction.scalar(select(agents.c.warned).where(agents.c.id == agent_id))
    values = {
        "summary": state.summary,
        "warned": bool(was_warned) or state.warned,
        "derive_anew": derive_anew or bool(since),
    }
    await transaction.execute(update(agents).where(agents.c.id == agent_id).values(values))
