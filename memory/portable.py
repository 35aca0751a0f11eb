"""An agent as records (`memory.records`), out of the tables and into them: exports, imports and checkpoints.

Whoever loads records gives new ids; what refers to another record still does.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.database import Transaction
from memory.ports import Kind
from memory.records import AgentState, BlockText, End, Head, KeptEdit, KeptMessage, KeptPassage, Record, ToolUseMade
from memory.tables import agents, block_edits, blocks, messages, passages, result_lists

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` made: the new agent's id, and how many records there were of each type."""

    agent_id: int
    counts: Counter[str]


async def dump(connection: AsyncConnection, agent_id: int) -> AsyncIterator[Record]:
    """Everything that is kept of an agent; give it a snapshot, so that all of it is of one moment."""
    count = 0
    async for record in _state(connection, agent_id):
        count += 1
        yield record
    yield End(records=count)


async def load(transaction: Transaction, scope: str, records: Iterable[Record]) -> Loaded:
    """Make a new agent of this scope; its notes are to get their vectors after the commit."""
    state, rest = _split(records)
    values = state.model_dump(exclude={"type"}) | {"scope": scope}
    made = await transaction.execute(insert(agents).values(**values).returning(agents.c.id))
    agent_id = int(made.scalar_one())
    return Loaded(agent_id, await _fill(transaction, agent_id, rest))


async def replace(transaction: Transaction, agent_id: int, records: Iterable[Record]) -> tuple[int, ...]:
    """Put a dumped state in the place of an agent's own; it keeps its row and scope.

    Returns:
        The ids of the passages that were removed: their vectors are to be deleted after the commit.
    """
    removed = await transaction.execute(
        delete(passages).where(passages.c.agent_id == agent_id).returning(passages.c.id)
    )
    ids = tuple(removed.scalars())
    for table in (messages, blocks, block_edits, result_lists):
        await transaction.execute(delete(table).where(table.c.agent_id == agent_id))
    state, rest = _split(records)
    values = state.model_dump(exclude={"type", "scope", "created_at"})
    await transaction.execute(update(agents).where(agents.c.id == agent_id).values(**values))
    await _fill(transaction, agent_id, rest)
    return ids


# ── out of the tables ────────────────────────────────────────────────────────────────────────────────


async def _state(connection: AsyncConnection, agent_id: int) -> AsyncIterator[Record]:
    yield Head()
    row = (await connection.execute(select(agents).where(agents.c.id == agent_id))).one()
    yield AgentState(**_columns(row, AgentState))
    async for row in _rows(connection, blocks, agent_id, blocks.c.position):
        yield BlockText(label=row.label, value=row.value)
    seen: set[int] = set()
    heads: dict[int, int] = {}  # of a turn whose first event is gone, the first message that is left
    async for row in _rows(connection, messages, agent_id, messages.c.id):
        seen.add(row.id)
        turn = row.turn_id or row.id
        yield _message(row, turn if turn in seen else heads.setdefault(turn, row.id))
    async for row in _rows(connection, block_edits, agent_id, block_edits.c.id):
        yield KeptEdit(source_message_id=_known(row, seen), **_columns(row, KeptEdit))
    async for row in _rows(connection, passages, agent_id, passages.c.id):
        yield KeptPassage(
            content=row.content,
            tags=tuple(row.tags),
            source_message_id=_known(row, seen),
            created_at=row.created_at,
        )


async def _rows(connection: AsyncConnection, table: Any, agent_id: int, order: Any) -> AsyncIterator[Any]:
    async for row in await connection.stream(select(table).where(table.c.agent_id == agent_id).order_by(order)):
        yield row


def _message(row: Any, turn_id: int) -> KeptMessage:
    uses = tuple(ToolUseMade(**use) for use in row.tool_uses or ())
    columns = _columns(row, KeptMessage) | {"kind": Kind(row.kind), "turn_id": turn_id, "tool_uses": uses}
    return KeptMessage(**columns)


def _columns(row: Any, record: type[AgentState | KeptMessage | KeptEdit]) -> dict[str, Any]:
    taken_apart = ("type", "source_message_id")
    return {name: getattr(row, name) for name in record.model_fields if name not in taken_apart}


def _known(row: Any, seen: set[int]) -> int | None:
    return row.source_message_id if row.source_message_id in seen else None


# ── into the tables ──────────────────────────────────────────────────────────────────────────────────


def _split(records: Iterable[Record]) -> tuple[AgentState, Iterator[Record]]:
    rest = iter(records)
    _head, state = islice(rest, 2)
    assert isinstance(state, AgentState)
    return state, rest


async def _fill(transaction: Transaction, agent_id: int, records: Iterator[Record]) -> Counter[str]:
    counts: Counter[str] = Counter()
    new_ids: dict[int, int] = {}
    for kind, batch in _batches(records):
        rows = [record.model_dump(exclude={"type"}) | {"agent_id": agent_id} for record in batch]
        if kind == "block":
            placed = [row | {"position": counts[kind] + number} for number, row in enumerate(rows)]
            await transaction.execute(insert(blocks), placed)
        elif kind == "message":
            await _insert_messages(transaction, rows, new_ids)
        elif kind in ("block_edit", "passage"):
            table = block_edits if kind == "block_edit" else passages
            for row in rows:
                source = row["source_message_id"]
                row["source_message_id"] = new_ids[source] if source is not None else None
            await transaction.execute(insert(table), rows)
        counts[kind] += len(rows)
    return counts


def _batches(records: Iterator[Record]) -> Iterator[tuple[str, list[Record]]]:
    batch: list[Record] = []
    for record in records:
        if batch and (record.type != batch[0].type or len(batch) == _BATCH):
            yield batch[0].type, batch
            batch = []
        batch.append(record)
    if batch:
        yield batch[0].type, batch


async def _insert_messages(transaction: Transaction, rows: list[dict[str, Any]], new_ids: dict[int, int]) -> None:
    """Insert in order; a turn's first event has no `turn_id` of its own (see `memory.recall`)."""
    old = [(row.pop("id"), row.pop("turn_id")) for row in rows]
    for row in rows:
        row |= {"kind": row["kind"].value, "tool_uses": list(row["tool_uses"]) or None}
    given = sorted((await transaction.execute(insert(messages).returning(messages.c.id), rows)).scalars())
    new_ids.update(zip((id_ for id_, _ in old), given, strict=True))
    turns = [{"of_id": new_ids[id_], "to_turn": new_ids[turn]} for id_, turn in old if turn != id_]
    if turns:
        statement = update(messages).where(messages.c.id == bindparam("of_id")).values(turn_id=bindparam("to_turn"))
        await transaction.execute(statement, turns)
