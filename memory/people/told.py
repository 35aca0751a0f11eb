"""What somebody was told, and when, so that they are not told the same again all the time."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.sqlite import insert

from memory.sqlite.database import Database, finish
from memory.sqlite.tables import platform_notes

AGAIN_AFTER = timedelta(days=30)

BY_PLATFORM = "told"
"""What kind of thing it is that a platform's adapter tells, or does, once."""


class Told:
    """What was told of lately.

    Args:
        database: where that is kept.
        now: the time, always in the same time zone.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def once(self, platform: str, about: str, key: str, *, again_after: timedelta = AGAIN_AFTER) -> bool:
        """Keep that something is told now; False if it was told lately.

        Args:
            platform: where.
            about: what kind of thing it is, in a few words.
            key: to whom, and what of its kind.
            again_after: how long that counts as lately.
        """
        now = self._now()
        return await self._once(platform, about, key, now, now - again_after)

    async def once_since(self, platform: str, about: str, key: str, since: datetime) -> bool:
        """As `once`; False if it was told after a moment, in the time zone of `now`."""
        return await self._once(platform, about, key, self._now(), since)

    async def purge(self, about: str, before: datetime) -> None:
        """Forget the things of a kind that were told before a moment, in the time zone of `now`."""
        old = (
            platform_notes.c.name.startswith(f"{about} ", autoescape=True),
            platform_notes.c.value < before.isoformat(),
        )

        async def commit() -> None:
            async with self._database.write() as transaction:
                await transaction.execute(delete(platform_notes).where(*old))

        await finish(commit())

    async def _once(self, platform: str, about: str, key: str, now: datetime, since: datetime) -> bool:
        async with self._database.read() as connection:  # mostly it was: that costs no write
            told = await connection.scalar(select(platform_notes.c.value).where(*is_note(platform, about, key)))
        if told is not None and datetime.fromisoformat(told) > since:
            return False
        new = insert(platform_notes).values(platform=platform, name=_name(about, key), value=now.isoformat())
        first = new.on_conflict_do_update(
            index_elements=["platform", "name"],
            set_={"value": now.isoformat()},
            where=platform_notes.c.value <= since.isoformat(),
        )

        async def commit() -> bool:
            async with self._database.write() as transaction:
                return await transaction.scalar(first.returning(platform_notes.c.name)) is not None

        return await finish(commit())


def is_note(platform: str, about: str, key: str) -> list[ColumnElement[bool]]:
    """Which row of `platform_notes` says when something was told."""
    return [platform_notes.c.platform == platform, platform_notes.c.name == _name(about, key)]


def _name(about: str, key: str) -> str:
    """A key may be longer than what a name may be."""
    return f"{about} {hashlib.sha256(key.encode()).hexdigest()[:32]}"
