"""What may be spent in a day, checked before each call of the model.

A call is paid from several accounts at once: everybody's, the person's, the agent's, and, if it is timed, those of
timed events, which may take a part of each cap and no more. So timed events leave people the rest whatever happens, and
people may use what timed events have left.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from bot.errors import BudgetSpent
from bot.metering.charges import Charge
from memory.people.accounts import ALL, TIMED, Accounts, of_person, of_person_timed, of_scope
from memory.sqlite.database import Transaction, finish

logger = logging.getLogger(__name__)

NEAR_END = 0.9
"""From this part of a cap on, little is left of it."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most tokens that may be spent in a day; 0 is no cap. Timed events may take at most a fraction of each."""

    per_person: int
    in_all: int
    timed_fraction: float


@dataclass(frozen=True, slots=True)
class Reservation:
    """Tokens set aside for a call."""

    day: date
    accounts: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a cap is spent today, in tokens."""

    account: str
    tokens: int
    cap: int


class Budgets:
    """Lets calls through as long as there is something left of the day.

    Args:
        accounts: what was spent.
        caps: what may be.
        zone: whose midnight a day begins at.
        now: the clock.
    """

    def __init__(self, accounts: Accounts, caps: Caps, zone: ZoneInfo, now: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._caps = caps
        self._zone = zone
        self._now = now
        self._owed: list[tuple[Reservation, int]] = []
        """Calls that ended while the database took nothing, each with the tokens that it took."""
        self._under_way = Counter[str]()
        """Of each account, the tokens set aside for calls that have not ended."""
        self._one_ended = asyncio.Event()
        self._near: set[str] = set()
        """The accounts of which little is left."""
        self._near_on: date | None = None
        self._trying = asyncio.Lock()
        """One after the other, so that nobody takes for spent what somebody else tries in vain to set aside."""

    @property
    def has_caps(self) -> bool:
        """Whether there is anything to check."""
        return self._caps.per_person > 0 or self._caps.in_all > 0

    @property
    def per_person(self) -> int:
        """The most tokens of one person in a day; 0 is no cap."""
        return self._caps.per_person

    def midnight(self) -> datetime:
        """When today began."""
        return datetime.combine(self._today(), time(), self._zone)

    async def reserve(self, charge: Charge, tokens: int) -> Reservation:
        """Set tokens aside for a call; if all that is left is set aside for others, wait what these leave of it.

        Raises:
            BudgetSpent: there are not so many left.
        """
        await self.settle_owed()
        while True:
            day, caps, one_ended = self._today(), self._caps_of(charge), self._one_ended
            reservation = Reservation(day, tuple(caps), tokens)
            async with self._trying:
                full = await self._try(reservation, caps)
            if full is None:
                return reservation
            if not one_ended.is_set():
                if tokens > (caps[full] or 0) or not self._under_way[full]:
                    break
                await one_ended.wait()  # calls take less than what is set aside for them
        logger.info("budget spent account=%s cap=%s wanted=%d", full, caps[full], tokens)
        raise BudgetSpent(self._sentence(full), day)

    async def _try(self, reservation: Reservation, caps: Mapping[str, int | None]) -> str | None:
        """Set tokens aside, if there is room; else the account that has none. Who is cancelled has set none aside."""
        trying = asyncio.ensure_future(self._accounts.reserve(reservation.day, reservation.tokens, caps))
        try:
            full = await finish(trying)
        except asyncio.CancelledError:
            if not trying.cancelled() and trying.exception() is None and trying.result() is None:
                self._owed.append((reservation, 0))
                await self.settle_owed()
            raise
        if full is None:
            self._under_way.update(dict.fromkeys(reservation.accounts, reservation.tokens))
        return full

    async def settle(self, reservation: Reservation, tokens: int) -> None:
        """Put what a call took in the place of what was set aside for it; later, if the database takes nothing now."""
        self._owed.append((reservation, tokens))
        try:
            await self.settle_owed()
        finally:
            self.leave(reservation)

    async def settle_owed(self) -> None:
        """Settle what could not be settled yet, as far as that works now."""
        if self._owed:
            await finish(self._settle_owed())

    async def _settle_owed(self) -> None:
        while self._owed:
            reservation, tokens = owed = self._owed.pop()
            try:
                sums = await self._accounts.correct(reservation.day, reservation.accounts, tokens - reservation.tokens)
            except Exception:  # the answer that was paid is of more weight than what it cost
                self._owed.append(owed)
                logger.exception("what a call took cannot be written down yet")
                return
            self._note_sums(reservation.day, sums)

    def _note_sums(self, day: date, sums: Mapping[str, int]) -> None:
        """Note which accounts have little left."""
        if day != self._near_on:
            self._near_on, self._near = day, set()
        for account, tokens in sums.items():
            cap = self._caps.in_all if account == ALL else self._caps.per_person if _is_of_person(account) else 0
            if cap and tokens >= NEAR_END * cap:
                self._near.add(account)

    def is_near(self, account: str) -> bool:
        """Whether little was left of an account after the last call that was paid from it today."""
        return account in self._near and self._near_on == self._today()

    def is_near_end(self, charge: Charge) -> bool:
        """Whether little is left of an account that a charge is paid from, as far as that is known without a look."""
        return bool(self._near) and any(self.is_near(account) for account in self._caps_of(charge))

    def leave(self, reservation: Reservation) -> None:
        """A call has ended, nobody knows how: it is taken to have cost what was set aside for it."""
        self._under_way -= Counter(dict.fromkeys(reservation.accounts, reservation.tokens))
        self._one_ended.set()
        self._one_ended = asyncio.Event()

    async def is_news(self, transaction: Transaction, spent: BudgetSpent, person: str) -> bool:
        """Whether a person was not told yet of a limit that day; they are, with what the transaction writes."""
        return await self._accounts.tell_once(transaction, spent.day, of_person(person))

    async def used(self, charge: Charge) -> tuple[Used, ...]:
        """Every cap that holds for a charge, with what is spent of it today."""
        caps = {account: cap for account, cap in self._caps_of(charge).items() if cap is not None}
        spent = await self._accounts.spent(self._today(), caps) if caps else {}
        return tuple(Used(account, spent.get(account, 0), cap) for account, cap in caps.items())

    def _today(self) -> date:
        return self._now().astimezone(self._zone).date()

    def _caps_of(self, charge: Charge) -> Mapping[str, int | None]:
        """The accounts that a charge is paid from, with their caps; the one that says most to the person first."""
        per_person, in_all, person = self._caps.per_person or None, self._caps.in_all or None, charge.person
        caps = {of_person(person): per_person} if person is not None else {}
        caps |= {ALL: in_all, of_scope(charge.scope): None}
        if charge.is_timed:
            caps[TIMED] = self._timed_share(in_all)
            if person is not None:
                caps[of_person_timed(person)] = self._timed_share(per_person)
        return caps

    def _timed_share(self, cap: int | None) -> int | None:
        return None if cap is None else int(cap * self._caps.timed_fraction)

    def _sentence(self, account: str) -> str:
        if account == ALL:
            whose = "I have reached my daily limit of tokens for everybody together"
        elif account.startswith(TIMED):
            whose = "Timed events have reached their part of the daily limit of tokens"
        else:
            whose = "You have reached your daily limit of tokens with me"
        return f"{whose}; it begins anew at midnight ({self._zone.key})."


def _is_of_person(account: str) -> bool:
    return account.startswith(of_person(""))
