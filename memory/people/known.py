"""What is kept of people apart from any agent: their time zone, whether they are let in, and what they were told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.sqlite import Insert, insert

from memory.people.told import Told, is_note
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.tables import people, platform_notes

_POLICY = "admission"
"""The note, of no platform, that says how people are let in, and since when."""


class Admitted(StrEnum):
    """What an owner has said of a person."""

    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Decision:
    """What an owner has said of a person; `since` when, if it changed anything."""

    admitted: Admitted
    since: datetime | None = None


class People:
    """People by the id that `bot.scopes.person_of` gives them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._decisions: dict[str, Decision] | None = None

    async def timezone(self, person_id: str) -> str | None:
        """The IANA name of a person's time zone: as they have set it, else as their platform tells; None: unknown."""
        known = select(func.coalesce(people.c.timezone, people.c.told_timezone)).where(people.c.id == person_id)
        async with self._database.read() as connection:
            zone: str | None = await connection.scalar(known)
        return zone

    async def tell_timezone(self, person_id: str, zone: str) -> None:
        """Keep which time zone a platform knows somebody to be in."""
        await self._keep(person_id, told_timezone=zone)

    async def learn_timezone(self, transaction: Transaction, person_id: str, zone: str) -> None:
        """Keep the time zone that somebody has named to their agent, if they have set none."""
        await transaction.execute(_upsert(person_id, {"timezone": zone}, people.c.timezone.is_(None)))

    async def set_timezone(self, person_id: str, zone: str) -> None:
        """Keep a person's time zone."""
        await self._keep(person_id, timezone=zone)

    async def admission(self, person_id: str) -> Admitted | None:
        """What an owner has said of a person."""
        decision = await self.decision(person_id)
        return decision.admitted if decision is not None else None

    async def decision(self, person_id: str) -> Decision | None:
        """The same, with since when; all that owners have said is kept at hand."""
        if self._decisions is None:
            async with self._database.read() as connection:
                decided = select(people).where(people.c.admission.is_not(None))
                self._decisions = {
                    row.id: Decision(Admitted(row.admission), row.admission_since)
                    for row in await connection.execute(decided)
                }
        return self._decisions.get(person_id)

    async def set_admission(self, person_id: str, decision: Decision) -> None:
        """Keep what an owner says of a person; their code is of no use any more, and they are told anew."""

        async def commit() -> None:
            values = {
                "admission": decision.admitted.value,
                "admission_since": decision.since,
                "pairing_code": None,
            }
            async with self._database.write() as transaction:
                await transaction.execute(_upsert(person_id, values))
                await transaction.execute(delete(platform_notes).where(*is_note(*_note_of(person_id))))
            if self._decisions is not None:
                self._decisions[person_id] = decision

        await finish(commit())

    async def policy_since(self, policy: str, now: Callable[[], datetime]) -> datetime | None:
        """When the operator's settings began to let people in as they do now; None if they were never seen to change.

        Args:
            policy: how they do.
            now: the clock, asked when another is seen than there was before.
        """
        which = (platform_notes.c.platform == "", platform_notes.c.name == _POLICY)
        async with self._database.read() as connection:
            known = await connection.scalar(select(platform_notes.c.value).where(*which))
        before, _, since = (known or "").partition(" ")
        if before == policy:
            return datetime.fromisoformat(since) if since else None
        changed_at = now() if before else None
        note = {"value": f"{policy} {changed_at.isoformat()}" if changed_at is not None else policy}
        new = insert(platform_notes).values(platform="", name=_POLICY, **note)

        async def commit() -> None:
            async with self._database.write() as transaction:
                await transaction.execute(new.on_conflict_do_update(index_elements=["platform", "name"], set_=note))

        await finish(commit())
        return changed_at

    async def pairing_code(self, person_id: str, new: str) -> str:
        """The code by which an owner can name a person: the one that they have, else the new one."""
        async with self._database.read() as connection:
            kept = await connection.scalar(select(people.c.pairing_code).where(people.c.id == person_id))
        if kept is None:
            await self._keep(person_id, pairing_code=new)
        return str(kept or new)

    async def of_pairing_code(self, code: str) -> str | None:
        """The person who has this code."""
        async with self._database.read() as connection:
            found: str | None = await connection.scalar(select(people.c.id).where(people.c.pairing_code == code))
        return found

    async def note_told(self, person_id: str, now: datetime, *, again_after: timedelta) -> bool:
        """Keep that a person is told now that they are not let in; False if they were told lately."""
        return await Told(self._database, lambda: now).once(*_note_of(person_id), again_after=again_after)

    async def greet(self, transaction: Transaction, person_id: str, now: datetime) -> bool:
        """Keep that a person is told, with their first reply, what is kept of them; False if they were before."""
        first = _upsert(person_id, {"greeted_at": now}, people.c.greeted_at.is_(None))
        return await transaction.scalar(first.returning(people.c.id)) is not None

    def let_go(self) -> None:
        """Ask the database anew for what owners have said: somebody is erased."""
        self._decisions = None

    async def _keep(self, person_id: str, **values: Any) -> None:
        async def commit() -> None:
            async with self._database.write() as transaction:
                await transaction.execute(_upsert(person_id, values))

        await finish(commit())


def _upsert(person_id: str, values: Mapping[str, Any], where: Any = None) -> Insert:
    new = insert(people).values(id=person_id, **values)
    return new.on_conflict_do_update(index_elements=["id"], set_=dict(values), where=where)


def _note_of(person_id: str) -> tuple[str, str, str]:
    """What says when a person was told that they are not let in."""
    return person_id.partition(":")[0], "not let in", person_id
