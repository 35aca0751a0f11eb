"""A `VectorIndex` without an index: each search reads the owner's vectors from a file of SQLite and compares them all.

It takes no more memory than one owner's vectors while they are compared, and a millisecond for each thousand of them.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from memory.ports import IndexEntry, IndexLost, Vector

Result = TypeVar("Result")

_PAGE = 1000
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    owner INTEGER NOT NULL, embedder TEXT NOT NULL, passage_id INTEGER NOT NULL, tags TEXT NOT NULL,
    vector BLOB NOT NULL, PRIMARY KEY (owner, embedder, passage_id)
) WITHOUT ROWID
"""


class ExactIndex:
    """Keeps a file, which is made when first needed; all that is done with it is done in one thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._is_told_lost = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vectors")

    async def upsert(self, owner: int, embedder: str, entries: Sequence[IndexEntry]) -> None:
        """See `VectorIndex`."""
        if not entries:
            return
        import numpy as np

        rows = [
            (owner, embedder, entry.passage_id, json.dumps(entry.tags), np.asarray(entry.vector, np.float32).tobytes())
            for entry in entries
        ]

        def work(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", rows)

        await self._run(work)

    async def nearest(
        self, owners: Sequence[int], embedder: str, vector: Vector, tags: Sequence[str], limit: int
    ) -> Sequence[tuple[int, float]]:
        """See `VectorIndex`."""

        def work(connection: sqlite3.Connection) -> Sequence[tuple[int, float]]:
            found = [hit for owner in owners for hit in _compared(connection, owner, embedder, vector, tags)]
            return sorted(found, key=lambda hit: -hit[1])[:limit]

        return await self._run(work)

    async def delete(self, owner: int, passage_ids: Sequence[int]) -> None:
        """See `VectorIndex`."""

        def work(connection: sqlite3.Connection) -> None:
            rows = [(owner, id_) for id_ in passage_ids]
            with connection:
                connection.executemany("DELETE FROM vectors WHERE owner = ? AND passage_id = ?", rows)

        if passage_ids:
            await self._run(work)

    async def keep_only(self, owner_of: Mapping[int, int]) -> int:
        """See `VectorIndex`."""

        def work(connection: sqlite3.Connection) -> int:
            held = connection.execute("SELECT DISTINCT owner, passage_id FROM vectors").fetchall()
            others = [(owner, id_) for owner, id_ in held if owner_of.get(id_) != owner]
            with connection:
                gone = connection.executemany("DELETE FROM vectors WHERE owner = ? AND passage_id = ?", others).rowcount
            connection.execute("VACUUM")
            return max(0, gone)

        return await self._run(work) if self._file.exists() else 0

    async def entries(self) -> AsyncIterator[tuple[int, int]]:
        """See `VectorIndex`."""

        def work(connection: sqlite3.Connection) -> list[tuple[int, int]]:
            return connection.execute("SELECT owner, passage_id FROM vectors").fetchall()

        for owner, id_ in await self._run(work):
            yield owner, id_

    async def count(self, owners: Sequence[int]) -> int:
        """See `VectorIndex`."""

        def work(connection: sqlite3.Connection) -> int:
            counted = "SELECT count(*) FROM vectors WHERE owner = ?"
            return sum(connection.execute(counted, (owner,)).fetchone()[0] for owner in owners)

        return await self._run(work)

    async def close(self) -> None:
        """See `VectorIndex`."""

        def work() -> None:
            if self._connection is not None:
                self._connection.close()

        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, work)
            self._connection = None
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        def opened() -> Result:
            try:
                return work(self._connection or self._open())
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # a full disk, a lock: the file is whole
                    raise
                self._remove()
                self._is_told_lost = True
                raise IndexLost(f"{self._file} cannot be read ({error})") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, opened)

    def _open(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._file)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute(_TABLE)
            is_empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM vectors)").fetchone()[0]
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        if is_empty and not self._is_told_lost:
            raise IndexLost(f"{self._file} is empty")
        return connection

    def _remove(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._file.unlink(missing_ok=True)


def vectors_in_file(file: Path) -> int:
    """How many vectors a file holds; 0 of one that is not there. Blocking.

    Raises:
        sqlite3.DatabaseError: it cannot be read.
    """
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])


def _compared(
    connection: sqlite3.Connection, owner: int, embedder: str, vector: Vector, tags: Sequence[str]
) -> list[tuple[int, float]]:
    import numpy as np

    sought = np.asarray(vector, np.float32)
    sought = sought / max(float(np.linalg.norm(sought)), 1e-12)
    read = connection.execute(
        "SELECT passage_id, tags, vector FROM vectors WHERE owner = ? AND embedder = ?", (owner, embedder)
    )
    found = []
    while rows := read.fetchmany(_PAGE):
        rows = [row for row in rows if not tags or set(tags) <= set(json.loads(row[1]))]
        if not rows:
            continue
        held = np.frombuffer(b"".join(row[2] for row in rows), np.float32).reshape(len(rows), -1)
        lengths = np.maximum(np.linalg.norm(held, axis=1), np.float32(1e-12))
        # Not by `@`: that shares the work among threads, which takes longer, and very long on a busy machine.
        likeness = np.einsum("ij,j->i", held, sought) / lengths
        found += [(int(row[0]), float(like)) for row, like in zip(rows, likeness, strict=True)]
    return found
