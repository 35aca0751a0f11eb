"""What moderators, owners and whoever runs the bot have done by their rights: who, what, about which scope, and when.

Never the content.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import DatabaseError

from memory.sqlite.database import Database, finish, open_engine, unavailable
from memory.sqlite.tables import audit

_PURGED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did.

    Attributes:
        id: its number; a later act has a higher one.
        who: as `bot.scopes.person_of` names them; or `operator`, at the command line.
        what: the command, with its argument where that is one of known words.
        scope: whose memory, or which place, it was about.
        at: when.
    """

    id: int
    who: str
    what: str
    scope: str
    at: datetime


async def add_beside(path: Path, who: str, what: str, scope: str, at: datetime) -> None:
    """Keep an act beside a running bot, which holds the database.

    Raises:
        StorageUnavailable: it cannot be written.
    """
    engine = open_engine(path, writes=True)
    try:
        async with engine.begin() as connection:
            await connection.execute(insert(audit).values(who=who, what=what, scope=scope, at=at))
    except DatabaseError as error:
        raise unavailable(path, error) from error
    finally:
        await engine.dispose()


class Audit:
    """The acts of all; they are added, and never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, who: str, what: str, scope: str, at: datetime) -> None:
        """Keep that somebody is about to do something; committed when this returns."""

        async def commit() -> None:
            async with self._database.write() as transaction:
                await transaction.execute(insert(audit).values(who=who, what=what, scope=scope, at=at))

        await finish(commit())

    async def newest(self, limit: int, *, before: int | None = None) -> tuple[Act, ...]:
        """The newest acts, or those that came before one, by its id; the newest first."""
        acts = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            acts = acts.where(audit.c.id < before)
        async with self._database.read() as connection:
            rows = await connection.execute(acts)
            return tuple(Act(row.id, row.who, row.what, row.scope, row.at) for row in rows)

    async def of_scope(self, scope: str, what: str) -> tuple[int, Act | None]:
        """How often something was done about a scope, and the last time."""
        is_it = (audit.c.scope == scope, audit.c.what == what)
        async with self._database.read() as connection:
            count = await connection.scalar(select(func.count()).select_from(audit).where(*is_it)) or 0
            last = select(audit).where(*is_it).order_by(audit.c.id.desc()).limit(1)
            row = (await connection.execute(last)).first()
        return count, None if row is None else Act(row.id, row.who, row.what, row.scope, row.at)

    async def purge(self, before: datetime) -> int:
        """Forget some of the acts from before a moment; returns how many, 0 once there are none left."""

        async def commit() -> int:
            async with self._database.write() as transaction:
                old = select(audit.c.id).where(audit.c.at < before).order_by(audit.c.id).limit(_PURGED_AT_ONCE)
                return (await transaction.execute(delete(audit).where(audit.c.id.in_(old)))).rowcount

        return await finish(commit())
