"""The database: its schema, its promises to writers and readers, and files that it refuses and leaves alone."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, event, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import Pool

import memory.sqlite.database
from memory.ports import StorageUnavailable
from memory.sqlite.database import READERS, SCHEMA_REVISION, Database, Transaction
from memory.sqlite.tables import MESSAGE_WORDS, PASSAGE_WORDS, agents, metadata

ROOT = Path(memory.sqlite.database.__file__).parents[2]
WORDS = (MESSAGE_WORDS, PASSAGE_WORDS)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def opened(folder: Path) -> Database:
    return await Database.open(folder / "bot.db", folder / "backups", NOW)


async def filled(folder: Path, *, rows: int = 400) -> Path:
    """A closed database with some agents in it; its file."""
    database = await opened(folder)
    async with database.write() as transaction:
        await transaction.execute(insert(agents), [agent(number, "x" * 500) for number in range(rows)])
    await database.close()
    return folder / "bot.db"


def agent(number: int, summary: str = "") -> dict[str, object]:
    return {"scope": f"console:dm:{number}", "created_at": NOW, "summary": summary}


async def scopes(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(select(agents.c.scope).order_by(agents.c.id)))


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def run(code: str, folder: Path) -> int:
    """Run a program in a fresh interpreter and a folder; its exit code."""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env={"PYTHONPATH": str(ROOT)}).returncode


async def refused(path: Path) -> str:
    """What opening the file says; the file is left as it was."""
    before = files(path.parent)
    with pytest.raises(StorageUnavailable) as caught:
        await Database.open(path, path.parent / "backups", NOW)
    assert files(path.parent) == before
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert len(told.splitlines()) == 1
    return told


# ── the schema ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_migrations_make_exactly_the_schema_of_the_tables(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    engine = create_engine(URL.create("sqlite", database=str(path)))
    with engine.connect() as connection:
        # Of the indexes of words the tables know nothing: `memory.sqlite.tables` makes them with statements of its own.
        opts = {"compare_type": True, "include_name": lambda name, kind, _: not str(name).startswith(WORDS)}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_the_migrations_make_what_the_tables_would_make_themselves(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    engine = create_engine(URL.create("sqlite", database=str(tmp_path / "other.db")))
    metadata.create_all(engine)
    engine.dispose()
    migrated, made = _schema(path), _schema(tmp_path / "other.db")
    assert migrated.pop("alembic_version")
    assert migrated == made


def _schema(path: Path) -> dict[str, object]:
    """Columns, indexes with their conditions, foreign keys and whether ids are never given twice, by table."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: (
                connection.execute(f"PRAGMA table_info({name})").fetchall(),
                sorted(
                    connection.execute(
                        "SELECT name, sql FROM sqlite_master WHERE tbl_name = ?1 AND type = 'index'", (name,)
                    )
                ),
                connection.execute(f"PRAGMA foreign_key_list({name})").fetchall(),
                connection.execute(
                    "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = ?", (name,)
                ).fetchall(),
            )
            for name in names
        }


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "memory" / "sqlite" / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]


async def test_an_up_to_date_database_opens_without_alembic(tmp_path: Path) -> None:
    await filled(tmp_path)
    code = (
        "import asyncio, sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from memory.sqlite.database import Database\n"
        "async def main():\n"
        "    database = await Database.open(Path('bot.db'), Path('backups'), datetime(2026, 3, 1, tzinfo=UTC))\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert run(code, tmp_path) == 0


# ── readers and the writer ───────────────────────────────────────────────────────────────────────────


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 5000}


@pytest.mark.parametrize(("pragma", "value"), PRAGMAS.items())
async def test_every_connection_keeps_what_it_was_given(database: Database, pragma: str, value: object) -> None:
    async with database.read() as first, database.read() as second, database.write() as transaction:
        for connection in (first, second, transaction):
            assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar() == value


async def test_many_who_read_at_once_share_what_connections_there_are(database: Database) -> None:
    made: list[object] = []

    def listen(connection: object, _record: object) -> None:
        made.append(connection)

    async def reads() -> None:
        async with database.read() as connection:
            await connection.scalars(select(agents.c.id))

    event.listen(Engine, "connect", listen)
    try:
        for _ in range(3):
            await asyncio.gather(*(reads() for _ in range(50)))
    finally:
        event.remove(Engine, "connect", listen)
    assert len(made) <= READERS


async def test_a_reader_that_is_cut_off_gives_its_connection_back_at_once(database: Database) -> None:
    """The end of the loop cancels what still reads, and waits for nothing that begins only then."""
    given_back: list[object] = []

    def listen(connection: object, _record: object) -> None:
        given_back.append(connection)

    reads = asyncio.Event()

    async def read() -> None:
        async with database.read():
            reads.set()
            await asyncio.Event().wait()

    event.listen(Pool, "checkin", listen)
    try:
        reader = asyncio.create_task(read())
        await reads.wait()
        reader.cancel()
        await asyncio.sleep(0)
        assert reader.done()
    finally:
        event.remove(Pool, "checkin", listen)
    assert len(given_back) == 1


@pytest.mark.parametrize("how", ["read", "snapshot"])
async def test_what_is_read_when_it_is_closed_is_closed_when_that_ends(database: Database, how: str) -> None:
    reads, ends = asyncio.Event(), asyncio.Event()

    async def read() -> Any:
        async with getattr(database, how)() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            reads.set()
            await ends.wait()
            return driver

    reader = asyncio.create_task(read())
    await reads.wait()
    await database.close()
    ends.set()
    driver = await reader
    with pytest.raises(ValueError, match=r"closed|no active connection"):
        await driver.execute("SELECT 1")


async def test_a_close_that_is_cancelled_closes_all(database: Database) -> None:
    async with database.read() as one, database.read() as another:
        drivers: list[Any] = [(await each.get_raw_connection()).driver_connection for each in (one, another)]
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    for driver in drivers:
        with pytest.raises(ValueError, match=r"closed|no active connection"):
            await driver.execute("SELECT 1")


async def test_nothing_is_read_of_a_closed_database(database: Database) -> None:
    await database.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        async with database.read():
            pass
    with pytest.raises(StorageUnavailable, match="closed"):
        async with database.snapshot():
            pass


async def test_a_reader_sees_what_is_committed_and_nothing_before(database: Database) -> None:
    async with database.read() as connection:
        async with database.write() as transaction:
            await transaction.execute(insert(agents).values(**agent(1)))
            assert (await connection.scalars(select(agents.c.id))).all() == []
        assert (await connection.scalars(select(agents.c.scope))).all() == ["console:dm:1"]


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as transaction:
            await transaction.execute(insert(agents).values(**agent(1)))
            await transaction.execute(update(agents).values(summary="changed"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await scopes(database) == []
    async with database.write() as transaction:
        await transaction.execute(insert(agents).values(**agent(2)))
    assert await scopes(database) == ["console:dm:2"]


@pytest.mark.parametrize("comes_first", [True, False])
async def test_a_savepoint_undoes_itself_alone_and_goes_with_its_transaction(
    database: Database, comes_first: bool
) -> None:
    async def fail(savepoint: AbstractAsyncContextManager[object], transaction: Transaction) -> None:
        async with savepoint:
            await transaction.execute(insert(agents).values(**agent(1)))
            raise ZeroDivisionError

    async with database.write() as transaction:
        if not comes_first:
            await transaction.execute(insert(agents).values(**agent(2)))
        with pytest.raises(ZeroDivisionError):
            await fail(transaction.begin_nested(), transaction)
        async with transaction.begin_nested():
            await transaction.execute(insert(agents).values(**agent(3)))
        assert await scopes(database) == []
    kept = ["console:dm:3"] if comes_first else ["console:dm:2", "console:dm:3"]
    assert await scopes(database) == kept

    async def fail_after_it() -> None:
        async with database.write() as transaction:
            await fail_not(transaction)
            raise ZeroDivisionError

    async def fail_not(transaction: Transaction) -> None:
        async with transaction.begin_nested():
            await transaction.execute(insert(agents).values(**agent(4)))

    with pytest.raises(ZeroDivisionError):
        await fail_after_it()
    assert await scopes(database) == kept


async def test_a_transaction_that_is_cancelled_leaves_nothing(database: Database) -> None:
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.write() as transaction:
            await transaction.execute(insert(agents).values(**agent(1)))
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as transaction:
        await transaction.execute(insert(agents).values(**agent(2)))
    assert await scopes(database) == ["console:dm:2"]


async def test_a_transaction_that_breaks_a_rule_leaves_nothing_and_shows_no_text(database: Database) -> None:
    async def insert_twice() -> None:
        async with database.write() as transaction:
            await transaction.execute(insert(agents).values(**agent(1, "a secret")))
            await transaction.execute(insert(agents).values(**agent(1, "a secret")))

    with pytest.raises(IntegrityError, match="UNIQUE constraint failed") as caught:
        await insert_twice()
    assert "a secret" not in str(caught.value)
    assert await scopes(database) == []


async def test_writers_take_turns_and_all_arrive(database: Database) -> None:
    async with database.write() as transaction:
        await transaction.execute(insert(agents).values(**agent(0, "0")))

    async def count_up(number: int) -> None:
        async with database.write() as transaction:
            await transaction.execute(insert(agents).values(**agent(number)))
            counted = await transaction.scalar(select(agents.c.summary).where(agents.c.scope == "console:dm:0"))
            await asyncio.sleep(0)
            await transaction.execute(
                update(agents).where(agents.c.scope == "console:dm:0").values(summary=str(int(counted or 0) + 1))
            )

    async def look() -> None:
        for _ in range(5):
            await scopes(database)

    await asyncio.gather(*(count_up(number) for number in range(1, 41)), *(look() for _ in range(20)))
    assert len(await scopes(database)) == 41
    async with database.read() as connection:
        assert await connection.scalar(select(agents.c.summary).order_by(agents.c.id)) == "40"


async def test_rows_of_an_agent_go_with_it_and_their_text_is_overwritten(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    async with database.write() as transaction:
        await transaction.execute(insert(agents).values(**agent(1, "kanarienvogel" * 100)))
        await transaction.execute(
            insert(metadata.tables["blocks"]).values(agent_id=1, label="h", position=0, value="v")
        )
    async with database.write() as transaction:
        await transaction.execute(agents.delete())
    async with database.read() as connection:
        assert (await connection.execute(select(metadata.tables["blocks"]))).all() == []
    await database.close()
    (content,) = files(tmp_path).values()
    assert b"kanarienvogel" not in content


async def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import asyncio, os; from datetime import datetime, UTC; from pathlib import Path\n"
        "from memory.core.agents import AgentStore; from memory.sqlite.database import Database\n"
        "async def main():\n"
        "    now = datetime(2026, 3, 1, tzinfo=UTC)\n"
        "    database = await Database.open(Path('bot.db'), Path('backups'), now)\n"
        "    for name in ('kept', 'lost'):\n"
        "        async with database.write() as transaction:\n"
        "            await AgentStore(database).create(transaction, name, [('human', '')], now)\n"
        "            if name == 'lost':\n"
        "                os._exit(9)\n"
        "asyncio.run(main())"
    )
    assert run(code, tmp_path) == 9
    database = await opened(tmp_path)
    assert await scopes(database) == ["kept"]
    await database.close()


@pytest.mark.parametrize("name", ["what?", "50%", "a%20b", "#1", "ä ö", "file:x", "it's", "a&b=c", "-", "new\nline"])
async def test_the_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    await filled(folder, rows=1)
    database = await opened(folder)
    assert await scopes(database) == ["console:dm:0"]
    await database.close()
    assert list(files(tmp_path)) == [f"{name}/bot.db"]


# ── migrations ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_migration_is_preceded_by_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(tmp_path)
    # To a program of the next revision, this database is an old one.
    monkeypatch.setattr("memory.sqlite.database.SCHEMA_REVISION", "9998")
    database = await opened(tmp_path)
    assert len(await scopes(database)) == 400
    await database.close()
    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name == "before-9998-20260301T120000.db"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM agents").fetchone() == (400,)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (SCHEMA_REVISION,)


async def test_no_copy_is_made_of_a_new_or_up_to_date_database(tmp_path: Path) -> None:
    await filled(tmp_path)
    await (await opened(tmp_path)).close()
    assert not (tmp_path / "backups").exists()


async def test_a_backup_that_cannot_be_written_stops_the_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await filled(tmp_path)
    before = path.read_bytes()
    (tmp_path / "backups").write_text("in the way", encoding="utf-8")
    monkeypatch.setattr("memory.sqlite.database.SCHEMA_REVISION", "9998")
    with pytest.raises(StorageUnavailable, match=r"^.*: the database cannot be opened \(.*\)\.$"):
        await opened(tmp_path)
    assert path.read_bytes() == before


async def test_a_copy_that_a_kill_cut_off_is_made_anew_and_never_passes_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    code = (
        "import asyncio, os, signal, sqlite3; from datetime import datetime, UTC; from pathlib import Path\n"
        "import memory.sqlite.database\n"
        "memory.sqlite.database.SCHEMA_REVISION = '9998'\n"
        "class Dying(sqlite3.Connection):\n"
        "    def execute(self, statement, *values):\n"
        "        cursor = super().execute(statement, *values)\n"
        "        if 'VACUUM INTO' in statement:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return cursor\n"
        "connect = sqlite3.connect\n"
        "sqlite3.connect = lambda path: connect(path, factory=Dying)\n"
        "now = datetime(2026, 3, 1, 12, tzinfo=UTC)\n"
        "asyncio.run(memory.sqlite.database.Database.open(Path('bot.db'), Path('backups'), now))"
    )
    assert run(code, tmp_path) == -9
    assert not list((tmp_path / "backups").glob("*.db"))
    monkeypatch.setattr("memory.sqlite.database.SCHEMA_REVISION", "9998")
    await (await opened(tmp_path)).close()
    assert [file.name for file in (tmp_path / "backups").iterdir()] == ["before-9998-20260301T120000.db"]


async def test_a_kill_in_the_midst_of_the_first_migration_leaves_a_file_that_opens(tmp_path: Path) -> None:
    code = (
        "import asyncio, os; from datetime import datetime, UTC; from pathlib import Path\n"
        "from sqlalchemy import Engine, event\n"
        "from memory.sqlite.database import Database\n"
        "@event.listens_for(Engine, 'before_cursor_execute')\n"
        "def die(connection, cursor, statement, *_):\n"
        "    if 'CREATE TABLE passages' in statement:\n"
        "        os._exit(9)\n"
        "asyncio.run(Database.open(Path('bot.db'), Path('backups'), datetime(2026, 3, 1, tzinfo=UTC)))"
    )
    assert run(code, tmp_path) == 9
    database = await opened(tmp_path)
    assert await scopes(database) == []
    await database.close()


# ── files that are refused ───────────────────────────────────────────────────────────────────────────


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.write_bytes(b"Dear diary, " * 1000)
    told = await refused(path)
    assert "the database is damaged" in told
    assert str(tmp_path / "backups") in told


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _cut_inside_a_page(content: bytes) -> bytes:
    return content[: len(content) - 1000]


def _overwritten(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[: middle - 8192] + b"\xff" * 16384 + content[middle + 8192 :]


def _no_header(content: bytes) -> bytes:
    return b"\x00" * 100 + content[100:]


@pytest.mark.parametrize("damage", [_cut, _cut_inside_a_page, _overwritten, _no_header])
async def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = await filled(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert "the database is damaged" in await refused(path)


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
        connection.commit()
    assert "not made by this program" in await refused(path)


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "written by a newer version of this program" in await refused(path)


async def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bot.db").mkdir()
    assert "cannot be opened" in await refused(tmp_path / "bot.db")


async def test_a_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be opened" in await refused(tmp_path / "nowhere" / "bot.db")
