"""A block that raises is undone by itself; a commit or a connection that fails is told to all of its group."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from memory.sqlite.database import Database
from memory.sqlite.tables import blocks
from tests.memory.sqlite.writer.blocks import Gate, add, in_line, kept, write


@pytest.mark.parametrize("faulty", [{0}, {1}, {4}, {0, 1}, {3, 4}, {0, 2, 4}, {0, 1, 2, 3, 4}])
async def test_a_block_that_raises_is_undone_by_itself(database: Database, path: Path, faulty: set[int]) -> None:
    async def write_or_raise(number: int) -> None:
        async with database.write() as transaction:
            await add(transaction, str(number))
            if number in faulty:
                raise ZeroDivisionError

    outcomes = await asyncio.gather(*map(write_or_raise, range(5)), return_exceptions=True)
    assert {number for number in range(5) if isinstance(outcomes[number], ZeroDivisionError)} == faulty
    assert kept(path) == [str(number) for number in range(5) if number not in faulty]


async def test_a_savepoint_in_a_block_is_its_own(database: Database, path: Path) -> None:
    async def half(number: int) -> None:
        async with database.write() as transaction:
            with contextlib.suppress(ZeroDivisionError):
                async with transaction.begin_nested():
                    await add(transaction, f"undone {number}")
                    raise ZeroDivisionError
            async with transaction.begin_nested():
                await add(transaction, str(number))

    await asyncio.gather(*map(half, range(4)))
    assert kept(path) == ["0", "1", "2", "3"]


async def test_a_commit_that_fails_is_told_to_all_of_its_group(database: Database, path: Path) -> None:
    async def break_a_rule() -> None:
        async with database.write() as transaction:
            await transaction.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # until the commit
            await transaction.execute(insert(blocks).values(agent_id=404, label="h", position=0, value=""))

    gate = Gate(database, "a")
    await gate.entered()
    tasks = await in_line(write(database, "b"), break_a_rule(), write(database, "c"))
    gate.open()
    outcomes = await asyncio.gather(gate.task, *tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [IntegrityError] * 4
    assert kept(path) == []
    await write(database, "d")
    assert kept(path) == ["d"]


@pytest.mark.parametrize("takes_notice", [True, False])
async def test_a_transaction_that_sqlite_gives_up_is_told_to_all_of_its_group(
    database: Database, path: Path, takes_notice: bool
) -> None:
    async def lose_all() -> None:
        async with database.write() as transaction:
            try:
                # As after an error of the disk, nothing is left of the transaction.
                await transaction.exec_driver_sql(
                    "INSERT OR ROLLBACK INTO agents (scope, created_at) VALUES ('a', '2026-03-01 12:00:00')"
                )
            except IntegrityError:
                if takes_notice:
                    raise
            await add(transaction, "b")

    gate = Gate(database, "a")
    await gate.entered()
    tasks = await in_line(lose_all())
    gate.open()
    outcomes = await asyncio.gather(gate.task, *tasks, return_exceptions=True)
    assert all(isinstance(outcome, (DatabaseError, sqlite3.Error)) for outcome in outcomes)
    assert kept(path) == []
    await write(database, "c")
    assert kept(path) == ["c"]


async def test_a_full_disk_keeps_what_it_said_to_keep(database: Database, path: Path) -> None:
    async def too_much() -> None:
        async with database.write() as transaction:
            await add(transaction, "b", "x" * 2**22)

    async with database.write() as transaction:
        pages = (await transaction.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await transaction.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    gate = Gate(database, "a")
    await gate.entered()
    tasks = await in_line(too_much(), write(database, "c"))
    gate.open()
    first, second, third = await asyncio.gather(gate.task, *tasks, return_exceptions=True)
    assert isinstance(second, OperationalError)
    assert kept(path) == [scope for scope, outcome in (("a", first), ("c", third)) if outcome is None]
    await write(database, "d")
    assert kept(path)[-1] == "d"


async def test_a_connection_that_is_lost_is_told_to_its_group_and_opened_anew(database: Database, path: Path) -> None:
    async def lose() -> None:
        async with database.write() as transaction:
            connection = (await transaction.get_raw_connection()).driver_connection
            assert connection is not None
            await connection.close()
            await add(transaction, "b")

    gate = Gate(database, "a")
    await gate.entered()
    tasks = await in_line(lose(), write(database, "c"))
    gate.open()
    outcomes = await asyncio.gather(gate.task, *tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OperationalError, OperationalError, type(None)]
    await write(database, "d")
    assert kept(path) == ["c", "d"]
