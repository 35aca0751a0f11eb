"""Where words still stand that were to be forgotten: in which table, or only in the bytes of a file."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path


def places_of(path: Path, words: Sequence[str]) -> list[str]:
    """The places of a database that hold one of these words, which are in lower case."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = [
            (table, str(row).lower()) for (table,) in tables for row in connection.execute(f"SELECT * FROM {table}")
        ]
    files = [(file.name, file.read_bytes().lower()) for file in path.parent.glob(f"{path.name}*")]
    return [
        *(f"{word} in {table}: {row}" for table, row in rows for word in words if word in row),
        *(f"{word} in {name}" for name, content in files for word in words if word.encode() in content),
    ]
