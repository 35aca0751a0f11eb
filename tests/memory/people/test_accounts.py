"""Accounts of a day's tokens: nothing is given twice, and nothing is forgotten."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.people.accounts import ALL, Accounts, of_person
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

DAY = date(2026, 3, 1)
ADA, BOB = of_person("console:ada"), of_person("console:bob")


async def test_all_accounts_are_charged_or_none(database: Database) -> None:
    accounts = Accounts(database)
    assert await accounts.reserve(DAY, 60, {ADA: 100, ALL: 100}) is None
    assert await accounts.reserve(DAY, 60, {BOB: 100, ALL: 100}) == ALL
    assert await accounts.spent(DAY, [ADA, BOB, ALL]) == {ADA: 60, ALL: 60}
    assert await accounts.reserve(DAY, 40, {BOB: 100, ALL: 100}) is None
    assert await accounts.spent(DAY, [ADA, BOB, ALL]) == {ADA: 60, BOB: 40, ALL: 100}


async def test_the_first_account_without_room_is_named(database: Database) -> None:
    assert await Accounts(database).reserve(DAY, 101, {ADA: 100, ALL: 100}) == ADA
    assert await Accounts(database).reserve(DAY, 101, {ALL: 100, ADA: 100}) == ALL


async def test_an_account_without_a_cap_is_kept_all_the_same(database: Database) -> None:
    accounts = Accounts(database)
    assert await accounts.reserve(DAY, 10**12, {ADA: None}) is None
    assert await accounts.spent(DAY, [ADA]) == {ADA: 10**12}


async def test_of_calls_at_once_only_those_pass_that_fit(database: Database) -> None:
    accounts = Accounts(database)
    full = await asyncio.gather(*(accounts.reserve(DAY, 30, {ADA: 100}) for _ in range(8)))
    assert sorted(full, key=str) == sorted([None] * 3 + [ADA] * 5, key=str)
    assert await accounts.spent(DAY, [ADA]) == {ADA: 90}


async def test_two_connections_do_not_get_the_same_tokens(database: Database, tmp_path: Path) -> None:
    other = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
    full = await asyncio.gather(
        *(Accounts(one).reserve(DAY, 30, {ADA: 100}) for _ in range(4) for one in (database, other))
    )
    await other.close()
    assert full.count(None) == 3


async def test_what_was_set_aside_is_corrected(database: Database) -> None:
    accounts = Accounts(database)
    await accounts.reserve(DAY, 50, {ADA: 100, ALL: None})
    await accounts.correct(DAY, [ADA, ALL], -20)
    await accounts.correct(DAY, [ADA], 5)
    await accounts.correct(DAY, [BOB], 5)  # erased meanwhile
    assert await accounts.spent(DAY, [ADA, BOB, ALL]) == {ADA: 35, ALL: 30}


async def test_each_day_is_its_own_and_old_ones_go(database: Database) -> None:
    accounts = Accounts(database)
    days = [DAY + timedelta(days=number) for number in range(10)]
    for day in days:
        assert await accounts.reserve(day, 100, {ADA: 100}) is None
    left = [day for day in days if await accounts.spent(day, [ADA])]
    assert left == days[2:]


async def test_one_is_told_once_a_day_whatever_was_spent(database: Database) -> None:
    accounts, next_day = Accounts(database), DAY + timedelta(days=1)

    async def tell(day: date, account: str) -> bool:
        async with database.write() as transaction:
            return await Accounts(database).tell_once(transaction, day, account)

    assert [await tell(DAY, ADA) for _ in range(3)] == [True, False, False]
    assert await tell(DAY, BOB)
    await accounts.reserve(next_day, 5, {ADA: 10})
    assert [await tell(next_day, ADA) for _ in range(2)] == [True, False]
    assert await accounts.spent(DAY, [ADA]) == {ADA: 0}


async def test_a_cancelled_reservation_stands_or_was_never_made(database: Database) -> None:
    for turns in range(12):
        accounts, day = Accounts(database), DAY + timedelta(days=turns % 5)
        before = (await accounts.spent(day, [ADA])).get(ADA, 0)
        task = asyncio.ensure_future(accounts.reserve(day, 10, {ADA: None}))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert (await accounts.spent(day, [ADA])).get(ADA, 0) in (before, before + 10)
        assert await accounts.reserve(day, 0, {ALL: None}) is None  # the writer is free


@given(
    cap=st.integers(0, 200),
    wanted=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 100)), max_size=12),
    at_once=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_never_more_is_spent_than_the_cap_and_what_estimates_were_wrong_by(
    database: Database, cap: int, wanted: list[tuple[int, int]], at_once: int
) -> None:
    """Of the calls under way together; of one call after another that is one call's error."""
    accounts, took, errors = Accounts(database), 0, [0]
    async with database.write() as transaction:
        await transaction.exec_driver_sql("DELETE FROM spent")

    async def call(estimate: int, took: int) -> tuple[int, int]:
        if await accounts.reserve(DAY, estimate, {ADA: cap, ALL: None}) is not None:
            return 0, 0
        await asyncio.sleep(0)
        await accounts.correct(DAY, [ADA, ALL], took - estimate)
        return took, max(0, took - estimate)

    for start in range(0, len(wanted), at_once):
        ended = await asyncio.gather(*(call(*one) for one in wanted[start : start + at_once]))
        took += sum(tokens for tokens, _ in ended)
        errors.append(sum(error for _, error in ended))
        assert took <= cap + max(errors)
    assert (await accounts.spent(DAY, [ADA])).get(ADA, 0) == took
