"""A block that is cancelled at any moment takes nothing of others with it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from memory.sqlite.database import Database
from memory.sqlite.writer import Writer
from tests.memory.sqlite.writer.blocks import Gate, add, in_line, kept, write

LONG = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT sum(i) FROM n"


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel, and wait for the end."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_statement_that_is_cut_off_takes_nothing_with_it(database: Database, path: Path) -> None:
    inside = asyncio.Event()

    async def take_long() -> None:
        async with database.write() as transaction:
            await add(transaction, "b")
            inside.set()
            await transaction.exec_driver_sql(LONG)

    gate = Gate(database, "a")
    await gate.entered()
    tasks = await in_line(take_long(), write(database, "c"))
    gate.open()
    await inside.wait()
    await asyncio.sleep(0.01)  # into the statement
    await cancelled(tasks[0])
    await asyncio.gather(gate.task, tasks[1])
    assert kept(path) == ["a", "c"]


async def test_a_block_that_is_cancelled_again_while_it_is_undone_is_undone(database: Database, path: Path) -> None:
    async def take_long() -> None:
        async with database.write() as transaction:
            await add(transaction, "b")
            await transaction.exec_driver_sql(LONG)

    gate = Gate(database, "a")
    await gate.entered()
    tasks = await in_line(take_long(), write(database, "c"))
    gate.open()
    while not tasks[0].done():
        await asyncio.sleep(0.01)
        tasks[0].cancel()
    await asyncio.gather(gate.task, tasks[1])
    assert tasks[0].cancelled()
    assert kept(path) == ["a", "c"]


async def test_whoever_leaves_the_line_is_not_waited_for(database: Database, path: Path) -> None:
    gate = Gate(database, "a")
    await gate.entered()
    for task in await in_line(write(database, "b"), write(database, "c")):
        await cancelled(task)
    gate.open()
    await gate.task
    assert kept(path) == ["a"]


@pytest.mark.parametrize("others", [[], ["c"]])
async def test_whoever_is_cancelled_when_its_turn_comes_hands_it_on(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    gate = Gate(database, "a")
    await gate.entered()
    unlucky, *tasks = await in_line(write(database, "b"), *(write(database, scope) for scope in others))
    give_turn = Writer._give_turn

    def give_turn_and_cancel(self: Writer) -> None:
        give_turn(self)
        unlucky.cancel()

    monkeypatch.setattr(Writer, "_give_turn", give_turn_and_cancel)
    gate.open()
    await asyncio.gather(gate.task, *tasks)
    assert unlucky.cancelled()
    assert kept(path) == ["a", *others]
    await write(database, "d")
    assert kept(path) == ["a", *others, "d"]


async def test_whoever_is_cancelled_while_it_waits_for_the_commit_is_kept(database: Database, path: Path) -> None:
    first, second = Gate(database, "a"), Gate(database, "b")
    await first.entered()
    first.open()
    await second.entered()
    first.task.cancel()
    await asyncio.sleep(0)
    assert not first.task.done()
    second.open()
    await second.task
    with pytest.raises(asyncio.CancelledError):
        await first.task
    assert kept(path) == ["a", "b"]
