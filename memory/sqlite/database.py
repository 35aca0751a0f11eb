"""One SQLite file: opened, checked, migrated (with a backup before), and written by one writer at a time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import URL, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from memory.ports import StorageUnavailable
from memory.sqlite.one_trip import OneTripConnection, ReadingConnection
from memory.sqlite.writer import FEW_ROWS as FEW_ROWS
from memory.sqlite.writer import Transaction as Transaction
from memory.sqlite.writer import Writer
from memory.sqlite.writer import finish as finish

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA_REVISION = "0021"
"""The newest migration; a test holds it equal to the head of `memory/sqlite/migrations`. With it, an up-to-date
database opens without importing Alembic (half a second)."""

CHECKED_AT_START_BYTES = 64 * 2**20
"""A database up to this size is checked whole at each start (about 0.1 s); a larger one by `doctor`."""


PATIENCE_MS = 5000
"""How long a statement waits for a lock that another process holds."""

IN_HURRY_MS = 100

LOG_IS_READ_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0)
"""Pauses between tries to empty the log."""

READERS = 15
"""So many may read at once; others wait for one of them."""


class Database:
    """The engine: any number of readers beside one writer (WAL)."""

    def __init__(self, readers: AsyncEngine, writers: AsyncEngine, writer: Writer) -> None:
        self._readers = readers
        self._writers = writers
        self._writer = writer
        self._is_closed = False

    @classmethod
    async def open(cls, path: Path, backups: Path, now: datetime) -> Self:
        """Open the file, making or migrating it if need be; a migration is preceded by a copy in `backups`.

        Raises:
            StorageUnavailable: it cannot be opened, is damaged, or was written by a newer version.
        """
        try:
            await asyncio.to_thread(_prepare, path, backups, now)
            readers, writers = open_engine(path, writes=False), open_engine(path, writes=True)
            return cls(readers, writers, Writer(await writers.connect()))
        except (sqlite3.Error, DatabaseError, OSError) as error:
            raise unavailable(path, error) from error

    @asynccontextmanager
    async def write(self, *, alone: bool = False) -> AsyncIterator[Transaction]:
        """A short block of statements: committed when this returns, or nothing of it if this raises.

        Blocks that wait for their turn share a transaction and its commit (`Writer`). It begins with the first INSERT,
        UPDATE, DELETE or savepoint of the first of them, so read before it, not in it. (The driver does not take
        `WITH … INSERT` for writing.) Inside, wait for nothing but statements: others wait for this block's end, and
        whoever waits for one of those would wait for ever.

        Whoever may be cancelled writes inside `finish`: cancelled while it is committed, a block is kept all the same.

        Args:
            alone: share with nobody. For what may take longer than a few milliseconds: blocks that are done must not
                wait for it.
        """
        async with self._writer.block(alone=alone) as transaction:
            yield transaction

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; sees what is committed at each statement.

        Raises:
            StorageUnavailable: the database is closed.
        """
        connection = await self._reader()
        try:
            yield connection
        finally:
            await self._give_back(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading that sees one and the same moment at every statement.

        Raises:
            StorageUnavailable: the database is closed.
        """
        connection = await self._reader()
        try:
            await begin_snapshot(connection)
            yield connection
        finally:
            try:
                await self._give_back(connection)
            finally:  # cut off in its rollback, it is of no use any more, and is given back all the same
                await connection.close()

    async def _reader(self) -> AsyncConnection:
        if self._is_closed:
            raise StorageUnavailable("The database is closed.")
        return await self._readers.connect()

    async def _give_back(self, connection: AsyncConnection) -> None:
        """Here, where it waits for nothing: `async with` leaves it to a task, which a loop that ends never begins."""
        if self._is_closed:  # nobody takes it out of the pool to close it
            await connection.invalidate()
        await connection.close()

    async def truncate_log(self) -> bool:
        """Fold the write-ahead log into the file and empty it, so that nothing erased is left in it.

        Returns:
            Whether that was done; not while somebody reads for long (an export) what stands in it.
        """
        for pause_s in LOG_IS_READ_S:
            async with self._writer.block(alone=True) as connection:
                # Whoever writes must not wait for whoever reads.
                await connection.exec_driver_sql(f"PRAGMA busy_timeout={IN_HURRY_MS}")
                try:
                    row = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).one()
                finally:
                    await connection.exec_driver_sql(f"PRAGMA busy_timeout={PATIENCE_MS}")
            if not row[0]:
                return True
            await asyncio.sleep(pause_s)
        return False

    def hurry(self) -> None:
        """From now on, do not wait for another process that holds the lock: the program is about to be ended."""
        self._writer.wait_at_most(IN_HURRY_MS)

    @property
    def in_line(self) -> int:
        """How many blocks wait to write."""
        return self._writer.in_line

    async def close(self) -> None:
        """Close every connection, those still read when that ends; the write-ahead log is folded into the file."""
        self._is_closed = True
        await finish(self._close())

    async def _close(self) -> None:
        await self._writer.close()
        await self._writers.dispose()
        await self._readers.dispose()


async def begin_snapshot(connection: AsyncConnection) -> None:
    """Let a reader see this moment until it is closed."""
    await connection.exec_driver_sql("BEGIN")
    await connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1")  # the moment is that of the first read


def open_engine(path: Path, *, writes: bool) -> AsyncEngine:
    """An engine whose connections write, or only read."""
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),  # not in an f-string: a path may hold ? and %
        hide_parameters=True,  # an error message must not carry what people wrote into the log
        pool_reset_on_return="rollback" if writes else None,
        # None beyond these: the pool would close it at once, and opening one takes as long as a dozen statements.
        pool_size=1 if writes else READERS,
        max_overflow=0,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(dialect: Any, _record: Any, arguments: Any, options: Any) -> OneTripConnection:
        made = dialect.connect(*arguments, **options)
        return (OneTripConnection if writes else ReadingConnection)(made.dbapi, made._connection)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver itself says BEGIN IMMEDIATE before the first statement that writes, in the same call: a BEGIN of
        # our own would be three more trips to its thread. Readers never begin anything.
        connection.isolation_level = "IMMEDIATE" if writes else None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # an acknowledged message survives a power cut
            f"busy_timeout={PATIENCE_MS}",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is erased is overwritten
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "handle_error")
    def _keep(context: Any) -> None:
        # A statement that is cut off ends in the driver's thread, and what is undone after it comes after it. So the
        # connection is good, and with it what others have written in the same transaction.
        if writes and isinstance(context.original_exception, asyncio.CancelledError):
            context.is_disconnect = False

    @event.listens_for(engine.sync_engine, "savepoint")
    def _begin(connection: Any, _name: str) -> None:
        # To the driver a SAVEPOINT does not write; without a BEGIN before it, its release would be a commit.
        if not connection.connection.driver_connection.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _prepare(path: Path, backups: Path, now: datetime) -> None:
    """Check the file and bring its schema up to date; blocking."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
        (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        revision = revision_of(connection)
        if count and revision is None:
            raise StorageUnavailable(f"{path}: this SQLite file was not made by this program.")
        if count and path.stat().st_size <= CHECKED_AT_START_BYTES:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise _damaged(path, verdict)
        if revision == SCHEMA_REVISION:
            return
        if revision is not None:
            _check_known(path, revision)
            backups.mkdir(parents=True, exist_ok=True)
            copy = backups / f"before-{SCHEMA_REVISION}-{now:%Y%m%dT%H%M%S}.db"
            part = backups / f"before-{SCHEMA_REVISION}.part"  # killed here, half a copy must not pass for a whole one
            part.unlink(missing_ok=True)
            connection.execute("VACUUM INTO ?", (str(part),))
            part.replace(copy)
    _migrate(path)


def revision_of(connection: sqlite3.Connection) -> str | None:
    """The schema's revision; None of a file that this program did not make."""
    has_table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if has_table else None
    return str(row[0]) if row else None


def _check_known(path: Path, revision: str) -> None:
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        ScriptDirectory.from_config(_alembic()).get_revision(revision)
    except CommandError as error:
        raise StorageUnavailable(
            f"{path}: written by a newer version of this program, or damaged ({error})."
        ) from error


def _migrate(path: Path) -> None:
    """Bring the schema to the newest revision, in one transaction: killed at any moment, it was not begun."""
    from alembic import command

    config = _alembic()
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"isolation_level": None})

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver says none before a change of the schema

    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _alembic() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def is_passing(error: BaseException) -> bool:
    """Whether an error says that the database takes nothing just now, as it is locked or its disk full or failing."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _PASSING


def unavailable(path: Path, error: Exception) -> StorageUnavailable:
    """What an error of SQLite means to the operator."""
    cause = getattr(error, "orig", None) or error
    if getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(path, str(cause))
    return StorageUnavailable(f"{path}: the database cannot be opened ({cause}).")


def _damaged(path: Path, cause: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"{path}: the database is damaged ({' '.join(cause.split())}). Nothing was changed; put a copy from "
        f"{path.parent / 'backups'} in its place, or move it away to begin anew."
    )
