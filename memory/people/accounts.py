"""The accounts of each day's tokens: what was spent of a budget, and what is set aside for calls under way.

Tokens are set aside in the same statement that reads how many there are, so that no two calls get the same ones. A
process that dies before it has corrected them leaves too much spent, never too little.
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.tables import spent

KEPT_FOR = timedelta(days=7)

ALL = "all"
"""Everybody's calls together."""

TIMED = "timed"
"""Of these, what timed events took."""


def of_person(person: str) -> str:
    """The account of a person's calls, wherever they write."""
    return f"person {person}"


def of_person_timed(person: str) -> str:
    """Of a person's calls, what timed events took."""
    return f"timed person {person}"


def of_scope(scope: str) -> str:
    """The account of an agent's calls, whoever writes."""
    return f"scope {scope}"


def of_reflections(scope: str) -> str:
    """How often an agent has reflected; what is counted in it are times, not tokens."""
    return f"reflections {scope}"


def of_owner(scope: str, person: str | None) -> tuple[str, ...]:
    """The accounts of an agent, and of the person whose own it is."""
    own = (of_person(person), of_person_timed(person)) if person is not None else ()
    return (of_scope(scope), of_reflections(scope), *own)


class _Full(Exception):
    """An account has no room; undoes the transaction."""

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account


class Accounts:
    """What each account has spent on each day."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tidied: date | None = None

    async def reserve(self, day: date, tokens: int, caps: Mapping[str, int | None]) -> str | None:
        """Set tokens aside in all of some accounts, or in none of them.

        Args:
            day: whose budgets.
            tokens: how many.
            caps: the accounts, each with the most that may be spent on a day; None is no cap.

        Returns:
            The first account that has no room for them; None: they are set aside.
        """
        return await finish(self._reserve(day, tokens, caps))

    async def correct(self, day: date, accounts: Collection[str], tokens: int) -> dict[str, int]:
        """Add to what accounts have spent, or, below 0, give back to them; whatever their caps.

        Returns:
            What each has spent now; nothing if nothing was added.
        """
        return await finish(self._correct(day, accounts, tokens)) if tokens else {}

    async def spent(self, day: date, accounts: Collection[str]) -> dict[str, int]:
        """What accounts have spent on a day; those that are not named have spent nothing."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(spent.c.account, spent.c.tokens).where(spent.c.day == _key(day), spent.c.account.in_(accounts))
            )
            return {account: tokens for account, tokens in rows}

    async def tell_once(self, transaction: Transaction, day: date, account: str) -> bool:
        """Mark, with what tells them, that the owner of an account is told of a cap; False if they were that day."""
        telling = insert(spent).values(day=_key(day), account=account, tokens=0, was_told=True)
        told = await transaction.execute(
            telling.on_conflict_do_update(
                index_elements=["day", "account"], set_={"was_told": True}, where=spent.c.was_told.is_(False)
            )
        )
        return told.rowcount == 1

    async def _reserve(self, day: date, tokens: int, caps: Mapping[str, int | None]) -> str | None:
        adding = insert(spent).values([{"day": _key(day), "account": name, "tokens": tokens} for name in caps])
        added = adding.on_conflict_do_update(
            index_elements=["day", "account"], set_={"tokens": spent.c.tokens + adding.excluded.tokens}
        ).returning(spent.c.account, spent.c.tokens)
        try:
            async with self._database.write() as transaction:
                sums = {account: sum_ for account, sum_ in await transaction.execute(added)}
                for account, cap in caps.items():
                    if cap is not None and sums[account] > cap:
                        raise _Full(account)
                if day != self._tidied:
                    await transaction.execute(delete(spent).where(spent.c.day < _key(day - KEPT_FOR)))
        except _Full as full:
            return full.account
        self._tidied = day
        return None

    async def _correct(self, day: date, accounts: Collection[str], tokens: int) -> dict[str, int]:
        of_them = (spent.c.day == _key(day), spent.c.account.in_(accounts))
        corrected = update(spent).where(*of_them).values(tokens=spent.c.tokens + tokens)
        async with self._database.write() as transaction:
            rows = await transaction.execute(corrected.returning(spent.c.account, spent.c.tokens))
            return {account: sum_ for account, sum_ in rows}


def _key(day: date) -> str:
    return day.isoformat()
