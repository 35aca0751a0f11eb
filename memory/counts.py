"""How much waits and how much was put aside, in all scopes together; every number is read from a small index."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.sqlite.tables import inbox, outbox, turns

# Written out and not bound: SQLite takes a partial index only if it sees the words of its condition.
_WAITING = inbox.c.state == literal_column("'waiting'")
_PARKED = inbox.c.state == literal_column("'parked'")
_RUNNING = turns.c.state == literal_column("'running'")
_OPEN = text("state in ('waiting', 'sending')")
_LOST = text("state in ('dead', 'doubtful')")


@dataclass(frozen=True, slots=True)
class Counts:
    """What an operator watches; the ages are those of the oldest, 0 where nothing waits."""

    inbox_waiting: int
    inbox_oldest_waiting_seconds: float
    events_parked: int
    turns_unfinished: int
    turns_waiting_for_model: int
    outbox_waiting: int
    outbox_oldest_waiting_seconds: float
    replies_dead: int
    replies_doubtful: int


async def count(connection: AsyncConnection, now: datetime) -> Counts:
    """What waits and what was put aside at this moment."""
    waiting = select(func.count(), func.min(inbox.c.received_at)).where(_WAITING)
    inbox_waiting, inbox_oldest = (await connection.execute(waiting)).one()
    running = select(func.count(), func.count(turns.c.failing_since)).where(_RUNNING)
    unfinished, for_model = (await connection.execute(running)).one()
    to_send = select(func.count(), func.min(outbox.c.created_at)).select_from(outbox).where(_OPEN)
    outbox_waiting, outbox_oldest = (await connection.execute(to_send)).one()
    lost = select(outbox.c.state, func.count()).where(_LOST).group_by(outbox.c.state)
    lost_by_state = {state: number for state, number in await connection.execute(lost)}
    return Counts(
        inbox_waiting=inbox_waiting,
        inbox_oldest_waiting_seconds=_age(inbox_oldest, now),
        events_parked=await connection.scalar(select(func.count()).select_from(inbox).where(_PARKED)) or 0,
        turns_unfinished=unfinished,
        turns_waiting_for_model=for_model,
        outbox_waiting=outbox_waiting,
        outbox_oldest_waiting_seconds=_age(outbox_oldest, now),
        replies_dead=lost_by_state.get("dead", 0),
        replies_doubtful=lost_by_state.get("doubtful", 0),
    )


def _age(oldest: datetime | None, now: datetime) -> float:
    return max((now - oldest).total_seconds(), 0.0) if oldest is not None else 0.0
