"""Forgetting what is over: at the start and once a day, a little at a time, so that nobody waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from memory.erasing.erased_files import remove_old_backups
from memory.people.audit import Audit
from memory.people.told import BY_PLATFORM, Told
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox
from memory.turns.outbox import OutboxStore
from memory.turns.timers import Timers
from memory.turns.turn_journal import TurnJournal

logger = logging.getLogger(__name__)

KEPT = timedelta(days=7)
"""How long an event or a reply that is done may still be told a second time."""

TOLD = timedelta(days=30)
"""How long `/agent status` and `doctor` tell of what was put aside or not delivered."""

AUDITED = timedelta(days=365)
"""How long it is known who did what as a moderator or an owner."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows are gone: of what was over, and of what had been put aside or lost."""

    over: int = 0
    events_parked: int = 0
    turns_parked: int = 0
    replies_lost: int = 0
    acts_audited: int = 0


async def tidy(database: Database, now: datetime) -> Forgotten:
    """Forget what has been over for a week, what was put aside or not delivered a month ago, acts of a year ago."""
    events, turns, replies = Inbox(database), TurnJournal(database), OutboxStore(database)
    timers = Timers(database, events)
    over, told = now - KEPT, now - TOLD
    await Told(database, lambda: now).purge(BY_PLATFORM, told)
    return Forgotten(
        over=sum([await _all(store.purge, over) for store in (events, turns, replies, timers)]),
        events_parked=await _all(events.purge_parked, told),  # before their turns, which say when it was
        turns_parked=await _all(turns.purge_parked, told),
        replies_lost=await _all(replies.purge_lost, told),
        acts_audited=await _all(Audit(database).purge, now - AUDITED),
    )


async def _all(purge: Callable[[datetime], Awaitable[int]], before: datetime) -> int:
    forgotten = 0
    # Each call is one short transaction; whoever waits to write comes in between two of them.
    while some := await purge(before):
        forgotten += some
    return forgotten


async def tidy_as_ever(database: Database, now: Callable[[], datetime], data_dir: Path | None = None) -> None:
    """Tidy, and never raise: what could not be tidied today can be tomorrow; the bot serves on.

    With it go the copies of the database that migrations left in the data directory a month ago.
    """
    try:
        if data_dir is not None:
            await asyncio.to_thread(remove_old_backups, data_dir, now())
        forgotten = await tidy(database, now())
    except Exception:
        logger.exception("tidying broke")
        return
    if forgotten != Forgotten():
        logger.info("forgotten %s", " ".join(f"{what}={rows}" for what, rows in asdict(forgotten).items()))
