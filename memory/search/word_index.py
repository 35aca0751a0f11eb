"""The index of words: which of an owner's texts hold a term, in an FTS5 table.

Each term carries its owner's number ("12:figs"), so an owner's words lie together, and a look-up can reach nobody
else's. FTS5 serves as an inverted index alone (SQLite documentation: "FTS5 Extension");
how well a text answers a query is computed from what is found here (`memory.search.ranking`).
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.search.words import MAX_WORDS
from memory.sqlite.database import Database, finish

Postings = Mapping[str, tuple[Sequence[int], Sequence[int]]]
"""By term, the ids of the texts that hold it, and of those that hold it inside another word."""

MAX_INFLECTED = 40
"""So many words of an owner that hold a looked-for one inside them are looked up with it."""

FEW = 20
"""A word that stands in so many texts by itself is not looked for inside others."""

MIN_INNER_CHARS = 4
"""A shorter word is looked for only as it stands; but a single character of a script that is indexed by pairs."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Of an owner's texts all from `before` on count; of the older ones those from `first` up to `end`, not included.

    Of these, the newest `most` that hold a term and fulfil a condition.

    Attributes:
        before: the oldest text that is not old.
        first: the first old one that counts.
        end: the first that does not count any more.
        most: so many.
        among: the condition, in SQL; empty for none.
        values: what it is filled with.
        is_partial: whether there are older ones than the first, too many to look through.
    """

    before: int
    first: int
    end: int
    most: int
    among: str = ""
    values: Mapping[str, int | str] = field(default_factory=dict)
    is_partial: bool = False


def word_index_definition(name: str) -> tuple[str, str]:
    """The statements that make the index and the view of its vocabulary."""
    return (
        # The terms come ready-made (see `_encoded`): this tokenizer only splits them at the blanks.
        f"CREATE VIRTUAL TABLE {name} USING fts5(terms, detail = none, columnsize = 0, "
        "tokenize = \"ascii tokenchars ':_'\")",
        f"CREATE VIRTUAL TABLE {name}_vocabulary USING fts5vocab({name}, row)",
    )


class WordIndex:
    """The index in the table of that name; ids of texts are unique over all owners."""

    def __init__(self, name: str) -> None:
        self._insert = text(f"INSERT INTO {name} (rowid, terms) VALUES (:id, :terms)")
        self._delete = text(f"DELETE FROM {name} WHERE rowid = :id")
        self._empty = text(f"DELETE FROM {name}")
        self._merge = text(f"INSERT INTO {name} ({name}) VALUES ('optimize')")
        self._merge_some = text(f"INSERT INTO {name} ({name}, rank) VALUES ('merge', :pages)")
        self._postings = f"SELECT %d, rowid FROM {name} WHERE {name} MATCH :term%d"
        self._newest = f"{self._postings} AND rowid >= :before"
        self._all = f"SELECT rowid FROM {name} WHERE {name} MATCH :terms"
        self._of_these = f"{self._postings} AND rowid IN (SELECT value FROM json_each(:ids))"
        self._count = f"SELECT %d, count(*) FROM {name} WHERE {name} MATCH :term%d"
        self._vocabulary = (
            f"SELECT substr(term, :begin) AS word FROM {name}_vocabulary WHERE term >= :from_ AND term < :to"
        )

    async def add(self, transaction: AsyncConnection, texts: Iterable[tuple[int, int, Sequence[str]]]) -> None:
        """Index texts, each given as its owner, its id and its terms."""
        rows = [
            {"id": id_, "terms": " ".join([mark + escaped(term) for term in dict.fromkeys(terms)])}
            for mark, id_, terms in ((_mark(owner), id_, terms) for owner, id_, terms in texts)
        ]
        if rows:
            await transaction.execute(self._insert, rows)

    async def remove(self, transaction: AsyncConnection, ids: Sequence[int]) -> None:
        """Forget texts; ids that are not there are ignored."""
        if ids:
            await transaction.execute(self._delete, [{"id": id_} for id_ in ids])

    async def empty(self, transaction: AsyncConnection) -> None:
        """Forget everything."""
        await transaction.execute(self._empty)

    async def merge(self, transaction: AsyncConnection) -> None:
        """Write the index anew, so that nothing is left in it of what was removed."""
        await transaction.execute(self._merge)

    async def merge_by_and_by(self, database: Database) -> None:
        """The same, so that whoever writes meanwhile waits for a small part of it at most.

        Source: https://sqlite.org/fts5.html#the_merge_command
        """
        changes = text("SELECT total_changes()")

        async def commit(pages: int) -> int:
            async with database.write(alone=True) as transaction:
                before = await transaction.scalar(changes) or 0
                await transaction.execute(self._merge_some, {"pages": pages})
                return (await transaction.scalar(changes) or 0) - before

        pages = -_MERGED_PAGES  # the first says that all is to become one
        while await finish(commit(pages)) >= _IS_MORE:
            pages = _MERGED_PAGES

    async def rarest(
        self, connection: AsyncConnection, owners: Sequence[int], terms: Sequence[str], most: int = MAX_WORDS
    ) -> Sequence[str]:
        """Of many terms those that fewest texts hold, and so tell most; those that none holds come last."""
        if len(terms) <= most:
            return terms
        held = dict.fromkeys(terms, 0)
        wanted = [(term, _encoded(owner, term)) for owner in owners for term in terms]
        for number, count in await self._look_up(connection, [encoded for _, encoded in wanted], self._count):
            held[wanted[number][0]] += count
        return sorted(terms, key=lambda term: held[term] or math.inf)[:most]

    async def holding(
        self, connection: AsyncConnection, owners: Sequence[int], terms: Sequence[str], cut: Cut | None = None
    ) -> Postings:
        """For each term, the ids of the texts that hold it, and of those that hold it inside another word.

        A term that stands in many texts by itself is not looked for inside other words. `cut` leaves some out.
        """
        wanted = [(term, _encoded(owner, term)) for owner in owners for term in terms]
        exact: dict[str, list[int]] = {term: [] for term in terms}
        for number, id_ in await self._within(connection, [encoded for _, encoded in wanted], cut):
            exact[wanted[number][0]].append(id_)
        rare = [term for term in terms if len(exact[term]) < FEW]
        inner = [
            (term, encoded)
            for term, words in (await self._words_with(connection, owners, rare)).items()
            for encoded in words
        ]
        inside: dict[str, list[int]] = {term: [] for term in terms}
        for number, id_ in await self._within(connection, [encoded for _, encoded in inner], cut):
            inside[inner[number][0]].append(id_)
        return {term: (exact[term], inside[term]) for term in terms}

    async def holding_exactly(
        self, connection: AsyncConnection, owner: int, terms: Sequence[str]
    ) -> dict[str, list[int]]:
        """For each term, the ids of the owner's texts that hold it as it stands."""
        exact: dict[str, list[int]] = {term: [] for term in terms}
        for number, id_ in await self._look_up(connection, [_encoded(owner, term) for term in terms]):
            exact[terms[number]].append(id_)
        return exact

    async def holding_all(self, connection: AsyncConnection, owner: int, terms: Sequence[str], cut: Cut) -> list[int]:
        """The older ones of the owner's texts that hold all of some terms as they stand, newest first."""
        together = " AND ".join(f'"{_encoded(owner, term)}"' for term in terms)
        return list(await connection.scalars(text(_older(self._all, cut)), {"terms": together} | _limits(cut)))

    async def held_by(
        self, connection: AsyncConnection, owner: int, terms: Sequence[str], ids: Sequence[int]
    ) -> dict[str, list[int]]:
        """For each term, which of these texts hold it as it stands."""
        held: dict[str, list[int]] = {term: [] for term in terms}
        encoded = [_encoded(owner, term) for term in terms]
        for number, id_ in await self._look_up(connection, encoded, self._of_these, {"ids": json.dumps(list(ids))}):
            held[terms[number]].append(id_)
        return held

    async def _within(
        self, connection: AsyncConnection, encoded: Sequence[str], cut: Cut | None
    ) -> list[tuple[int, int]]:
        if cut is None:
            return await self._look_up(connection, encoded)
        newest = await self._look_up(connection, encoded, self._newest, {"before": cut.before})
        older = f"SELECT * FROM ({_older(self._postings, cut)})"
        return newest + await self._look_up(connection, encoded, older, _limits(cut))

    async def _look_up(
        self,
        connection: AsyncConnection,
        encoded: Sequence[str],
        what: str | None = None,
        more: Mapping[str, int | str] | None = None,
    ) -> list[tuple[int, int]]:
        """For each term by its place, the ids of the texts that hold it; or `what` else is asked, by `more` values."""
        rows: list[tuple[int, int]] = []
        for begin in range(0, len(encoded), _TERMS_AT_ONCE):
            some = encoded[begin : begin + _TERMS_AT_ONCE]
            statement = " UNION ALL ".join((what or self._postings) % (begin + at, at) for at in range(len(some)))
            quoted = {f"term{at}": f'"{term}"' for at, term in enumerate(some)}
            rows += [
                (number, found)
                for number, found in await connection.execute(text(statement), quoted | dict(more or {}))
            ]
        return rows

    async def _words_with(
        self, connection: AsyncConnection, owners: Sequence[int], terms: Sequence[str]
    ) -> dict[str, list[str]]:
        """The owners' words that hold a term inside them: compounds, and forms that no ending tells."""
        long = {
            term: escaped(term)
            for term in terms
            if len(term) >= MIN_INNER_CHARS or (len(term) == 1 and not term.isascii())
        }
        found: dict[str, list[str]] = {}
        if not long:
            return found
        for owner in owners:
            words = await self.words_holding(connection, owner, list(long.values()))
            for term, part in long.items():
                holding = sorted((word for word in words if part in word and word != part), key=len)
                found.setdefault(term, []).extend(f"{_mark(owner)}{word}" for word in holding[:MAX_INFLECTED])
        return found

    async def words_holding(self, connection: AsyncConnection, owner: int, parts: Sequence[str]) -> list[str]:
        """The owner's words, without its mark, that hold any of these parts."""
        alike = " OR ".join(f"instr(word, :part{at})" for at in range(len(parts)))
        named: dict[str, Any] = {f"part{at}": part for at, part in enumerate(parts)}
        rows = await connection.execute(text(f"{self._vocabulary} AND ({alike})"), named | span(owner))
        return [row[0] for row in rows]


_TERMS_AT_ONCE = 200
_MERGED_PAGES = 250
_IS_MORE = 2


def _older(postings: str, cut: Cut) -> str:
    among = f" AND {cut.among}" if cut.among else ""
    return f"{postings} AND rowid >= :first AND rowid < :end{among} ORDER BY rowid DESC LIMIT :most"


def _limits(cut: Cut) -> dict[str, int | str]:
    return {"first": cut.first, "end": cut.end, "most": cut.most, **cut.values}


def _encoded(owner: int, term: str) -> str:
    return f"{_mark(owner)}{escaped(term)}"


def _mark(owner: int) -> str:
    """What the terms of an owner begin with; a negative one is a source of documents (see `memory.ports`)."""
    return f"{owner}:" if owner >= 0 else f"s{-owner}:"


def span(owner: int) -> dict[str, Any]:
    """Between what all terms of an owner stand, and where in them its words begin."""
    # ";" follows ":"
    return {"from_": _mark(owner), "to": _mark(owner).replace(":", ";"), "begin": len(_mark(owner)) + 1}


def escaped(term: str) -> str:
    """A term of characters that are no separators to FTS5; `_` begins an escape."""
    return re.sub(r"[\x00-\x7f]", _as_code, term) if not term.isalnum() else term


def _as_code(match: re.Match[str]) -> str:
    character = match.group()
    return character if character.isalnum() else f"_{ord(character):02x}"
