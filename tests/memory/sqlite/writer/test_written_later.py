"""Statements that nobody waits for: there when the block has returned, undone with it, and told to it alone."""

import asyncio
import contextlib

import pytest
from sqlalchemy import insert, select

from memory.sqlite.database import Database, Transaction
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import model_tiers
from tests.memory.sqlite.writer.blocks import NOW

LATER = Prepared(insert(model_tiers), ["server", "model", "tier", "found_at"])


def later(transaction: Transaction, *servers: str | None) -> None:
    LATER.later(transaction, [{"server": server, "model": "m", "tier": "t", "found_at": NOW} for server in servers])


async def servers(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(select(model_tiers.c.server).order_by(model_tiers.c.server)))


async def test_what_is_written_later_is_there_when_the_block_has_returned(database: Database) -> None:
    async with database.write() as transaction:
        later(transaction, "a", "b")
    assert await servers(database) == ["a", "b"]


async def test_a_statement_that_is_waited_for_sees_what_was_written_later(database: Database) -> None:
    async with database.write() as transaction:
        later(transaction, "a")
        assert await transaction.scalar(select(model_tiers.c.server)) == "a"


async def test_what_a_block_writes_later_is_undone_with_it(database: Database) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with database.write() as transaction:
            later(transaction, "a")
            raise ZeroDivisionError
    async with database.write() as transaction:
        later(transaction, "b")
    assert await servers(database) == ["b"]


@pytest.mark.parametrize("bad_at", [0, 1, 2])
async def test_what_fails_later_is_told_to_its_own_block_alone(database: Database, bad_at: int) -> None:
    async def write(number: int) -> None:
        async with database.write() as transaction:
            await asyncio.sleep(0)  # the others are in line by now
            later(transaction, None if number == bad_at else str(number))

    ended = await asyncio.gather(*map(write, range(3)), return_exceptions=True)
    assert [number for number, error in enumerate(ended) if error is not None] == [bad_at]
    assert await servers(database) == [str(number) for number in range(3) if number != bad_at]


async def test_a_block_in_a_group_that_raises_before_it_wrote_undoes_no_other(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as transaction:
            await asyncio.sleep(0)
            later(transaction, str(number))
            if number == 1:
                raise ZeroDivisionError

    await asyncio.gather(*map(write, range(4)), return_exceptions=True)
    assert await servers(database) == ["0", "2", "3"]
