"""Recall storage: every message an agent has seen or sent, and the part of it that is still in its queue."""

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, bindparam, cast, delete, false, func, or_, select, true, update

from memory.ports import Embedder, Found, Kind, Message, NewMessage
from memory.recall.message_index import MessageIndex
from memory.recall.message_indexing import MessageIndexing
from memory.recall.message_search import MessageSearch
from memory.recall.message_vectors import MessageVectors
from memory.recall.rows import INSERT, SAID, TURN, from_row, numbered, of_agent, to_row
from memory.search.words import text_terms
from memory.sqlite.database import Database, Transaction
from memory.sqlite.ids import next_ids
from memory.sqlite.tables import messages

UTC = ZoneInfo("UTC")

_FEW_IDS = 20
_LOOKED_UP = 200


class RecallStorage:
    """Messages of all agents; every read names one agent."""

    def __init__(self, database: Database, embedder: Embedder | None = None) -> None:
        """Recall storage; without an embedder, messages are found by words alone."""
        self._database = database
        self._index = MessageIndex()
        vectors = MessageVectors(database, self._index, embedder) if embedder is not None else None
        self._indexing = MessageIndexing(database, self._index, vectors)
        self._search = MessageSearch(database, self._index, vectors)

    async def append(
        self,
        transaction: Transaction,
        agent_id: int,
        turn_id: int | None,
        new: Sequence[NewMessage],
        *,
        is_passing: bool = False,
    ) -> tuple[Message, ...]:
        """Keep messages in order; `turn_id` None begins a turn (the messages are its events).

        Call `index_soon` after the commit. `is_passing`: they are removed when their turn is over, and never indexed.
        """
        if not new:
            return ()
        ids = await next_ids(transaction, messages, len(new))
        kept = tuple(numbered(message, id_, turn_id or ids[0]) for message, id_ in zip(new, ids, strict=True))
        INSERT.later(transaction, [to_row(agent_id, message) | {"indexed": is_passing} for message in kept])
        return kept

    async def last_turn(self, transaction: Transaction, agent_id: int) -> int | None:
        """The turn of an agent's newest message; what is told beside its turns joins that."""
        found: int | None = await transaction.scalar(
            select(TURN).where(of_agent(agent_id)).order_by(messages.c.id.desc()).limit(1)
        )
        return found

    async def evict(self, transaction: Transaction, agent_id: int, ids: Sequence[int]) -> None:
        """Take messages out of the queue; they stay in recall storage for ever."""
        await _set_evicted(transaction, agent_id, ids, is_evicted=True)

    async def readmit(self, transaction: Transaction, agent_id: int, ids: Sequence[int]) -> None:
        """Put evicted messages back into the queue; those that are gone are left out."""
        await _set_evicted(transaction, agent_id, ids, is_evicted=False)

    async def queue_holds(self, transaction: Transaction, agent_id: int, text: str) -> bool:
        """Whether a message of exactly this text stands in the queue, but for one that began a turn."""
        in_queue = (of_agent(agent_id), messages.c.evicted == false(), messages.c.turn_id.is_not(None))
        found = select(messages.c.id).where(*in_queue, messages.c.text == text)
        return await transaction.scalar(found.limit(1)) is not None

    async def remove_turns(self, transaction: Transaction, agent_id: int, turn_ids: Sequence[int]) -> None:
        """Remove whole turns, for good."""
        await transaction.execute(delete(messages).where(of_agent(agent_id), TURN.in_(turn_ids)))
        self._index.let_go(agent_id)

    async def remove_turn(self, transaction: Transaction, agent_id: int, turn_id: int) -> None:
        """Remove a turn of the newest ones, for good."""
        of_turn = (of_agent(agent_id), messages.c.id >= turn_id, TURN.in_([turn_id]))
        await transaction.execute(delete(messages).where(*of_turn))
        self._index.let_go(agent_id)

    async def named(
        self, transaction: Transaction, agent_id: int, platform_ids: Collection[str]
    ) -> tuple[tuple[Message, bool], ...]:
        """People's messages by what the platform calls them, each with whether it was evicted."""
        named = messages.c.platform_id.in_(platform_ids)
        found = select(messages).where(of_agent(agent_id), named, messages.c.kind == Kind.USER_MESSAGE)
        rows = await transaction.execute(found.order_by(messages.c.id))
        return tuple((from_row(row), row.evicted) for row in rows)

    async def quoting(
        self, transaction: Transaction, agent_id: int, platform_ids: Collection[str]
    ) -> tuple[Message, ...]:
        """People's messages that quote those which the platform calls so."""
        found = select(messages).where(of_agent(agent_id), messages.c.replying_to.in_(platform_ids))
        return tuple(from_row(row) for row in await transaction.execute(found.order_by(messages.c.id)))

    async def turns_in(self, transaction: Transaction, agent_id: int, turn_ids: Collection[int]) -> tuple[Message, ...]:
        """All messages of some turns, as they stand in an open transaction."""
        found = select(messages).where(of_agent(agent_id), TURN.in_(turn_ids)).order_by(messages.c.id)
        return tuple(from_row(row) for row in await transaction.execute(found))

    async def old_turns(
        self, transaction: Transaction, agent_id: int, before: datetime, limit: int
    ) -> tuple[tuple[Message, ...], frozenset[int]]:
        """All messages of the oldest turns, each of which is older than a moment; and the ids of those evicted.

        Args:
            transaction: an open one.
            agent_id: whose turns.
            before: the moment.
            limit: so many messages, more or less.
        """
        oldest = (
            select(TURN)
            .where(of_agent(agent_id), messages.c.created_at < before)
            .order_by(messages.c.created_at, messages.c.id)
            .limit(limit)
        )
        found = select(messages).where(of_agent(agent_id), TURN.in_(set(await transaction.scalars(oldest))))
        rows = (await transaction.execute(found.order_by(messages.c.id))).all()
        younger = {row.turn_id or row.id for row in rows if row.created_at >= before}
        old = [row for row in rows if (row.turn_id or row.id) not in younger]
        return tuple(from_row(row) for row in old), frozenset(row.id for row in old if row.evicted)

    async def said(self, transaction: Transaction, agent_id: int, ids: Collection[int]) -> tuple[Message, ...]:
        """Messages by their ids, as they stand in an open transaction."""
        rows = await transaction.execute(select(messages).where(of_agent(agent_id), messages.c.id.in_(ids)))
        return tuple(from_row(row) for row in rows)

    async def said_by_others(
        self, transaction: Transaction, agent_id: int, gone: Sequence[Message], quotes: Sequence[str] = ()
    ) -> frozenset[str]:
        """The terms of messages and quotes that stand in other messages of people, too, as far as those are indexed."""
        texts = (*(message.text or "" for message in gone), *quotes)
        terms = list(dict.fromkeys(term for text in texts for term in text_terms(text)))[:_LOOKED_UP]
        held = await self._index.holding_exactly(transaction, agent_id, terms)
        held = {term: ids[: _FEW_IDS + len(gone)] for term, ids in held.items()}
        named = {id_ for ids in held.values() for id_ in ids}.difference(message.id for message in gone)
        of_people = (messages.c.id.in_(named), messages.c.kind == Kind.USER_MESSAGE)
        others = set(await transaction.scalars(select(messages.c.id).where(of_agent(agent_id), *of_people)))
        return frozenset(term for term, ids in held.items() if not others.isdisjoint(ids))

    def rewriting(self) -> AbstractAsyncContextManager[None]:
        """Inside, write another text for messages, or remove them: none is indexed by a text that it has no more."""
        return self._indexing.pausing()

    async def rewrite(
        self,
        transaction: Transaction,
        agent_id: int,
        message_ids: Sequence[int],
        text: str,
        *,
        is_passing: bool = False,
    ) -> None:
        """Put another text in the place of messages', inside `rewriting`; call `index_soon` after the commit.

        `is_passing`: as for `append`.
        """
        those = update(messages).where(of_agent(agent_id), messages.c.id.in_(message_ids))
        await transaction.execute(those.values(text=text, indexed=is_passing))
        await self._index.remove(transaction, agent_id, message_ids)
        self._indexing.changed(agent_id, message_ids)

    async def remove(self, transaction: Transaction, agent_id: int, message_ids: Sequence[int]) -> None:
        """Remove messages, for good; inside `rewriting`."""
        await transaction.execute(delete(messages).where(of_agent(agent_id), messages.c.id.in_(message_ids)))
        self._indexing.changed(agent_id, message_ids)

    async def redact(self, transaction: Transaction, agent_id: int, changed: Sequence[Message]) -> None:
        """Write what an agent thought, called and got as a result as it stands here, without its old words."""
        for message in changed:
            uses = [asdict(use) for use in message.tool_uses] or None
            values = {"thoughts": message.thoughts, "tool_uses": uses}
            if message.kind is Kind.TOOL_RESULT:
                values["text"] = message.text
            which = (of_agent(agent_id), messages.c.id == message.id)
            await transaction.execute(update(messages).where(*which).values(values))

    async def results_naming(
        self, transaction: Transaction, agent_id: int, ids: Collection[int], since_id: int
    ) -> tuple[Message, ...]:
        """Results of searches since a message that may show one of these ids."""
        pages = (messages.c.kind == Kind.TOOL_RESULT, func.instr(messages.c.text, '"results"') > 0)
        names = (
            or_(*(func.instr(messages.c.text, f'"id": {id_}') > 0 for id_ in ids)) if len(ids) <= _FEW_IDS else true()
        )
        found = select(messages).where(of_agent(agent_id), messages.c.id > since_id, *pages, names)
        return tuple(from_row(row) for row in await transaction.execute(found.order_by(messages.c.id)))

    async def turns_calling(
        self, transaction: Transaction, agent_id: int, tools: Collection[str]
    ) -> tuple[Message, ...]:
        """All messages of the turns in which one of these tools was called, as they stand in an open transaction."""
        written = cast(messages.c.tool_uses, String)
        calls = or_(*(func.instr(written, json.dumps(name)) > 0 for name in tools))
        found = select(messages).where(of_agent(agent_id), TURN.in_(select(TURN).where(of_agent(agent_id), calls)))
        return tuple(from_row(row) for row in await transaction.execute(found.order_by(messages.c.id)))

    async def forget_words(self) -> None:
        """After messages were removed: write the index of words anew, part by part, without theirs."""
        await self._index.merge_words(self._database)

    async def last_turns(self, agent_id: int, count: int) -> tuple[tuple[Message, ...], ...]:
        """The messages of an agent's last turns, turn by turn, oldest first; what was only heard is no turn."""
        is_of_turn = (messages.c.kind != Kind.USER_MESSAGE) | messages.c.is_addressed
        async with self._database.read() as connection:
            newest = select(TURN).where(of_agent(agent_id), is_of_turn).distinct().order_by(TURN.desc()).limit(count)
            turn_ids = sorted(await connection.scalars(newest))
        found = await self._select(of_agent(agent_id), TURN.in_(turn_ids)) if turn_ids else ()
        return tuple(tuple(message for message in found if message.turn_id == id_) for id_ in turn_ids)

    async def queue(self, agent_id: int) -> tuple[Message, ...]:
        """The messages not yet evicted, oldest first."""
        return await self._select(of_agent(agent_id), messages.c.evicted == false())

    async def get(self, agent_id: int, ids: Sequence[int]) -> tuple[Message, ...]:
        """Messages in the order of `ids`; those that are gone are left out."""
        found = {message.id: message for message in await self._select(of_agent(agent_id), messages.c.id.in_(ids))}
        return tuple(found[id_] for id_ in ids if id_ in found)

    async def ids_of(self, agent_id: int, author_id: str) -> frozenset[int]:
        """The messages that a person wrote."""
        written = (of_agent(agent_id), messages.c.kind == Kind.USER_MESSAGE.value, messages.c.author_id == author_id)
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(select(messages.c.id).where(*written)))

    async def name_of(self, agent_id: int, author_id: str) -> str | None:
        """What somebody who has spoken here called themselves last; None of whoever has not."""
        theirs = (of_agent(agent_id), messages.c.kind == Kind.USER_MESSAGE, messages.c.author_id == author_id)
        newest = select(messages.c.author_name).where(*theirs).order_by(messages.c.id.desc()).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(newest)).first()
        return None if row is None else row.author_name or author_id

    async def said_since(self, agent_id: int, message_id: int, limit: int) -> tuple[Message, ...]:
        """The newest messages that were said after one of them, oldest first."""
        later = select(messages).where(of_agent(agent_id), *SAID, messages.c.id > message_id)
        async with self._database.read() as connection:
            rows = await connection.execute(later.order_by(messages.c.id.desc()).limit(limit))
            return tuple(from_row(row) for row in rows)[::-1]

    async def count(self, agent_id: int) -> int:
        """How many messages can be searched."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).where(of_agent(agent_id), *SAID)) or 0

    async def search(
        self, agent_id: int, query: str, before_id: int | None = None, *, zone: ZoneInfo = UTC
    ) -> tuple[int, ...]:
        """The ids alone of what `find` finds."""
        return (await self.find(agent_id, query, before_id, zone=zone)).ids

    async def find(self, agent_id: int, query: str, before_id: int | None = None, *, zone: ZoneInfo = UTC) -> Found:
        """Messages that answer a query by their words or their meaning, best first (see `memory.search.ranking`).

        Args:
            agent_id: whose messages.
            query: words, in any language, narrowed by `from:`, `after:`, `before:` and `on:` (see
                `memory.search.narrowing`); nothing else in it is syntax.
            before_id: only messages older than this one.
            zone: what a date in the query is understood in.
        """
        await self._indexing.words(agent_id)
        found = await self._search.find(agent_id, query, before_id, zone)
        return found if before_id is None else replace(found, ids=tuple(id_ for id_ in found.ids if id_ < before_id))

    async def begin_anew(self) -> int:
        """Empty the index, for `catch_up` to fill; returns how many messages that are."""
        return await self._indexing.begin_anew()

    async def waiting(self) -> int:
        """How many messages have no vector yet."""
        async with self._database.read() as connection:
            return await self._index.waiting(connection)

    async def catch_up(self, told: Callable[[int], None] = lambda done: None) -> None:
        """Index what is not indexed yet, and make the vectors that are missing; `told` is how many were made so far."""
        await self._indexing.catch_up(told)

    def index_soon(self) -> None:
        """After a commit: catch up in a moment, with all that is said until then."""
        self._indexing.soon()

    def let_go(self, agent_id: int) -> None:
        """Read an agent's messages anew at its next search: others have come in their place."""
        self._index.let_go(agent_id)

    async def close(self) -> None:
        """End what is under way beside, after the batch at hand; what is left waits for the next start."""
        await self._indexing.close()

    async def between(self, agent_id: int, start: datetime, end: datetime) -> tuple[int, ...]:
        """Ids of messages from `start` up to, not including, `end`, oldest first."""
        async with self._database.read() as connection:
            found = await connection.scalars(
                select(messages.c.id)
                .where(of_agent(agent_id), *SAID, messages.c.created_at >= start, messages.c.created_at < end)
                .order_by(messages.c.created_at, messages.c.id)
            )
            return tuple(found)

    async def _select(self, *where: ColumnElement[bool]) -> tuple[Message, ...]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(messages).where(*where).order_by(messages.c.id))
            return tuple(from_row(row) for row in rows)


async def _set_evicted(transaction: Transaction, agent_id: int, ids: Sequence[int], *, is_evicted: bool) -> None:
    if not ids:
        return
    one = update(messages).where(of_agent(agent_id), messages.c.id == bindparam("of_message"))
    await transaction.execute(one.values(evicted=is_evicted), [{"of_message": id_} for id_ in ids])
