"""Blocks of statements share a commit: few commits, and each block on disk when it returns."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from memory.sqlite.database import Database
from tests.memory.sqlite.writer.blocks import Gate, in_line, kept, write

# ── how many commits ─────────────────────────────────────────────────────────────────────────────────


async def test_a_single_writer_makes_one_commit_and_nothing_besides(database: Database, heard: list[str]) -> None:
    heard.clear()
    await write(database, "a")
    begin, statement, commit = heard
    assert (begin, statement[:18], commit) == ("BEGIN IMMEDIATE", "INSERT INTO agents", "COMMIT")


async def test_a_block_that_writes_nothing_commits_nothing(database: Database, heard: list[str]) -> None:
    heard.clear()
    await write(database)
    await asyncio.gather(write(database), write(database))
    assert heard == []


async def test_what_stands_in_line_shares_one_commit(database: Database, path: Path, heard: list[str]) -> None:
    gate = Gate(database, "0")
    await gate.entered()
    heard.clear()
    tasks = await in_line(*(write(database, str(number)) for number in range(1, 30)))
    gate.open()
    await asyncio.gather(gate.task, *tasks)
    assert heard.count("COMMIT") == 1
    assert kept(path) == [str(number) for number in range(30)]


async def test_many_writers_make_few_commits(database: Database, path: Path, heard: list[str]) -> None:
    heard.clear()

    async def write_some(writer: int) -> None:
        for number in range(5):
            await write(database, f"{writer}.{number}")

    await asyncio.gather(*(write_some(writer) for writer in range(40)))
    assert len(kept(path)) == 200
    assert heard.count("COMMIT") <= 20


async def test_nobody_joins_an_old_group(database: Database, monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    monkeypatch.setattr("memory.sqlite.writer.GROUP_S", 0.0)
    heard.clear()
    await asyncio.gather(*(write(database, str(number)) for number in range(10)))
    assert heard.count("COMMIT") == 10


# ── when a block returns ─────────────────────────────────────────────────────────────────────────────


async def test_a_block_returns_after_the_commit_that_holds_it(database: Database, path: Path) -> None:
    first, second = Gate(database, "first"), Gate(database, "second")
    await first.entered()
    first.open()
    await second.entered()
    assert not first.task.done()
    assert kept(path) == []
    second.open()
    await asyncio.gather(first.task, second.task)
    assert kept(path) == ["first", "second"]


async def test_nobody_waits_for_a_block_that_is_to_be_alone(database: Database, path: Path) -> None:
    before, alone, after = Gate(database, "before"), Gate(database, "alone", alone=True), Gate(database, "after")
    await before.entered()
    before.open()
    await alone.entered()
    await before.task
    assert kept(path) == ["before"]
    alone.open()
    await after.entered()
    await alone.task
    assert kept(path) == ["before", "alone"]
    after.open()
    await after.task


async def test_the_log_is_emptied_in_turn(database: Database, path: Path) -> None:
    gate = Gate(database, "a")
    await gate.entered()
    tasks = await in_line(write(database, "b"), database.truncate_log())
    gate.open()
    await asyncio.gather(gate.task, *tasks)
    assert kept(path) == ["a", "b"]
    assert path.with_name("bot.db-wal").stat().st_size == 0


# ── an end that is near ──────────────────────────────────────────────────────────────────────────────


async def test_in_a_hurry_it_hardly_waits_for_a_lock_of_somebody_else_and_writes_when_it_is_gone(
    database: Database, path: Path, heard: list[str]
) -> None:
    await write(database, "before")
    database.hurry()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        heard.clear()
        for _ in range(2):  # after a failure as well
            with pytest.raises(OperationalError, match="locked"):
                await write(database, "in vain")
        other.execute("ROLLBACK")
    await write(database, "after")
    assert heard.count("PRAGMA busy_timeout=100") == 3
    assert heard.index("PRAGMA busy_timeout=100") < heard.index("BEGIN IMMEDIATE")
    assert kept(path) == ["before", "after"]
