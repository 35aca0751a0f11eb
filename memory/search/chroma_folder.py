"""The folder of Chroma's files: looked at before it is opened, marked while in use, set aside when damaged.

Chroma trusts what it reads. A text in its SQLite file that is no UTF-8 any more aborts the whole process, and a broken
graph of neighbours may do the same: no `except` is ever reached, and the next start would die of it again.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

_IN_USE = "in-use"
_SQLITE_FILE = "chroma.sqlite3"

_LITTLE_ROOM = 10 * 2**20

_KINDS = {"TEXT": "text", "INTEGER": "integer"}
"""What a column of a declared type has to hold: SQLite takes anything, Chroma's code does not."""

_OF_THE_MACHINE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
}
"""SQLite could not look: that says nothing about what is written in the file."""


def fault_of(folder: Path, *, beside: bool = False) -> str | None:
    """What is wrong with the folder's SQLite file, in one line; None if nothing is, or there is none. Blocking.

    Args:
        folder: the index.
        beside: a bot may be at work in it, so nothing may be written: not even what a killed one began is undone.

    Raises:
        sqlite3.OperationalError: it cannot be looked at just now; only `beside` another process.
    """
    if not (folder / _SQLITE_FILE).exists():
        return None
    try:
        with closing(_connect(folder, "ro" if beside else "rw")) as connection:
            return _fault(connection)
    except sqlite3.OperationalError as error:
        if not _is_of_the_machine(error):  # a text that cannot be decoded has no number
            return str(error)
        if beside:
            raise
        return None  # should it be broken, too, Chroma says so
    except (sqlite3.Error, ValueError) as error:
        return str(error)


def vectors_in(folder: Path) -> int:
    """How many passages have a vector, whichever embedder made it; read beside a running bot. Blocking.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    if not (folder / _SQLITE_FILE).exists():
        return 0
    with closing(_connect(folder, "ro")) as connection:
        return int(connection.execute("SELECT count(DISTINCT embedding_id) FROM embeddings").fetchone()[0])


def killed_its_user(folder: Path) -> bool:
    """Whether the process that used it last ended in the midst of it."""
    return (folder / _IN_USE).exists()


@contextmanager
def marked_in_use(folder: Path) -> Iterator[None]:
    """A mark in the folder while this lasts: found at the next start, it says that the process did not survive."""
    mark = folder / _IN_USE
    with suppress(OSError):  # a full disk, or a folder that is not there yet
        mark.touch()
    try:
        yield
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)


def has_room(folder: Path) -> bool:
    """Whether the index could be built anew: on a full disk, what Chroma says looks like damage, and is none."""
    return shutil.disk_usage(folder.parent).free >= _LITTLE_ROOM


def set_aside(folder: Path) -> Path:
    """Give the folder another name, in the place of one set aside before; returns that."""
    aside = folder.with_name(f"{folder.name}.damaged")
    if folder.exists():
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)
        folder.rename(aside)
    return aside


def _connect(folder: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{(folder / _SQLITE_FILE).absolute().as_uri()}?mode={mode}", uri=True, timeout=5)


def _fault(connection: sqlite3.Connection) -> str | None:
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        return " ".join(str(verdict).split())
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in connection.execute(
        "SELECT tables.name, columns.name, columns.type FROM sqlite_master AS tables, pragma_table_info(tables.name) "
        "AS columns WHERE tables.type = 'table' AND tables.sql NOT LIKE 'CREATE VIRTUAL%'"
    ):
        if kind in _KINDS:
            columns.setdefault(table, []).append((column, _KINDS[kind]))
    return next((fault for table in columns if (fault := _fault_in(connection, table, columns[table]))), None)


def _fault_in(connection: sqlite3.Connection, table: str, columns: Sequence[tuple[str, str]]) -> str | None:
    """Whether each column holds what it was declared for; its texts are decoded in one, which takes half the time."""
    for column, kind in columns:
        texts = f"group_concat({_quoted(column)})" if kind == "text" else "NULL"
        strangers = f"sum(typeof({_quoted(column)}) NOT IN ('{kind}', 'null'))"
        found = connection.execute(f"SELECT {strangers}, {texts} FROM {_quoted(table)}").fetchone()
        if found[0]:
            return f"{table}.{column} holds what is no {kind}"
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_of_the_machine(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_MACHINE
