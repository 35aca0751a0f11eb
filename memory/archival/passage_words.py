"""Finding passages by their words: an index of words in SQL, and how well a passage's words answer a query."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update

from memory.ports import owner_of_source
from memory.search.identifiers import wholes
from memory.search.word_index import Postings
from memory.search.words import MAX_WORDS, query_terms, text_terms
from memory.search.words_at_hand import WordsAtHand
from memory.sqlite.database import FEW_ROWS, Database, Transaction, finish
from memory.sqlite.tables import PASSAGE_WORDS, attachments, documents, passages

SATURATION, LENGTH = 1.2, 0.75
"""As in BM25, with each term counted once a passage."""

INSIDE = 0.5
"""What a word counts that stands inside another."""

TELLING = 2
"""The power of a word's rarity in a query of more than `MAX_WORDS` terms: as in `memory.search.ranking`."""

MAX_CANDIDATES = 5000
_BATCH = 250
_COUNT = update(passages).where(passages.c.id == bindparam("of_id")).values(words=bindparam("count"))


class PassageWords:
    """The words of all passages; every look-up names whose they are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._words = WordsAtHand(PASSAGE_WORDS)
        self._one_batch = asyncio.Lock()

    async def search(self, agent_id: int, query: str, *, notes_only: bool) -> tuple[dict[int, float], bool]:
        """How well the agent's passages answer a query by their words; those without any are left out.

        The best counts 1, and the more what the query writes as one (see `memory.search.identifiers`). And whether
        there may be more, for so many answer that not all were looked at.
        """
        terms: Sequence[str] = query_terms(query)
        if not terms:
            return await self._holding_letters(agent_id, query.strip(), notes_only)
        await self._index_waiting(agent_id)
        async with self._database.read() as connection:
            attached = select(attachments.c.source_id).where(attachments.c.agent_id == agent_id)
            sources = [] if notes_only else list(await connection.scalars(attached))
            others_of = [owner_of_source(source) for source in sources]
            power = TELLING if len(terms) > MAX_WORDS else 1
            terms = await self._words.rarest(connection, [agent_id, *others_of], terms)
            own = await self._words.holding(connection, [agent_id], terms)
            others = await self._words.holding(connection, others_of, terms)
            # The notes first: a book must not crowd them out.
            holding = [*sorted(_ids(own), reverse=True), *sorted(_ids(others), reverse=True)]
            wanted = holding[:MAX_CANDIDATES]
            which = _seen(agent_id, notes_only)
            statement = select(func.count(), func.avg(passages.c.words)).where(which)
            count, average = (await connection.execute(statement)).one()
            rows = await connection.execute(
                select(passages.c.id, passages.c.words).where(which, passages.c.id.in_(wanted))
            )
            lengths = {id_: words for id_, words in rows}
            said = func.coalesce(passages.c.heading, "") + "\n" + passages.c.content
            whole = await wholes(connection, query, (own, others), passages.c.id, said, which)
        scores = _scores(terms, (own, others), lengths, count, float(average or 1), power)
        is_cut = len(holding) > len(wanted)
        return {id_: score + whole.get(id_, 0.0) for id_, score in scores.items()}, is_cut

    async def empty(self, transaction: Transaction) -> None:
        """Forget all words, for `index_waiting` to index again."""
        await self._words.empty(transaction)
        await transaction.execute(update(passages).values(words=None))

    async def merge(self) -> None:
        """Leave nothing of removed passages in the index."""
        await self._words.merge_by_and_by(self._database)

    async def index_waiting(self) -> None:
        """Index the words of all passages that are not yet."""
        while await self._index_some(passages.c.words.is_(None)):
            pass

    async def _index_waiting(self, agent_id: int) -> None:
        async with self._database.read() as connection:
            # Asked first whether anybody waits: going through all that an agent has takes longer.
            if await connection.scalar(select(passages.c.id).where(passages.c.words.is_(None)).limit(1)) is None:
                return
        while await self._index_some(passages.c.words.is_(None), _seen(agent_id, False)):
            pass

    async def _index_some(self, *which: ColumnElement[bool]) -> int:
        statement = (
            select(passages.c.id, passages.c.agent_id, documents.c.source_id, passages.c.heading, passages.c.content)
            .outerjoin_from(passages, documents, documents.c.id == passages.c.document_id)
            .where(*which)
            .limit(_BATCH)
        )
        async with self._one_batch:
            async with self._database.read() as connection:
                rows = (await connection.execute(statement)).all()
            if rows:
                cut = await asyncio.to_thread(
                    lambda: [text_terms(f"{row.heading or ''}\n{row.content}") for row in rows]
                )
                await finish(self._keep(rows, cut))
        return len(rows)

    async def _keep(self, rows: Sequence[Any], cut: Sequence[Sequence[str]]) -> None:
        owned: dict[int, list[tuple[int, Sequence[str]]]] = {}
        for row, terms in zip(rows, cut, strict=True):
            owner = row.agent_id if row.agent_id is not None else owner_of_source(row.source_id)
            owned.setdefault(owner, []).append((row.id, terms))
        async with self._database.write(alone=len(rows) > FEW_ROWS) as transaction:
            counted = [{"of_id": row.id, "count": len(terms)} for row, terms in zip(rows, cut, strict=True)]
            await transaction.execute(_COUNT, counted)
            there = set(await transaction.scalars(select(passages.c.id).where(passages.c.id.in_([r.id for r in rows]))))
            owned = {owner: [text for text in texts if text[0] in there] for owner, texts in owned.items()}
            await self._words.add(transaction, [(owner, *text) for owner, texts in owned.items() for text in texts])
        for owner, texts in owned.items():
            self._words.added(owner, texts)

    async def _holding_letters(self, agent_id: int, query: str, notes_only: bool) -> tuple[dict[int, float], bool]:
        """A query without any telling word in it is looked for as it stands, in the newest passages."""
        if not query:
            return {}, False
        seen = select(passages.c.id, passages.c.content).where(_seen(agent_id, notes_only))
        newest_first = seen.order_by(passages.c.id.desc())
        some = newest_first.limit(MAX_CANDIDATES).subquery()
        async with self._database.read() as connection:
            found = await connection.scalars(
                select(some.c.id).where(func.instr(func.lower(some.c.content), query.lower()) > 0)
            )
            beyond = newest_first.with_only_columns(passages.c.id).offset(MAX_CANDIDATES).limit(1)
            return dict.fromkeys(found, 1.0), await connection.scalar(beyond) is not None


def seen_by(agent_id: int) -> ColumnElement[bool]:
    """The passages that an agent sees: its notes, and the pieces of the documents attached to it."""
    return or_(passages.c.agent_id == agent_id, passages.c.document_id.in_(attached_to(agent_id)))


def attached_to(agent_id: int) -> Any:
    """The ids of the documents that an agent has."""
    return (
        select(documents.c.id)
        .join(attachments, attachments.c.source_id == documents.c.source_id)
        .where(attachments.c.agent_id == agent_id)
    )


def _seen(agent_id: int, notes_only: bool) -> ColumnElement[bool]:
    return passages.c.agent_id == agent_id if notes_only else seen_by(agent_id)


def _ids(postings: Postings) -> set[int]:
    return {id_ for both in postings.values() for ids in both for id_ in ids}


def _scores(
    terms: Sequence[str],
    found: Sequence[Postings],
    lengths: Mapping[int, int],
    count: int,
    average: float,
    power: int,
) -> dict[int, float]:
    scores: dict[int, float] = {}
    for term in terms:
        held: dict[int, float] = {}
        for postings in found:
            as_it_stands, inside = postings.get(term, ((), ()))
            held |= dict.fromkeys(inside, INSIDE) | dict.fromkeys(as_it_stands, 1.0)
        rarity = math.log(1 + max(0.0, count - len(held) + 0.5) / (len(held) + 0.5)) ** power
        for id_, share in held.items():
            if id_ in lengths:
                norm = (SATURATION + 1) / (1 + SATURATION * (1 - LENGTH + LENGTH * lengths[id_] / average))
                scores[id_] = scores.get(id_, 0.0) + share * rarity * norm
    best = max(scores.values(), default=0.0)
    return {id_: score / best if best else 1.0 for id_, score in scores.items()}
