"""The index of recall storage: for each message that may be found, what ranking needs of it, and its words.

Rows and vectors follow after the commit of their messages. What ranking needs of an agent is kept at hand as arrays, so
that a search reads only what is new.
"""

import re
import zlib
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, bindparam, delete, func, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.ports import Kind, Message, Vector
from memory.recall.beside import beside
from memory.recall.older_speakers import OlderSpeakers, Spans
from memory.search.narrowing import Narrowed
from memory.search.word_index import Cut, Postings, WordIndex
from memory.search.words import text_terms
from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import MESSAGE_WORDS, message_index

if TYPE_CHECKING:
    from memory.recall.older_messages import Chosen
    from memory.search.ranking import Line, Told

MAX_AT_HAND = 300_000
"""Messages, of all agents together, whose arrays are kept at hand; with vectors of 256 numbers about 90 MB.

Of an agent with more, the newest so many; older ones are found by their words alone
(`memory.recall.older_messages`).
"""

READ_AT_ONCE = 2_000
"""Rows: while they become objects, nothing else goes on."""

MANY = 1_000
"""More messages than these are taken in beside, in a thread."""

PERSON = "person"
"""How somebody is called who gave no name."""

_SAYS_I = re.compile(r"\b(?:I|[Mm]y|[Mm]e|[Mm]ine|[Ww]e|[Oo]ur|[Uu]s)\b")
# A row may be there, with its vector, where words alone were forgotten.
_NEW = insert(message_index)
_INSERT = _NEW.on_conflict_do_update(set_={"words": _NEW.excluded.words})
_SET_VECTOR = (
    update(message_index)
    .where(message_index.c.agent_id == bindparam("of_agent"), message_index.c.message_id == bindparam("of_message"))
    .values(embedder=bindparam("by"), vector=bindparam("made"))
)
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class _AtHand:
    """What is held of an agent: its arrays, whose vectors they are, and the places of messages without one yet."""

    told: "Told"
    kind: "VectorKind | None"
    zone: ZoneInfo
    waiting: dict[int, int] = field(default_factory=dict)


def may_be_found(message: Message) -> bool:
    """Whether a search may find a message: what people said, and what the agent said to them."""
    return message.kind in (Kind.USER_MESSAGE, Kind.ASSISTANT) and message.text is not None


@dataclass(frozen=True, slots=True)
class VectorKind:
    """What an embedder makes: a number that stands for its name and dimension, and the dimension.

    Vectors of different kinds are not compared.
    """

    checksum: int
    dimension: int

    @classmethod
    def of(cls, embedder: str, dimension: int) -> "VectorKind":
        """The kind of an embedder's vectors."""
        return cls(zlib.crc32(f"{embedder}/{dimension}".encode()), dimension)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index keeps of a message; made before a transaction begins, as it takes a while to cut a long text."""

    agent_id: int
    message_id: int
    row: Mapping[str, Any]
    terms: Sequence[str]

    @classmethod
    def of(cls, agent_id: int, message: Message) -> "Entry":
        """The entry of a message that may be found."""
        terms = text_terms(message.text or "")
        row = {
            "agent_id": agent_id,
            "message_id": message.id,
            "created_at": message.created_at,
            "speaker": (message.author_name or PERSON)[:200] if message.kind is Kind.USER_MESSAGE else "",
            "says_i": bool(_SAYS_I.search(message.text or "")),
            "words": len(terms),
        }
        return cls(agent_id, message.id, row, terms)


class MessageIndex:
    """The index of all agents; every look-up names one."""

    def __init__(self) -> None:
        self._words = WordIndex(MESSAGE_WORDS)
        self._at_hand: OrderedDict[int, _AtHand] = OrderedDict()
        self._let_go: Counter[int] = Counter()
        self._emptied = 0
        self._older_speakers = OlderSpeakers()

    async def add(self, transaction: Transaction, entries: Sequence["Entry"]) -> None:
        """Index messages."""
        if entries:
            await transaction.execute(_INSERT, [entry.row for entry in entries])
            await self._words.add(transaction, [(entry.agent_id, entry.message_id, entry.terms) for entry in entries])

    async def remove(self, transaction: Transaction, agent_id: int, message_ids: Sequence[int]) -> None:
        """Forget messages that are to be indexed anew; those that are deleted are forgotten with their rows."""
        those = (message_index.c.agent_id == agent_id, message_index.c.message_id.in_(message_ids))
        await transaction.execute(delete(message_index).where(*those))
        await self._words.remove(transaction, message_ids)

    async def set_vectors(
        self, transaction: Transaction, kind: VectorKind, vectors: Sequence[tuple[int, int, Vector]]
    ) -> None:
        """Keep vectors, each given with its agent and its message."""
        made = [
            {"of_agent": agent_id, "of_message": message_id, "by": kind.checksum, "made": _packed(vector)}
            for agent_id, message_id, vector in vectors
        ]
        if made:
            await transaction.execute(_SET_VECTOR, made)

    async def merge_words(self, database: Database) -> None:
        """Leave nothing of removed messages in the index of words."""
        await self._words.merge_by_and_by(database)

    async def empty(self, transaction: Transaction) -> None:
        """Remove all of it."""
        await transaction.execute(delete(message_index))
        await self._words.empty(transaction)
        self._at_hand.clear()
        self._emptied += 1
        self._older_speakers.empty()

    async def waiting(self, connection: AsyncConnection) -> int:
        """How many messages have no vector yet."""
        without = select(func.count()).select_from(message_index).where(message_index.c.embedder.is_(None))
        return await connection.scalar(without) or 0

    def let_go(self, agent_id: int) -> None:
        """Read an agent's rows anew at its next search: some were removed."""
        self._at_hand.pop(agent_id, None)
        self._let_go[agent_id] += 1
        self._older_speakers.let_go(agent_id)

    async def older_speakers(self, connection: AsyncConnection, agent_id: int, told: "Told") -> Spans:
        """Who spoke in older messages than those that were told."""
        if len(told.ids) < MAX_AT_HAND:
            return {}
        return await self._older_speakers.before(connection, agent_id, int(told.ids[0]))

    async def cut(
        self,
        connection: AsyncConnection,
        agent_id: int,
        told: "Told",
        end: int | None,
        narrowed: Narrowed,
        zone: ZoneInfo,
        speakers: Spans,
    ) -> Cut | None:
        """Where to look for older messages than those that were told, up to `end`; None if there are none."""
        from memory.recall.older_messages import cut_at

        if len(told.ids) < MAX_AT_HAND:
            return None
        before = int(told.ids[0])
        end = before if end is None else end
        return await cut_at(connection, agent_id, before, end, narrowed, narrowed.moments(zone), speakers)

    async def listed(
        self, connection: AsyncConnection, agent_id: int, cut: Cut, narrowed: Narrowed, zone: ZoneInfo
    ) -> tuple[list[int], bool]:
        """The older messages that a query is narrowed to, newest first, and whether there may be more."""
        from memory.recall.older_messages import listed

        return await listed(connection, agent_id, cut, narrowed, narrowed.moments(zone))

    async def holding(
        self, connection: AsyncConnection, agent_id: int, terms: Sequence[str], cut: Cut | None = None
    ) -> Postings:
        """Which of the agent's messages hold some terms; of many terms, the rarest. `cut` leaves old ones out."""
        terms = await self._words.rarest(connection, [agent_id], terms)
        return await self._words.holding(connection, [agent_id], terms, cut)

    async def older(
        self,
        connection: AsyncConnection,
        agent_id: int,
        cut: Cut,
        postings: Postings,
        wholes: Mapping[int, float],
        kind: VectorKind | None,
        zone: ZoneInfo,
    ) -> tuple["Told", "Chosen"]:
        """The older messages that answer a query by their words, and what ranking needs of the best of them."""
        from memory.recall.older_messages import chosen, with_those_around

        found = await chosen(connection, self._words, agent_id, cut, postings, wholes)
        near = await with_those_around(connection, agent_id, found.best, cut.before)
        rows: list[Any] = []
        for begin in range(0, len(near), READ_AT_ONCE):
            some = message_index.c.message_id.in_(near[begin : begin + READ_AT_ONCE])
            rows += await self._read(connection, agent_id, some)
        return await beside(len(rows), MANY, _told_of, rows, kind, zone), found

    async def holding_exactly(
        self, connection: AsyncConnection, agent_id: int, terms: Sequence[str]
    ) -> dict[str, list[int]]:
        """For each of any number of terms, which of the agent's messages hold it as it stands."""
        return await self._words.holding_exactly(connection, agent_id, terms)

    async def told(self, connection: AsyncConnection, agent_id: int, kind: VectorKind | None, zone: ZoneInfo) -> "Told":
        """What ranking needs of the newest `MAX_AT_HAND` messages, with the vectors of that kind (None: without)."""
        from memory.search.ranking import NOTHING_TOLD

        let_go = (self._emptied, self._let_go[agent_id])
        held = self._at_hand.pop(agent_id, None)
        if held is None or (held.kind, held.zone) != (kind, zone):
            held = _AtHand(NOTHING_TOLD, kind, zone)
        await self._take_late(connection, agent_id, held)
        await self._take_new(connection, agent_id, held)
        if let_go == (self._emptied, self._let_go[agent_id]):  # else rows were removed while these were read
            self._at_hand[agent_id] = held
            self._forget_oldest()
        return held.told

    async def _take_late(self, connection: AsyncConnection, agent_id: int, held: _AtHand) -> None:
        """Take in the vectors of messages that had none when they were read."""
        from memory.search.ranking import with_vectors

        if not held.waiting or held.kind is None:
            return
        made: dict[int, bytes] = {}
        before, has_one = min(held.waiting) - 1, message_index.c.embedder == held.kind.checksum
        async for rows in self._parts(connection, agent_id, before, has_one):
            made |= {held.waiting.pop(row.message_id): row.vector for row in rows if row.message_id in held.waiting}
        if made:
            held.told = await beside(len(held.told.ids), MANY, with_vectors, held.told, list(made), list(made.values()))

    async def _take_new(self, connection: AsyncConnection, agent_id: int, held: _AtHand) -> None:
        """Take in the messages that are newer than those at hand; the oldest go if there are too many."""
        from memory.search.ranking import joined

        count, parts = len(held.told.ids), [held.told]
        newest = int(held.told.ids[-1]) if count else await self._left_out(connection, agent_id)
        async for rows in self._parts(connection, agent_id, newest):
            parts.append(await beside(len(rows), MANY, _told_of, rows, held.kind, held.zone))
            if held.kind is not None:
                without = (at for at, row in enumerate(rows, count) if row.embedder != held.kind.checksum)
                held.waiting |= {rows[place - count].message_id: place for place in without}
            count += len(rows)
        if len(parts) > 1:
            held.told = await beside(count, MANY, joined, parts, MAX_AT_HAND)
            gone = max(0, count - MAX_AT_HAND)
            if gone:
                held.waiting = {id_: place - gone for id_, place in held.waiting.items() if place >= gone}

    async def _left_out(self, connection: AsyncConnection, agent_id: int) -> int:
        """The newest of an agent's messages that are not taken in, for there are too many newer ones; 0 if all are."""
        own = select(message_index.c.message_id).where(message_index.c.agent_id == agent_id)
        newest_first = own.order_by(message_index.c.message_id.desc())
        return await connection.scalar(newest_first.offset(MAX_AT_HAND).limit(1)) or 0

    async def _parts(
        self, connection: AsyncConnection, agent_id: int, after: int, *where: Any
    ) -> AsyncIterator[Sequence[Any]]:
        """Rows of messages after that one, so many at once as do not hold anybody up."""
        while rows := await self._read(connection, agent_id, message_index.c.message_id > after, *where):
            yield rows
            after = rows[-1].message_id

    async def _read(self, connection: AsyncConnection, agent_id: int, *where: Any) -> Sequence[Any]:
        statement = select(
            message_index.c.message_id,
            type_coerce(message_index.c.created_at, BigInteger),  # as it stands: a moment each would take long
            message_index.c.speaker,
            message_index.c.says_i,
            message_index.c.words,
            message_index.c.embedder,
            message_index.c.vector,
        ).where(message_index.c.agent_id == agent_id, *where)
        return (await connection.execute(statement.order_by(message_index.c.message_id).limit(READ_AT_ONCE))).all()

    def _forget_oldest(self) -> None:
        size = sum(len(held.told.ids) for held in self._at_hand.values())
        while size > MAX_AT_HAND and len(self._at_hand) > 1:
            _, oldest = self._at_hand.popitem(last=False)
            size -= len(oldest.told.ids)


def _told_of(rows: Sequence[Any], kind: VectorKind | None, zone: ZoneInfo) -> "Told":
    from memory.search.ranking import NOTHING_TOLD, told_before_and_now

    return told_before_and_now(NOTHING_TOLD, [_line(row, kind, zone) for row in rows], kind.dimension if kind else 0)


def _line(row: Any, kind: VectorKind | None, zone: ZoneInfo) -> "Line":
    from memory.search.ranking import Line

    day = datetime.fromtimestamp(row.created_at // 1_000_000, zone).toordinal() - _EPOCH
    vector = row.vector if kind is not None and row.embedder == kind.checksum else None
    return Line(row.message_id, row.words, row.speaker, row.says_i, day, vector)


def _packed(vector: Vector) -> bytes:
    import numpy as np

    numbers = np.asarray(vector, np.float32)
    return bytes(np.round(numbers / max(float(np.abs(numbers).max()), 1e-9) * 127).astype(np.int8).tobytes())
