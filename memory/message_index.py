"""The index of recall storage: for each message that may be found, what ranking needs of it, and its words.

Rows and vectors follow after the commit of their messages. What ranking needs of an agent is kept at hand as arrays, so
that a search reads only what is new.
"""

import re
import zlib
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, bindparam, delete, func, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.database import Database, Transaction
from memory.ports import Kind, Message, Vector
from memory.tables import MESSAGE_WORDS, message_index
from memory.word_index import Postings, WordIndex
from memory.words import text_terms

if TYPE_CHECKING:
    from memory.ranking import Line, Told

MAX_AT_HAND = 300_000
"""Messages, of all agents together, whose arrays are kept at hand; with vectors of 256 numbers about 90 MB."""

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

    async def waiting(self, connection: AsyncConnection) -> int:
        """How many messages have no vector yet."""
        without = select(func.count()).select_from(message_index).where(message_index.c.embedder.is_(None))
        return await connection.scalar(without) or 0

    def let_go(self, agent_id: int) -> None:
        """Read an agent's rows anew at its next search: some were removed."""
        self._at_hand.pop(agent_id, None)
        self._let_go[agent_id] += 1

    async def holding(self, connection: AsyncConnection, agent_id: int, terms: Sequence[str]) -> Postings:
        """Which of the agent's messages hold some terms; of many terms, the rarest."""
        terms = await self._words.rarest(connection, [agent_id], terms)
        return await self._words.holding(connection, [agent_id], terms)

    async def holding_exactly(
        self, connection: AsyncConnection, agent_id: int, terms: Sequence[str]
    ) -> dict[str, list[int]]:
        """For each of any number of terms, which of the agent's messages hold it as it stands."""
        return await self._words.holding_exactly(connection, agent_id, terms)

    async def told(self, connection: AsyncConnection, agent_id: int, kind: VectorKind | None, zone: ZoneInfo) -> "Told":
        """What ranking needs of an agent's messages, with the vectors of that kind (None: without any)."""
        from memory.ranking import NOTHING_TOLD, told_before_and_now, with_vectors

        let_go = self._let_go[agent_id]
        held = self._at_hand.pop(agent_id, None)
        if held is None or (held.kind, held.zone) != (kind, zone):
            held = _AtHand(NOTHING_TOLD, kind, zone)
        late = await self._late(connection, agent_id, held)
        if late:
            places = [held.waiting.pop(row.message_id) for row in late]
            held.told = with_vectors(held.told, places, [row.vector for row in late])
        newest = int(held.told.ids[-1]) if len(held.told.ids) else 0
        new = await self._read(connection, agent_id, message_index.c.message_id > newest)
        if new:
            begin = len(held.told.ids)
            held.told = told_before_and_now(
                held.told, [_line(row, kind, zone) for row in new], kind.dimension if kind else 0
            )
            held.waiting |= {
                row.message_id: begin + at
                for at, row in enumerate(new)
                if kind is not None and row.embedder != kind.checksum
            }
        if let_go == self._let_go[agent_id]:  # else rows were removed while these were read
            self._at_hand[agent_id] = held
            self._forget_oldest()
        return held.told

    async def _late(self, connection: AsyncConnection, agent_id: int, held: _AtHand) -> list[Any]:
        """Rows that had no vector when they were read, and have one now."""
        if not held.waiting or held.kind is None:
            return []
        since = message_index.c.message_id >= min(held.waiting)
        rows = await self._read(connection, agent_id, since, message_index.c.embedder == held.kind.checksum)
        return [row for row in rows if row.message_id in held.waiting]

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
        return (await connection.execute(statement.order_by(message_index.c.message_id))).all()

    def _forget_oldest(self) -> None:
        size = sum(len(held.told.ids) for held in self._at_hand.values())
        while size > MAX_AT_HAND and len(self._at_hand) > 1:
            _, oldest = self._at_hand.popitem(last=False)
            size -= len(oldest.told.ids)


def _line(row: Any, kind: VectorKind | None, zone: ZoneInfo) -> "Line":
    from memory.ranking import Line

    day = datetime.fromtimestamp(row.created_at // 1_000_000, zone).toordinal() - _EPOCH
    vector = row.vector if kind is not None and row.embedder == kind.checksum else None
    return Line(row.message_id, row.words, row.speaker, row.says_i, day, vector)


def _packed(vector: Vector) -> bytes:
    import numpy as np

    numbers = np.asarray(vector, np.float32)
    return bytes(np.round(numbers / max(float(np.abs(numbers).max()), 1e-9) * 127).astype(np.int8).tobytes())
