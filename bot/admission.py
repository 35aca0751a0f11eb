"""Who is let in: what the settings say (`BOT_ADMISSION`), and what an owner has said of one person, place or role."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Literal

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Origin
from bot.scopes import groups_of, person_of
from bot.slash.permissions import CONSOLE
from memory.people.known import Admitted, Decision, People

logger = logging.getLogger(__name__)

Policy = Literal["open", "allowlist", "pairing"]

SHUT_OUT = "I am not open to you. If you think that I should be, please ask whoever runs me."
BY_CODE = "I do not know you yet. Whoever runs me can let you in with this code: `{code}`"

TOLD_AGAIN_AFTER = timedelta(days=1)

KNOWN_FOR, ASKED_AGAIN_AFTER = timedelta(days=1), timedelta(minutes=5)
"""How long somebody is taken for no stranger, and for one."""

MOST_KNOWN = 10_000

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that could be taken for another
_CODE_LENGTH = 8


async def _nobody_is(_origin: Origin) -> bool:
    return False


class Admission:
    """Judges by person and by where they write. Owners and the terminal can always use the bot."""

    def __init__(
        self,
        people: People,
        policy: Policy,
        owners: Collection[str],
        now: Callable[[], datetime],
        *,
        since: datetime | None = None,
        is_stranger: Callable[[Origin], Awaitable[bool]] = _nobody_is,
    ) -> None:
        """Where nobody else is kept out, strangers need a code all the same.

        Args:
            people: what owners have said of them.
            policy: of others.
            owners: those of the settings.
            now: the clock.
            since: when the policy became another than it had been; None if it never did, as far as is known.
            is_stranger: whether somebody shares no place with the bot; raises what a platform raises that cannot tell.
        """
        self._people = people
        self._policy = policy
        self._owners = frozenset(owners)
        self._now = now
        self._since = since
        self._is_stranger = is_stranger
        self._strangers: dict[tuple[str, str], tuple[bool, datetime]] = {}

    async def refusal(self, origin: Origin) -> str | None:
        """Why somebody is not let in, in a sentence for them alone; None if they are."""
        person = person_of(origin)
        if await self.admits(origin):
            return None
        is_unknown = await self._people.admission(person) is None and not await self._groups(origin)
        if self._policy != "allowlist" and is_unknown:
            return BY_CODE.format(code=await self._people.pairing_code(person, _new_code()))
        return SHUT_OUT

    async def notice(self, origin: Origin) -> str | None:
        """What somebody who is not let in is to be told now: in direct messages, and once a day; else nothing."""
        if not origin.is_direct or not await self._people.note_told(
            person_of(origin), self._now(), again_after=TOLD_AGAIN_AFTER
        ):
            return None
        return await self.refusal(origin)

    async def admits(self, origin: Origin) -> bool:
        """Whether somebody may use the bot there.

        What an owner has said of them goes before what was said of a place or a role, and there a no before a yes.
        """
        person = person_of(origin)
        if self.is_owner(person) or await self._people.admission(person) is not None:
            return await self._admits(person)
        if groups := await self._groups(origin):
            return all(decision.admitted is Admitted.ALLOWED for decision in groups)
        return await self._admits(person) and not await self._needs_code(origin)

    async def admitted_at(self, origin: Origin, moment: datetime) -> bool:
        """Whether somebody who may use the bot now might do so at a moment."""
        person = person_of(origin)
        if self.is_owner(person):
            return True
        decision = await self._people.decision(person)
        if decision is not None:
            return decision.since is None or moment >= decision.since
        moments = [self._since, *(group.since for group in await self._groups(origin))]
        return all(since is None or moment >= since for since in moments)

    def is_owner(self, person: str) -> bool:
        """Whether a person can always use the bot."""
        return person in self._owners or person.startswith(f"{CONSOLE}:")

    async def find(self, code: str) -> str | None:
        """The person who was given this code."""
        return await self._people.of_pairing_code(code.strip().upper())

    async def decide(self, person: str, admitted: Admitted, *, by: str, at: datetime) -> bool:
        """Let somebody in, or shut them out, whatever the settings say; False if that is so already.

        `person` may be a place or a role, too: see `bot.scopes.groups_of`.
        """
        before = await self._people.decision(person)
        if before is not None and before.admitted is admitted:
            return False
        is_new = await self._admits(person) is not (admitted is Admitted.ALLOWED)
        since = at if is_new else before.since if before is not None else self._since
        await self._people.set_admission(person, Decision(admitted, since))
        logger.info("admission person=%s is=%s by=%s", person, admitted, by)
        return True

    async def _needs_code(self, origin: Origin) -> bool:
        """Whether it is a stranger; that is asked once in a while, and where it cannot be told nobody is one."""
        key, now = (person_of(origin), "" if origin.is_direct else origin.space or ""), self._now()
        known = self._strangers.get(key)
        if known is not None and now - known[1] < (ASKED_AGAIN_AFTER if known[0] else KNOWN_FOR):
            return known[0]
        try:
            found = await self._is_stranger(origin)
        except (PlatformUnavailable, DeliveryRefused) as fault:
            logger.info("whether somebody is a stranger cannot be told: %s", fault)
            return False
        self._strangers.pop(key, None)
        self._strangers[key] = (found, now)
        if len(self._strangers) > MOST_KNOWN:
            del self._strangers[next(iter(self._strangers))]
        return found

    async def _groups(self, origin: Origin) -> list[Decision]:
        """What owners have said of the place, and of the roles that somebody has there."""
        decisions = [await self._people.decision(group) for group in groups_of(origin)]
        return [decision for decision in decisions if decision is not None]

    async def _admits(self, person: str) -> bool:
        if self.is_owner(person):
            return True
        decided = await self._people.admission(person)
        return decided is Admitted.ALLOWED or (decided is None and self._policy == "open")


def _new_code() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
