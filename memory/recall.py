"""Recall storage: every message an agent has seen or sent, and the part of it that is still in its queue."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, false, func, insert, or_, select, update

from memory.database import Database, Transaction
from memory.ports import Kind, Message, NewMessage, ToolUse
from memory.search import best_first, like_patterns, query_words, rank_by_words
from memory.tables import messages

MAX_CANDIDATES = 5000
"""Of more messages that share a word with a query, the newest so many are ranked."""

# One statement for all rows. They are numbered in their order, so their sorted ids are theirs: asking for that order
# (`sort_by_parameter_order`) would make a statement of each row.
_INSERT = insert(messages).returning(messages.c.id)
# What a search may find: what people said, and what the agent said to them.
_SAID = (messages.c.kind.in_([Kind.USER_MESSAGE, Kind.ASSISTANT]), messages.c.text.is_not(None))


class RecallStorage:
    """Messages of all agents; every read names one agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, transaction: Transaction, agent_id: int, turn_id: int | None, new: Sequence[NewMessage]
    ) -> tuple[Message, ...]:
        """Keep messages in order; `turn_id` None begins a turn (the messages are its events)."""
        if not new:
            return ()
        rows = [_to_row(agent_id, turn_id, message) for message in new]
        ids = sorted((await transaction.execute(_INSERT, rows)).scalars())
        if turn_id is None and len(ids) > 1:  # the first event's row may do without: see `_from_row`
            await transaction.execute(update(messages).where(messages.c.id.in_(ids[1:])).values(turn_id=ids[0]))
        return tuple(_kept(message, id_, turn_id or ids[0]) for message, id_ in zip(new, ids, strict=True))

    async def evict(self, transaction: Transaction, agent_id: int, ids: Sequence[int]) -> None:
        """Take messages out of the queue; they stay in recall storage for ever."""
        if not ids:
            return
        await transaction.execute(
            update(messages)
            .where(messages.c.agent_id == agent_id, messages.c.id == bindparam("evicted_id"))
            .values(evicted=True),
            [{"evicted_id": id_} for id_ in ids],
        )

    async def queue(self, agent_id: int) -> tuple[Message, ...]:
        """The messages not yet evicted, oldest first."""
        return await self._select(messages.c.agent_id == agent_id, messages.c.evicted == false())

    async def get(self, agent_id: int, ids: Sequence[int]) -> tuple[Message, ...]:
        """Messages in the order of `ids`; those that are gone are left out."""
        found = {message.id: message for message in await self._select(_of(agent_id), messages.c.id.in_(ids))}
        return tuple(found[id_] for id_ in ids if id_ in found)

    async def count(self, agent_id: int) -> int:
        """How many messages can be searched."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).where(_of(agent_id), *_SAID)) or 0

    async def search(self, agent_id: int, query: str, before_id: int | None = None) -> tuple[int, ...]:
        """Ids of messages that share words with the query, best first; only those older than `before_id`."""
        words = query_words(query)
        if not words:
            return ()
        shares_a_word = or_(
            *(messages.c.text.like(pattern, escape="\\") for word in words for pattern in like_patterns(word))
        )
        older = (messages.c.id < before_id,) if before_id is not None else ()
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(messages.c.id, messages.c.text)
                .where(_of(agent_id), *_SAID, shares_a_word, *older)
                .order_by(messages.c.id.desc())
                .limit(MAX_CANDIDATES)
            )
            texts = {id_: text for id_, text in rows}
        return best_first(rank_by_words(words, texts))

    async def between(self, agent_id: int, start: datetime, end: datetime) -> tuple[int, ...]:
        """Ids of messages from `start` up to, not including, `end`, oldest first."""
        async with self._database.read() as connection:
            found = await connection.scalars(
                select(messages.c.id)
                .where(_of(agent_id), *_SAID, messages.c.created_at >= start, messages.c.created_at < end)
                .order_by(messages.c.created_at, messages.c.id)
            )
            return tuple(found)

    async def _select(self, *where: Any) -> tuple[Message, ...]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(messages).where(*where).order_by(messages.c.id))
            return tuple(_from_row(row) for row in rows)


def _of(agent_id: int) -> Any:
    return messages.c.agent_id == agent_id


def _to_row(agent_id: int, turn_id: int | None, message: NewMessage) -> dict[str, Any]:
    return {
        "agent_id": agent_id,
        "turn_id": turn_id,
        "kind": message.kind.value,
        "created_at": message.created_at,
        "text": message.text,
        "thoughts": message.thoughts,
        "tool_uses": [asdict(use) for use in message.tool_uses] or None,
        "tool_use_id": message.tool_use_id,
        "author_id": message.author_id,
        "author_name": message.author_name,
    }


def _kept(message: NewMessage, id_: int, turn_id: int) -> Message:
    return Message(
        id=id_,
        turn_id=turn_id,
        kind=message.kind,
        created_at=message.created_at,
        text=message.text,
        thoughts=message.thoughts,
        tool_uses=message.tool_uses,
        tool_use_id=message.tool_use_id,
        author_id=message.author_id,
        author_name=message.author_name,
    )


def _from_row(row: Any) -> Message:
    return Message(
        id=row.id,
        turn_id=row.turn_id or row.id,
        kind=Kind(row.kind),
        created_at=row.created_at,
        text=row.text,
        thoughts=row.thoughts,
        tool_uses=tuple(ToolUse(**use) for use in row.tool_uses or ()),
        tool_use_id=row.tool_use_id,
        author_id=row.author_id,
        author_name=row.author_name,
    )
