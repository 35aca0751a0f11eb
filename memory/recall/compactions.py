"""Evictions as they happened: which messages left the queue, the summary before, and how much was saved in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.sqlite.database import Transaction
from memory.sqlite.tables import block_edits, compactions, messages, passages


@dataclass(frozen=True, slots=True)
class Evictions:
    """How many an agent had; before how many of them it was warned, and in how many of these it saved something."""

    total: int
    warned: int
    saved: int


async def record(
    transaction: Transaction,
    agent_id: int,
    *,
    summary_before: str,
    evicted_ids: Sequence[int],
    newest_message_id: int,
    warned_at: datetime | None,
    now: datetime,
) -> None:
    """Keep what an eviction put an end to.

    Args:
        transaction: that of the eviction.
        agent_id: whose messages leave.
        summary_before: what led its queue.
        evicted_ids: the messages.
        newest_message_id: the agent's newest message at that moment.
        warned_at: when the agent was told of memory pressure; None if it was not.
        now: the moment.
    """
    await transaction.execute(
        insert(compactions).values(
            agent_id=agent_id,
            summary_before=summary_before,
            evicted_ids=list(evicted_ids),
            newest_message_id=newest_message_id,
            created_at=now,
            warned=warned_at is not None,
            saved=0 if warned_at is None else await _saved_since(transaction, agent_id, warned_at),
        )
    )


async def evictions(connection: AsyncConnection, agent_id: int) -> Evictions:
    """An agent's evictions, counted."""
    row = await connection.execute(
        select(
            func.count().label("total"),
            func.count().filter(compactions.c.warned).label("warned"),
            func.count().filter(compactions.c.saved > 0).label("saved"),
        ).where(compactions.c.agent_id == agent_id)
    )
    return Evictions(*row.one())


async def forget_since(transaction: Transaction, agent_id: int, message_id: int) -> tuple[str, tuple[int, ...]] | None:
    """Forget the evictions that happened at a message or after it.

    Returns:
        The summary as it was before the first of them, and the ids of all messages that they evicted; None if there
        were none.
    """
    since = (compactions.c.agent_id == agent_id, compactions.c.newest_message_id >= message_id)
    rows = (await transaction.execute(select(compactions).where(*since).order_by(compactions.c.id))).all()
    if not rows:
        return None
    await transaction.execute(delete(compactions).where(*since))
    return rows[0].summary_before, tuple(id_ for row in rows for id_ in row.evicted_ids)


async def hide(
    transaction: Transaction, agent_id: int, changed_ids: frozenset[int], *, now: datetime
) -> tuple[str, bool]:
    """Some evicted messages were deleted or edited: forget every summary that covered them.

    The evictions since the first of these messages left become one: a later summary tells nothing but what this one
    is to tell once it was made anew.

    Returns:
        The newest summary that covered none of them, and whether it covers less than was evicted.
    """
    rows = list((await transaction.execute(_of(agent_id).order_by(compactions.c.id))).all())
    covering = [at for at, row in enumerate(rows) if not changed_ids.isdisjoint(row.evicted_ids)]
    known = {id_ for row in rows for id_ in row.evicted_ids}
    if covering and known.issuperset(changed_ids):
        since, summary = rows[covering[0] :], rows[covering[0]].summary_before
        evicted = [id_ for row in since for id_ in row.evicted_ids]
    else:  # an older version kept no record of evictions
        since, summary = rows, ""
        of_agent = (messages.c.agent_id == agent_id, messages.c.evicted == true())
        evicted = list(await transaction.scalars(select(messages.c.id).where(*of_agent)))
        if not since:
            newest = max([*evicted, *changed_ids])
            await record(
                transaction,
                agent_id,
                summary_before="",
                evicted_ids=evicted,
                newest_message_id=newest,
                warned_at=None,
                now=now,
            )
            since = list((await transaction.execute(_of(agent_id))).all())
    there = select(messages.c.id).where(messages.c.agent_id == agent_id, messages.c.id.in_(evicted))
    left = sorted(await transaction.scalars(there))
    for row in since:
        own = {"evicted_ids": left, "newest_message_id": since[-1].newest_message_id} if row is since[0] else {}
        values = {"summary_before": summary, "evicted_ids": []} | own
        which = (compactions.c.agent_id == agent_id, compactions.c.id == row.id)
        await transaction.execute(update(compactions).where(*which).values(values))
    return summary, bool(left)


async def covered_by_newest(connection: AsyncConnection, agent_id: int) -> tuple[int, ...]:
    """The messages of the last eviction that evicted any: what a hidden summary is to be made anew of."""
    rows = await connection.execute(_of(agent_id).order_by(compactions.c.id.desc()))
    return next((tuple(row.evicted_ids) for row in rows if row.evicted_ids), ())


def _of(agent_id: int) -> Select[Any]:
    return select(compactions).where(compactions.c.agent_id == agent_id)


async def _saved_since(transaction: Transaction, agent_id: int, moment: datetime) -> int:
    """How many edits of core memory and notes the agent itself has made."""
    edits = select(func.count()).where(
        block_edits.c.agent_id == agent_id, block_edits.c.author == "agent", block_edits.c.created_at > moment
    )
    notes = select(func.count()).where(passages.c.agent_id == agent_id, passages.c.created_at > moment)
    return (await transaction.scalar(edits) or 0) + (await transaction.scalar(notes) or 0)
