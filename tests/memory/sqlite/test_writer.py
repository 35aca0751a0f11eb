"""Blocks of statements that share a commit: each kept whole or not at all, on disk when it returns, and few commits."""

import asyncio
import contextlib
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

import memory.sqlite.database
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import agents, blocks, model_tiers
from memory.sqlite.writer import Writer

ROOT = Path(memory.sqlite.database.__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVER = 3600.0
LONG = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT sum(i) FROM n"


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[str]]:
    """What SQLite is told by every connection of this process."""
    told: list[str] = []

    def listen(connection: Any, _record: Any) -> None:
        connection.run_async(lambda driver: driver.set_trace_callback(told.append))

    event.listen(Engine, "connect", listen)
    yield told
    event.remove(Engine, "connect", listen)


@pytest.fixture(autouse=True)
def groups_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are not about the clock, unless they say so."""
    monkeypatch.setattr("memory.sqlite.writer.GROUP_S", EVER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


def kept(path: Path) -> list[str]:
    """What somebody else finds in the file at this moment, in the order of ids."""
    with closing(sqlite3.connect(path)) as connection:
        return [scope for (scope,) in connection.execute("SELECT scope FROM agents ORDER BY id")]


async def add(transaction: Transaction, scope: str, summary: str = "") -> None:
    await transaction.execute(insert(agents).values(scope=scope, created_at=NOW, summary=summary))


async def write(database: Database, *scopes: str, alone: bool = False) -> None:
    async with database.write(alone=alone) as transaction:
        for scope in scopes:
            await add(transaction, scope)


class Gate:
    """A block that waits inside, so that a line forms behind it."""

    def __init__(self, database: Database, scope: str, *, alone: bool = False) -> None:
        self._opened = asyncio.Event()
        self._entered = asyncio.Event()
        self.task = asyncio.create_task(self._write(database, scope, alone))

    async def _write(self, database: Database, scope: str, alone: bool) -> None:
        async with database.write(alone=alone) as transaction:
            await add(transaction, scope)
            self._entered.set()
            await self._opened.wait()

    async def entered(self) -> None:
        """Until it waits inside."""
        await self._entered.wait()

    def open(self) -> None:
        """Let it end."""
        self._opened.set()


async def in_line(*works: Any) -> list[asyncio.Task[Any]]:
    """Tasks that have come as far as they come at once: into the line."""
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0)
    return tasks


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


# ── blocks that raise ────────────────────────────────────────────────────────────────────────────────


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


# ── cancellation ─────────────────────────────────────────────────────────────────────────────────────


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


# ── all of it together ───────────────────────────────────────────────────────────────────────────────


class Schedule:
    """Blocks at random: some raise, some break a rule, some are cancelled; it notes which ones ended well."""

    def __init__(self, database: Database, path: Path, seed: int) -> None:
        self._database = database
        self._path = path
        self._random = random.Random(seed)
        self.kept: set[str] = set()

    async def run(self, count: int) -> None:
        """So many blocks at once."""
        await asyncio.gather(*(self._one(f"{number}") for number in range(count)))

    async def _one(self, name: str) -> None:
        work = self._block(name)
        task = asyncio.create_task(finish(work) if self._random.random() < 0.5 else work)
        if self._random.random() < 0.3:
            await asyncio.sleep(0)  # it has begun
            for _ in range(self._random.randrange(1, 4)):
                await self._pause(60)
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ZeroDivisionError, IntegrityError):
            await task
        assert ({f"{name}.0", f"{name}.1"} <= set(kept(self._path))) is (name in self.kept)

    async def _block(self, name: str) -> None:
        dice = self._random
        await self._pause(10)
        async with self._database.write(alone=dice.random() < 0.1) as transaction:
            if dice.random() < 0.1:
                raise ZeroDivisionError
            await add(transaction, f"{name}.0")
            await self._pause(2)
            if dice.random() < 0.1:
                with contextlib.suppress(ZeroDivisionError):
                    async with transaction.begin_nested():
                        await add(transaction, f"undone {name}")
                        raise ZeroDivisionError
            await add(transaction, f"{name}.0" if dice.random() < 0.1 else f"{name}.1")
            if dice.random() < 0.1:
                raise ZeroDivisionError
            self.kept.add(name)
        assert {f"{name}.0", f"{name}.1"} <= set(kept(self._path))

    async def _pause(self, most: int) -> None:
        for _ in range(self._random.randrange(most)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("group_s", [0.0, 0.005, EVER])
@pytest.mark.parametrize("seed", range(8))
async def test_exactly_the_blocks_that_ended_well_are_kept(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, group_s: float
) -> None:
    monkeypatch.setattr("memory.sqlite.writer.GROUP_S", group_s)
    schedule = Schedule(database, path, seed)
    await schedule.run(60)
    assert sorted(kept(path)) == sorted(f"{name}.{part}" for name in schedule.kept for part in range(2))
    assert 10 < len(schedule.kept) < 60


def test_what_was_said_to_be_kept_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import asyncio; from datetime import datetime, UTC; from pathlib import Path\n"
        "from memory.core.agents import AgentStore; from memory.sqlite.database import Database\n"
        "async def main():\n"
        "    now = datetime(2026, 3, 1, tzinfo=UTC)\n"
        "    database = await Database.open(Path('bot.db'), Path('backups'), now)\n"
        "    async def write(writer):\n"
        "        for number in range(10**6):\n"
        "            async with database.write() as transaction:\n"
        "                await AgentStore(database).create(transaction, f'{writer}.{number}', [('human', '')], now)\n"
        "            print(f'{writer}.{number}', flush=True)\n"
        "    await asyncio.gather(*map(write, range(20)))\n"
        "asyncio.run(main())"
    )
    said: list[str] = []
    program = [sys.executable, "-c", code]
    with subprocess.Popen(
        program, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            said.append(line)
            if len(said) == 300:
                child.kill()
    whole = {line.strip() for line in said if line.endswith("\n")}
    assert len(whole) >= 300
    assert whole <= set(kept(tmp_path / "bot.db"))


# ── written later ────────────────────────────────────────────────────────────────────────────────────


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
