"""Records (`memory.portable.records`) into the tables: imports, and checkpoints that are put back.

Messages and notes keep their ids where these are free; where one is not, all get new ones, and what refers to another
record still does.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import delete, insert, select, update

from memory.archival.documents import ARE_ONES, remove_of_nobody
from memory.archival.note_tags import add_tags
from memory.archival.notes import digest_of
from memory.core.change_journal import ChangeKind, begin_change
from memory.erasing.traces import AGENT
from memory.erasing.undoable_resets import forget_resets
from memory.portable.documents import DocumentsLoader
from memory.portable.records import (
    AgentState,
    KeptChange,
    KeptFollowUp,
    KeptMessage,
    KeptPassage,
    KeptUsage,
    Record,
)
from memory.ports import PassageKind, Quote, owner_of_source
from memory.recall.quotes import columns_of
from memory.sqlite.database import Transaction
from memory.sqlite.ids import all_free, next_ids, take_ids
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
    result_lists,
    timers,
    usage,
)
from memory.turns.timers import FOLLOW_UP, WAITING

_BATCH = 500
MAX_KEPT_ID = 2**53
"""Ids are given out behind the last, and end at 2**63."""

ELSEWHERE = "elsewhere:"
"""Begins the name of a quoted message that stands where an imported agent was before."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` made: the new agent's id, and how many records there were of each type."""

    agent_id: int
    counts: Counter[str]
    has_its_ids: bool


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of the messages, notes and changes in an export."""

    messages: frozenset[int] = frozenset()
    notes: frozenset[int] = frozenset()
    changes: frozenset[int] = frozenset()

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Ids":
        """Those of some records, which are read to their end."""
        found: tuple[set[int], set[int], set[int]] = set(), set(), set()
        for record in records:
            if isinstance(record, KeptMessage):
                found[0].add(record.id)
            elif isinstance(record, KeptPassage) and record.id is not None:
                found[1].add(record.id)
            elif isinstance(record, KeptChange):
                found[2].add(record.id)
        return cls(*map(frozenset, found))

    async def are_free(self, transaction: Transaction) -> bool:
        """Whether nothing has one of them yet, and there are enough behind them."""
        if max((*self.messages, *self.notes), default=0) > MAX_KEPT_ID:
            return False
        return await all_free(transaction, messages, self.messages) and await all_free(
            transaction, passages, self.notes
        )

    async def of_changes_are_free(self, transaction: Transaction) -> bool:
        """The same of changes, which nobody names: they are kept only where all of them can be."""
        return max(self.changes, default=0) <= MAX_KEPT_ID and await all_free(transaction, memory_changes, self.changes)


async def load(transaction: Transaction, scope: str, records: Iterable[Record], ids: Ids = Ids()) -> Loaded:
    """Make a new agent of this scope; its notes are to get their vectors after the commit.

    Of what was heard in another scope the platform's names stay behind: who edits or deletes it there changes it there.
    So do its follow-ups, which name the place where they are to be heard.
    So do the people for whom the model was called.

    Args:
        transaction: all of it or nothing.
        scope: of which there is no agent.
        records: of an export.
        ids: those that are to be kept, if they are free.
    """
    state, rest = split(records)
    if state.scope != scope:
        rest = (_from_elsewhere(record) for record in rest if not isinstance(record, KeptFollowUp))
    values = state.model_dump(exclude={"type"}) | {"scope": scope}
    made = await transaction.execute(insert(agents).values(**values).returning(agents.c.id))
    agent_id = int(made.scalar_one())
    keeps = bool(ids.messages or ids.notes) and await ids.are_free(transaction)
    keeps_changes = bool(ids.changes) and await ids.of_changes_are_free(transaction)
    counts = await fill(transaction, agent_id, rest, (), keeps_ids=keeps, keeps_changes=keeps_changes)
    return Loaded(agent_id, counts, keeps)


async def replace(transaction: Transaction, agent_id: int, records: Iterable[Record]) -> dict[int, tuple[int, ...]]:
    """Put a dumped state in the place of an agent's own; it keeps its row and scope.

    Documents that it has are attached as they are now; those that are gone come back; those that nobody has any more
    go.

    Returns:
        The ids of the passages that were removed, by owner: their vectors are to be forgotten after the commit.
    """
    removed = await transaction.execute(
        delete(passages).where(passages.c.agent_id == agent_id).returning(passages.c.id)
    )
    gone = {agent_id: tuple(removed.scalars())}
    own = select(attachments.c.source_id).where(attachments.c.agent_id == agent_id)
    own_sources = set(await transaction.scalars(own))
    for table in (messages, blocks, block_edits, note_edits, memory_changes, compactions, result_lists):
        await transaction.execute(delete(table).where(table.c.agent_id == agent_id))
    await transaction.execute(delete(attachments).where(attachments.c.agent_id == agent_id, ARE_ONES))
    # Those that have fired stay, for what comes of them is not over.
    follow_ups = (timers.c.agent_id == agent_id, timers.c.kind == FOLLOW_UP, timers.c.state == WAITING)
    await transaction.execute(delete(timers).where(*follow_ups))
    state, rest = split(records)
    values = state.model_dump(exclude={"type", "scope", "created_at"})
    await transaction.execute(update(agents).where(agents.c.id == agent_id).values(**values))
    await fill(transaction, agent_id, rest, own_sources)
    await forget_resets(transaction, agent_id)
    for of_source in await remove_of_nobody(transaction):
        gone[owner_of_source(of_source.source_id)] = of_source.passage_ids
    return gone


def split(records: Iterable[Record]) -> tuple[AgentState, Iterator[Record]]:
    """The agent's own record, and those behind it."""
    rest = iter(records)
    _head, state = islice(rest, 2)
    assert isinstance(state, AgentState)
    return state, rest


def _from_elsewhere(record: Record) -> Record:
    if isinstance(record, KeptUsage):
        return record.model_copy(update={"person": None})
    if not isinstance(record, KeptMessage):
        return record
    quote = record.quote
    if quote is not None and not quote.message_id.startswith(ELSEWHERE):
        quote = quote.model_copy(update={"message_id": f"{ELSEWHERE}{quote.message_id}"})
    return record.model_copy(update={"platform_id": None, "quote": quote})


async def fill(
    transaction: Transaction,
    agent_id: int,
    records: Iterator[Record],
    own_sources: Collection[int],
    *,
    keeps_ids: bool = False,
    keeps_changes: bool = False,
    there: Ids = Ids(),
) -> Counter[str]:
    """Insert what stands in records behind the agent's own; returns how many there were of each type.

    Args:
        transaction: all of it or nothing.
        agent_id: of an agent that there is.
        records: in the order of an export.
        own_sources: sources of documents that it had.
        keeps_ids: messages and notes have their ids in the records, which are free.
        keeps_changes: changes have theirs.
        there: what the agent has already, and records may name.
    """
    counts: Counter[str] = Counter()
    new_ids = {id_: id_ for id_ in there.messages}
    new_changes = {id_: id_ for id_ in there.changes}
    of_documents = DocumentsLoader(transaction, agent_id, own_sources)
    for kind, batch in _batches(records):
        await of_documents.take(batch)
        rows = [record.model_dump(exclude={"type"}) | {"agent_id": agent_id} for record in batch]
        if kind == "block":
            placed = [row | {"position": counts[kind] + number} for number, row in enumerate(rows)]
            await transaction.execute(insert(blocks), placed)
        elif kind == "message":
            await _insert_messages(transaction, rows, new_ids, keeps_ids=keeps_ids)
        elif kind == "compaction":
            for row in rows:
                row["evicted_ids"] = [new_ids[id_] for id_ in row["evicted_ids"]]
                row["newest_message_id"] = new_ids[row["newest_message_id"]]
            await transaction.execute(insert(compactions), rows)
        elif kind == "memory_change":
            await _insert_changes(transaction, rows, new_ids, new_changes, keeps_ids=keeps_changes)
        elif kind in ("block_edit", "note_edit", "passage"):
            for row in rows:
                source = row["source_message_id"]
                row["source_message_id"] = new_ids[source] if source is not None else None
            if kind == "passage":
                rows = await _insert_passages(transaction, agent_id, rows, new_ids, keeps_ids=keeps_ids)
            else:
                await _insert_edits(transaction, agent_id, kind, rows, new_changes)
        elif kind == "usage":
            await transaction.execute(insert(usage), rows)
        elif kind == "follow_up":
            await _insert_follow_ups(transaction, rows, new_ids)
        counts[kind] += len(rows)
    await of_documents.conclude()
    return counts


async def _insert_changes(
    transaction: Transaction,
    rows: list[dict[str, Any]],
    new_ids: dict[int, int],
    new_changes: dict[int, int],
    *,
    keeps_ids: bool,
) -> None:
    for row in rows:
        old, turn, undoes = row["id"] if keeps_ids else row.pop("id"), row["turn_id"], row["undoes"]
        row["turn_id"] = new_ids[turn] if turn is not None else None
        row["undoes"] = new_changes[undoes] if undoes is not None else None
        made = await transaction.execute(insert(memory_changes).values(**row).returning(memory_changes.c.id))
        new_changes[old] = made.scalar_one()


async def _insert_edits(
    transaction: Transaction, agent_id: int, kind: str, rows: list[dict[str, Any]], new_changes: dict[int, int]
) -> None:
    """Insert what stands in the journals; of an edit of which no change is known, one is made."""
    for row in rows:
        change = row["change_id"]
        by = ChangeKind.TURN if row["author"] == AGENT else ChangeKind.COMMAND
        row["change_id"] = (
            new_changes[change]
            if change is not None
            else await begin_change(transaction, agent_id, by, row["created_at"])
        )
    await transaction.execute(insert(note_edits if kind == "note_edit" else block_edits), rows)


async def _insert_passages(
    transaction: Transaction,
    agent_id: int,
    rows: list[dict[str, Any]],
    new_ids: dict[int, int],
    *,
    keeps_ids: bool,
) -> list[dict[str, Any]]:
    """Insert notes and primers; returns those that were inserted."""
    if not keeps_ids:
        rows = [{key: value for key, value in row.items() if key != "id"} for row in rows]
    primers = [row | {"tags_added": None, "digest": None} for row in rows if row["kind"] is PassageKind.PRIMER]
    if primers:
        await transaction.execute(insert(passages), primers)
    notes = [row for row in rows if row["kind"] is PassageKind.NOTE]
    return [*primers, *await _insert_notes(transaction, agent_id, notes, new_ids)]


async def _insert_notes(
    transaction: Transaction, agent_id: int, rows: list[dict[str, Any]], new_ids: dict[int, int]
) -> list[dict[str, Any]]:
    """Insert notes, each once: of one that is there, the tags come to it. Returns those that were inserted."""
    digests = [digest_of(row["content"]) for row in rows]
    same = select(passages.c.digest).where(passages.c.agent_id == agent_id, passages.c.digest.in_(digests))
    there = set(await transaction.scalars(same))
    new, again = list[dict[str, Any]](), list[tuple[bytes, int | None, list[str]]]()
    for digest, row in zip(digests, rows, strict=True):
        brought = [(new_ids[added["message"]], list(added["tags"])) for added in row["tags_added"]]
        if digest in there:
            later = {tag for _, tags in brought for tag in tags}
            own = (row["source_message_id"], [tag for tag in row["tags"] if tag not in later])
            again += [(digest, source, tags) for source, tags in (own, *brought)]
        else:
            there.add(digest)
            added = [{"message": message, "tags": tags} for message, tags in brought]
            new.append(row | {"tags_added": added or None})
    if new:
        await transaction.execute(insert(passages), new)
    for digest, source, tags in again:
        is_it = (passages.c.agent_id == agent_id, passages.c.digest == digest)
        passage_id = await transaction.scalar(select(passages.c.id).where(*is_it))
        assert passage_id is not None
        await add_tags(transaction, agent_id, passage_id, tags, source)
    return new


async def _insert_follow_ups(transaction: Transaction, rows: list[dict[str, Any]], new_ids: dict[int, int]) -> None:
    for id_, row in zip(await next_ids(transaction, timers, len(rows)), rows, strict=True):
        source = row["source_message_id"]
        row["source_message_id"] = new_ids[source] if source is not None else None
        row |= {"id": id_, "kind": FOLLOW_UP, "state": WAITING}
    await transaction.execute(insert(timers), rows)


def _batches(records: Iterator[Record]) -> Iterator[tuple[str, list[Record]]]:
    batch: list[Record] = []
    for record in records:
        if batch and (record.type != batch[0].type or len(batch) == _BATCH):
            yield batch[0].type, batch
            batch = []
        batch.append(record)
    if batch:
        yield batch[0].type, batch


async def _insert_messages(
    transaction: Transaction, rows: list[dict[str, Any]], new_ids: dict[int, int], *, keeps_ids: bool
) -> None:
    """Insert in order; a turn's first event has no `turn_id` of its own (see `memory.recall.rows`)."""
    old = [(row.pop("id"), row.pop("turn_id")) for row in rows]
    own = [id_ for id_, _ in old]
    given: Sequence[int] = own if keeps_ids else await next_ids(transaction, messages, len(rows))
    if keeps_ids:
        await take_ids(transaction, messages, own)
    new_ids.update(zip((id_ for id_, _ in old), given, strict=True))
    for row, (id_, turn) in zip(rows, old, strict=True):
        row |= {"id": new_ids[id_], "turn_id": None if turn == id_ else new_ids[turn]}
        quote = Quote(**row["quote"]) if row["quote"] is not None else None
        row |= {"kind": row["kind"].value, "tool_uses": list(row["tool_uses"]) or None, **columns_of(quote)}
    await transaction.execute(insert(messages), rows)
