"""Identifiers in a query (ORD-55-17, v2.17.5, 192.168.1.17): what a text counts more that holds a whole one.

The index holds their parts: by these alone, the only text with all of them may come behind many short ones with one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.search.word_index import Postings
from memory.search.words import AsOne, written_as_one

AS_WRITTEN = 10.0
"""More than all else that a text can score."""

ALL_PARTS = 1.0
"""Of a text that holds all parts, but not side by side."""

MAX_READ = 1000
"""Of more texts that hold all parts, the newest so many are looked at; of the others it is taken to be so."""


async def wholes(
    connection: AsyncConnection,
    query: str,
    postings: Sequence[Postings],
    id_of: Any,
    text_of: Any,
    which: ColumnElement[bool],
) -> Mapping[int, float]:
    """What texts score for the identifiers that they hold, by id.

    Args:
        connection: to read by.
        query: what is looked for.
        postings: which texts hold its terms.
        id_of: the texts' column of ids.
        text_of: the one of what they say.
        which: the condition of those that may be seen.
    """
    scores: dict[int, float] = {}
    for identifier in written_as_one(query):
        ids = _holding_all(identifier, postings)
        if not ids:
            continue
        read = sorted(ids)[-MAX_READ:]
        # Any one sign may stand between the parts.
        beside = select(id_of).where(which, id_of.in_(read), text_of.like(f"%{'_'.join(identifier.parts)}%"))
        as_written = ids.difference(read).union(await connection.scalars(beside))
        for id_ in ids:
            scores[id_] = scores.get(id_, 0.0) + (AS_WRITTEN if id_ in as_written else ALL_PARTS)
    return scores


def _holding_all(identifier: AsOne, postings: Sequence[Postings]) -> set[int]:
    """The texts that hold all of its terms that were looked up, as they stand."""
    held = [
        {id_ for found in postings if term in found for id_ in found[term][0]}
        for term in identifier.terms
        if any(term in found for found in postings)
    ]
    return set.intersection(*held) if len(held) > 1 else set()
