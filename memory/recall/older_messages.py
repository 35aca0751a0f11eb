"""Messages older than those at hand: of an agent with very many, the ones that answer a query.

They are looked up in the index of words, so many of each word as are read soon, after what narrows the query. The best
by their words are then ranked together with what is at hand, each with the messages around it; the others come after.
"""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.recall.older_speakers import Spans
from memory.search.narrowing import Narrowed, Role
from memory.search.word_index import Cut, Postings, WordIndex
from memory.sqlite.tables import MESSAGE_WORDS, Instant, messages

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_OF_A_WORD = 10_000
"""So many messages that hold a word are looked at, the newest: one that holds a rarer word, too, is found anyway."""

MAX_LISTED = 10_000
"""So many are found, those included that are not ranked with those at hand."""

MAX_FOUND = 200
"""So many messages are ranked with those at hand."""

MAX_LOOKED_THROUGH = 1_000_000
"""So many are looked through for those that a query is narrowed to, the newest: a second or so."""

MAX_TOGETHER = 5
"""So many of the words that very many messages hold are looked for together, the rarest."""

MAX_COMBINATIONS = 16
"""So often is looked for some of them together."""

REACH = 2
"""So many messages before and after each speak for it (see `memory.search.ranking`)."""

_INSIDE = 0.5
_NEAR = ", ".join(
    f"(SELECT message_id FROM message_index WHERE agent_id = :agent AND message_id {side} LIMIT 1 OFFSET {step})"
    for side in ("< value ORDER BY message_id DESC", "> value ORDER BY message_id")
    for step in range(REACH)
)
_BESIDE = text(f"SELECT value, {_NEAR} FROM json_each(:ids)")
_WITHIN = "SELECT message_id FROM message_index WHERE agent_id = :agent AND message_id >= :first AND message_id < :end"
_TOO_FAR = text(f"{_WITHIN} ORDER BY message_id DESC LIMIT 1 OFFSET :most")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What answers a query of the older messages.

    Attributes:
        best: the best by their words, oldest first.
        others: more that hold a word, best first.
        postings: the words that all of it holds, and what is at hand.
        is_cut: whether there may be more.
    """

    best: Sequence[int]
    others: Sequence[int]
    postings: Postings
    is_cut: bool


async def cut_at(
    connection: AsyncConnection,
    agent_id: int,
    before: int,
    end: int,
    narrowed: Narrowed,
    moments: tuple[datetime | None, datetime | None],
    speakers: Spans,
) -> Cut:
    """Where to look for older messages.

    Args:
        connection: to read by.
        agent_id: whose messages.
        before: the oldest message at hand.
        end: the first that is too new.
        narrowed: what the query is narrowed to.
        moments: the days of that, as moments.
        speakers: who spoke in older messages, if it is narrowed.
    """
    end = min(before, end)
    if not narrowed.narrows:
        return Cut(before, 0, end, MAX_OF_A_WORD)
    first, end = await _of_days(connection, agent_id, end, moments)
    named = {""} if narrowed.role is Role.ASSISTANT else narrowed.speakers
    if named is not None:
        theirs = [speakers[name] for name in named if name in speakers]
        first = max(first, min((span[0] for span in theirs), default=end))
        end = min(end, max((span[1] + 1 for span in theirs), default=end))
    where = {"agent": agent_id, "first": first, "end": end, "most": MAX_LOOKED_THROUGH}
    # There are no more messages than numbers: then nothing need be counted.
    too_far = await connection.scalar(_TOO_FAR, where) if end - first > MAX_LOOKED_THROUGH else None
    which, values = _which(narrowed, moments)
    among = (
        "EXISTS (SELECT 1 FROM message_index "
        f"WHERE agent_id = :agent AND message_id = {MESSAGE_WORDS}.rowid AND {which})"
    )
    first = first if too_far is None else too_far + 1
    return Cut(before, first, end, MAX_OF_A_WORD, among, {"agent": agent_id, **values}, too_far is not None)


async def _of_days(
    connection: AsyncConnection, agent_id: int, end: int, moments: tuple[datetime | None, datetime | None]
) -> tuple[int, int]:
    """Between which messages those of some days lie."""
    since, until = moments
    if since is None and until is None:
        return 0, end
    within = [messages.c.agent_id == agent_id]
    within += [messages.c.created_at >= since] if since is not None else []
    within += [messages.c.created_at < until] if until is not None else []
    ids = select(func.min(messages.c.id), func.max(messages.c.id)).where(*within)
    first, last = (await connection.execute(ids)).one()
    return first or 0, min(end, (last or 0) + 1)


def _which(narrowed: Narrowed, moments: tuple[datetime | None, datetime | None]) -> tuple[str, dict[str, Any]]:
    """The condition of the messages that a query is narrowed to, and the values in it."""
    since, until = (Instant().process_bind_param(moment, None) for moment in moments)
    parts: list[str] = []
    if narrowed.speakers is not None:
        parts.append("speaker IN (SELECT value FROM json_each(:speakers))")
    if narrowed.role is not None:
        parts.append("speaker = ''" if narrowed.role is Role.ASSISTANT else "speaker <> ''")
    parts += ["created_at >= :since"] if since is not None else []
    parts += ["created_at < :until"] if until is not None else []
    values = {"speakers": json.dumps(sorted(narrowed.speakers or ())), "since": since, "until": until}
    return " AND ".join(parts), {name: value for name, value in values.items() if f":{name}" in " ".join(parts)}


async def listed(
    connection: AsyncConnection,
    agent_id: int,
    cut: Cut,
    narrowed: Narrowed,
    moments: tuple[datetime | None, datetime | None],
) -> tuple[list[int], bool]:
    """The older messages that a query is narrowed to, newest first, and whether there may be more."""
    which, values = _which(narrowed, moments)
    statement = text(f"{_WITHIN} AND {which} ORDER BY message_id DESC LIMIT :most")
    where = {"agent": agent_id, "first": cut.first, "end": cut.end, "most": MAX_LISTED}
    found = list(await connection.scalars(statement, where | values))
    return found, cut.is_partial or len(found) >= MAX_LISTED


async def chosen(
    connection: AsyncConnection,
    words: WordIndex,
    agent_id: int,
    cut: Cut,
    postings: Postings,
    wholes: Mapping[int, float],
) -> Chosen:
    """The older messages that answer a query by their words.

    Args:
        connection: to read by.
        words: the index.
        agent_id: whose messages.
        cut: what is older.
        postings: what was found of the query's words, at hand and before.
        wholes: by id, what is added for identifiers.
    """
    older = {term: [id_ for id_ in held if id_ < cut.before] for term, (held, _) in postings.items()}
    # Of those that are cut, a word whose messages reach back further is rarer.
    common = sorted((term for term, held in older.items() if len(held) >= cut.most), key=lambda term: min(older[term]))
    together = await _together(connection, words, agent_id, common, cut)
    order = await asyncio.to_thread(_best_first, cut, postings, together, wholes)
    best = sorted(order[:MAX_FOUND])
    held = await words.held_by(connection, agent_id, common, best) if best else {}
    is_cut = cut.is_partial or len(order) > MAX_LISTED or _reaches_further(cut, postings)
    return Chosen(
        best,
        order[MAX_FOUND:MAX_LISTED],
        {term: ([*found, *held.get(term, [])], inside) for term, (found, inside) in postings.items()},
        is_cut,
    )


def _reaches_further(cut: Cut, postings: Postings) -> bool:
    """Whether more messages hold a word than were looked at."""
    return any(sum(id_ < cut.before for id_ in ids) >= cut.most for both in postings.values() for ids in both)


async def _together(
    connection: AsyncConnection, words: WordIndex, agent_id: int, common: Sequence[str], cut: Cut
) -> Mapping[str, Collection[int]]:
    """By word that very many messages hold, more of those: the ones that hold another such word as well.

    Where two words together are as common, a third is taken to them, and so on; the rarest words first. What holds all
    of them is looked for in any case.
    """
    found: dict[str, set[int]] = {term: set() for term in common}
    if len(common) < 2:
        return found
    few = common[:MAX_TOGETHER]
    crowded: set[tuple[str, ...]] = {(term,) for term in few}
    some_of_few = (some for count in range(2, len(few) + 1) for some in combinations(few, count))
    asked: set[tuple[str, ...]] = set()
    for some in (tuple(common), *some_of_few):
        is_worth_it = not asked or any(part in crowded for part in combinations(some, len(some) - 1))
        if some in asked or not is_worth_it or len(asked) == MAX_COMBINATIONS:
            continue
        asked.add(some)
        holding = await words.holding_all(connection, agent_id, some, cut)
        if len(holding) >= cut.most:
            crowded.add(some)
        for term in some:
            found[term].update(holding)
    return found


def _best_first(
    cut: Cut, postings: Postings, together: Mapping[str, Collection[int]], wholes: Mapping[int, float]
) -> list[int]:
    ids, scores = _scored(cut, postings, together)
    if wholes and len(ids):
        scores += np.asarray([wholes.get(int(id_), 0.0) for id_ in ids])
    order: list[int] = ids[np.lexsort((-ids, -scores))].tolist()
    return order


def _scored(
    cut: Cut, postings: Postings, together: Mapping[str, Collection[int]]
) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    """Older messages and how much their words tell: the more, the rarer each is."""
    parts, weights = [], []

    def add(found: Collection[int], weight: float) -> None:
        older = np.asarray([id_ for id_ in found if id_ < cut.before], np.int64)
        parts.append(older)
        weights.append(np.full(len(older), weight))

    most = max((len(found) for found, _ in postings.values()), default=0)
    for term, (found, inside) in postings.items():
        rarity = float(np.log(2 + most / (len(found) + 0.5)))
        add(found, rarity)
        add(inside, rarity * _INSIDE)
        add(sorted(set(together.get(term, ())).difference(found)), rarity)
    if not parts:
        return np.empty(0, np.int64), np.empty(0)
    ids, at = np.unique(np.concatenate(parts), return_inverse=True)
    return ids, np.bincount(at, np.concatenate(weights), len(ids)).astype(np.float64)


async def with_those_around(connection: AsyncConnection, agent_id: int, ids: Sequence[int], before: int) -> list[int]:
    """The same messages and those beside each, as far as they are older than that one."""
    rows = await connection.execute(_BESIDE, {"agent": agent_id, "ids": json.dumps(list(ids))})
    return sorted({id_ for row in rows for id_ in row if id_ is not None and id_ < before})
