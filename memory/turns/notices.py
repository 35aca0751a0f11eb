"""What people are still to be told by the program itself, kept until they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.tables import notices


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for one person; `origin` is JSON that says where what it is about was written."""

    id: int
    origin: Mapping[str, Any]
    text: str
    created_at: datetime
    however_late: bool = False


class NoticeStore:
    """The notices of all scopes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        transaction: Transaction,
        platform: str,
        scope: str,
        origin: Mapping[str, Any],
        text: str,
        now: datetime,
        *,
        however_late: bool = False,
    ) -> None:
        """Keep a notice with what it is about; one that is told `however_late` is never too old."""
        row = {"platform": platform, "scope": scope, "origin": dict(origin), "text": text, "created_at": now}
        await transaction.execute(insert(notices).values(row | {"however_late": however_late}))

    async def keep(self, platform: str, scope: str, origin: Mapping[str, Any], text: str, now: datetime) -> None:
        """Keep by itself a notice that is told however late."""

        async def commit() -> None:
            async with self._database.write() as transaction:
                await self.add(transaction, platform, scope, origin, text, now, however_late=True)

        await finish(commit())

    async def platforms(self) -> tuple[str, ...]:
        """Where something is still to be told."""
        async with self._database.read() as connection:
            return tuple(await connection.scalars(select(notices.c.platform).distinct()))

    async def open_of(self, platform: str) -> tuple[Notice, ...]:
        """What is still to be told on a platform, in order."""
        of_platform = select(notices).where(notices.c.platform == platform).order_by(notices.c.id)
        async with self._database.read() as connection:
            rows = await connection.execute(of_platform)
            return tuple(
                Notice(row.id, row.origin, row.text, row.created_at, however_late=row.however_late) for row in rows
            )

    async def over(self, id_: int) -> None:
        """It was told, or is told no more."""

        async def commit() -> None:
            async with self._database.write() as transaction:
                await transaction.execute(delete(notices).where(notices.c.id == id_))

        await finish(commit())
