"""Messages older than those at hand: of an agent with very many, the ones whose words answer a query.

They are looked up in the index of words, so many of each word as are read soon. The best by their words are then ranked
together with what is at hand, each with the messages around it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.narrowing import Narrowed, Role
from memory.tables import message_index, messages
from memory.word_index import Cut, Postings, WordIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_OF_A_WORD = 10_000
"""So many messages that hold a word are looked at, the newest: one that holds a rarer word, too, is found anyway."""

MAX_FOUND = 200
"""So many messages are ranked with those at hand."""

REACH = 2
"""So many messages before and after each speak for it (see `memory.ranking`)."""

_INSIDE = 0.5
_NEAR = ", ".join(
    f"(SELECT message_id FROM message_index WHERE agent_id = :agent AND message_id {side} LIMIT 1 OFFSET {step})"
    for side in ("< value ORDER BY message_id DESC", "> value ORDER BY message_id")
    for step in range(REACH)
)
_BESIDE = text(f"SELECT value, {_NEAR} FROM json_each(:ids)")


async def span_of(
    connection: AsyncConnection, agent_id: int, before: int, since: datetime | None, until: datetime | None
) -> Cut:
    """Where to look for messages older than that one: said from a moment on and up to another, if so asked."""
    if since is None and until is None:
        return Cut(before, 0, before, MAX_OF_A_WORD)
    within = [messages.c.agent_id == agent_id]
    within += [messages.c.created_at >= since] if since is not None else []
    within += [messages.c.created_at < until] if until is not None else []
    ids = select(func.min(messages.c.id), func.max(messages.c.id)).where(*within)
    first, last = (await connection.execute(ids)).one()
    return Cut(before, first or 0, min(before, (last or 0) + 1), MAX_OF_A_WORD)


async def chosen(
    connection: AsyncConnection,
    words: WordIndex,
    agent_id: int,
    cut: Cut,
    postings: Postings,
    wholes: Mapping[int, float],
    narrowed: Narrowed,
    moments: tuple[datetime | None, datetime | None],
) -> tuple[list[int], Postings]:
    """The older messages that answer a query best by their words, oldest first, and the words that they hold.

    Args:
        connection: to read by.
        words: the index.
        agent_id: whose messages.
        cut: what is older.
        postings: what was found of the query's words, at hand and before.
        wholes: by id, what is added for identifiers.
        narrowed: what the query is narrowed to.
        moments: the days of that, as moments.
    """
    common = [term for term, (held, _) in postings.items() if sum(id_ < cut.before for id_ in held) >= cut.most]
    together = await words.holding_all(connection, agent_id, common, cut) if len(common) > 1 else []
    ids, scores = _scored(cut, postings, common, together)
    if not len(ids):
        return [], {}
    if wholes:
        scores += np.asarray([wholes.get(int(id_), 0.0) for id_ in ids])
    if narrowed.narrows:
        may_be = np.isin(ids, await _among(connection, agent_id, ids.tolist(), narrowed, moments))
        ids, scores = ids[may_be], scores[may_be]
    best = sorted(ids[np.lexsort((-ids, -scores))[:MAX_FOUND]].tolist())
    held = await words.held_by(connection, agent_id, common, best)
    return best, {term: ([*found, *held.get(term, [])], inside) for term, (found, inside) in postings.items()}


def _scored(
    cut: Cut, postings: Postings, common: Sequence[str], together: Sequence[int]
) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    """Older messages and how much their words tell: the more, the rarer each is."""
    parts, weights = [], []

    def add(found: Sequence[int], weight: float) -> None:
        older = np.asarray([id_ for id_ in found if id_ < cut.before], np.int64)
        parts.append(older)
        weights.append(np.full(len(older), weight))

    most = max((len(found) for found, _ in postings.values()), default=0)
    for term, (found, inside) in postings.items():
        rarity = float(np.log(2 + most / (len(found) + 0.5)))
        add(found, rarity)
        add(inside, rarity * _INSIDE)
        if term in common:
            add(sorted(set(together).difference(found)), rarity)
    if not parts:
        return np.empty(0, np.int64), np.empty(0)
    ids, at = np.unique(np.concatenate(parts), return_inverse=True)
    return ids, np.bincount(at, np.concatenate(weights), len(ids)).astype(np.float64)


async def _among(
    connection: AsyncConnection,
    agent_id: int,
    ids: Sequence[int],
    narrowed: Narrowed,
    moments: tuple[datetime | None, datetime | None],
) -> list[int]:
    """Those of the messages that a query is narrowed to."""
    since, until = moments
    which: list[Any] = [message_index.c.agent_id == agent_id]
    which += [message_index.c.speaker.in_(narrowed.speakers)] if narrowed.speakers is not None else []
    which += [(message_index.c.speaker == "") == (narrowed.role is Role.ASSISTANT)] if narrowed.role else []
    which += [message_index.c.created_at >= since] if since is not None else []
    which += [message_index.c.created_at < until] if until is not None else []
    given = func.json_each(json.dumps(ids)).table_valued("value")
    among = message_index.c.message_id.in_(select(given.c.value))
    return list(await connection.scalars(select(message_index.c.message_id).where(*which, among)))


async def with_those_around(connection: AsyncConnection, agent_id: int, ids: Sequence[int], before: int) -> list[int]:
    """The same messages and those beside each, as far as they are older than that one."""
    rows = await connection.execute(_BESIDE, {"agent": agent_id, "ids": json.dumps(list(ids))})
    return sorted({id_ for row in rows for id_ in row if id_ is not None and id_ < before})
