"""The database file as a whole, as its operator sees it: read beside a running bot, copied, checked."""

import asyncio
import errno
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.ports import StorageUnavailable
from memory.sqlite.database import SCHEMA_REVISION, begin_snapshot, open_engine, revision_of, unavailable

Reader = AsyncConnection
"""A connection that only reads, handed to what reads beside a running bot."""


@asynccontextmanager
async def beside(path: Path) -> AsyncIterator[Reader]:
    """The database as it is at this moment, for reading only, without the data directory's lock.

    Raises:
        StorageUnavailable: there is none, it cannot be read, or it is not up to date.
    """
    revision = await asyncio.to_thread(revision_at, path)
    if revision is None:
        raise StorageUnavailable(f"{path}: there is no database yet; the first conversation makes it.")
    if revision > SCHEMA_REVISION:
        raise StorageUnavailable(
            f"{path}: written by a newer version of this program (schema {revision}; this one's is {SCHEMA_REVISION})."
        )
    if revision != SCHEMA_REVISION:
        raise StorageUnavailable(
            f"{path}: its schema is {revision}, this program's is {SCHEMA_REVISION}; run `python -m bot migrate`."
        )
    engine = open_engine(path, writes=False)
    try:
        async with engine.connect() as connection:
            await begin_snapshot(connection)
            yield connection
    except DatabaseError as error:
        raise unavailable(path, error) from error
    finally:
        await engine.dispose()


def revision_at(path: Path) -> str | None:
    """The revision of a database file's schema, or None if there is no file, or nothing in it yet; blocking.

    Raises:
        StorageUnavailable: it cannot be read, or is no database of ours.
    """
    if not path.exists():
        return None
    try:
        with closing(_connect(path)) as connection:
            revision = revision_of(connection)
            (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
    if revision is None and count:
        raise StorageUnavailable(f"{path}: this SQLite file was not made by this program.")
    return revision


def copy_to(path: Path, out: Path) -> int:
    """Write a checked copy of the database, beside a running bot; returns its size in bytes. Blocking.

    Raises:
        StorageUnavailable: there is no database, or it cannot be read.
        FileExistsError: there is a file of that name.
        OSError: the copy cannot be written.
    """
    if revision_at(path) is None:
        raise StorageUnavailable(f"{path}: there is no database yet; the first conversation makes it.")
    try:
        with new_file(out, overwrites=False) as copy:
            with closing(_connect(path)) as connection:
                connection.execute("VACUUM INTO ?", (str(copy),))
            if (verdict := integrity(copy)) != "ok":
                raise StorageUnavailable(f"{path}: the copy is damaged ({verdict}); run `python -m bot doctor`.")
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
    return out.stat().st_size


def integrity(path: Path) -> str:
    """What SQLite says to the whole file, in one line: "ok", or the first faults. Blocking.

    The file itself, its indexes, and that no row belongs to one that is gone; beside a running bot.

    Raises:
        StorageUnavailable: it cannot be looked at, as it is locked or on a disk that fails.
    """
    try:
        with closing(_connect(path)) as connection:
            found = [" ".join(str(row[0]).split()) for row in connection.execute("PRAGMA integrity_check(3)")]
            if found == ["ok"]:
                orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(3)
                found = [
                    f"row {row} of {table} belongs to a row of {parent} that is gone"
                    for table, row, parent, _ in orphans
                ]
    except sqlite3.OperationalError as error:
        raise unavailable(path, error) from error
    except sqlite3.DatabaseError as error:  # so damaged that the check itself ends at it
        return " ".join(str(error).split())
    return "; ".join(found) or "ok"


@contextmanager
def new_file(out: Path, *, overwrites: bool) -> Iterator[Path]:
    """A place to write a file at; when the block ends well it gets its name, for its owner alone. Blocking.

    Raises:
        FileExistsError: there is a file of that name, and it must not be overwritten.
        OSError: what has that name is no file, such as a device, and would be lost.
    """
    if out.exists() and not overwrites:
        raise FileExistsError(errno.EEXIST, "exists", str(out))
    if out.exists() and not out.is_file():
        raise OSError(errno.EINVAL, "it is no file", str(out))
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name[:50]}.") as folder:
        new = Path(folder) / "new"
        yield new
        new.chmod(0o600)
        with new.open("rb") as file:
            os.fsync(file.fileno())
        _name(new, out, overwrites=overwrites)


def _name(new: Path, out: Path, *, overwrites: bool) -> None:
    if not overwrites:
        try:
            os.link(new, out)  # unlike a rename it fails if somebody made that file meanwhile
            return
        except FileExistsError:
            raise
        except OSError:  # some file systems know no links
            pass
    new.replace(out)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5)
    connection.execute("PRAGMA busy_timeout=5000")
    return connection
