"""Floors: below which moment nothing of a person, or of a place, is taken in again, once it was erased.

A history that is read, a platform that tells a second time, an import and a backup that is put back would all bring it
back. A floor names nobody: it is a hash of person and place, under a secret key that stands in the data directory and
in no backup. The floors stand in a file beside that key, for a database may be put back without them, and in the
database, so that it is known that this one has heeded them.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from memory.ports import StorageUnavailable
from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import floors
from memory.sqlite.upkeep import new_file

EVERYWHERE, ANYBODY = "", ""
"""In the place of a scope, and of a person."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY_BYTES = 32


class Floors:
    """The floors of all people and places, at hand."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        """Floors that are not read yet."""
        self._database = database
        self._file = data_dir / "floors"
        self._key_file = data_dir / "floors.key"
        self._key: bytes | None = None
        self._known: dict[str, datetime] = {}
        self._heeded: dict[str, datetime] = {}

    async def open(self) -> None:
        """Read them.

        Raises:
            StorageUnavailable: their file cannot be read.
        """
        self._key, written = await asyncio.to_thread(self._read)
        async with self._database.read() as connection:
            self._heeded = {row.key: row.until for row in await connection.execute(select(floors))}
        self._known = dict(self._heeded)
        for key, until in written.items():
            self._known[key] = max(until, self._known.get(key, until))
        if self._known != written and self._key is not None:
            await asyncio.to_thread(self._write, self._known)

    @property
    def are_any(self) -> bool:
        """Whether there are any."""
        return bool(self._known) and self._key is not None

    @property
    def are_news(self) -> bool:
        """Whether the database has not heeded all of them: it is older than they are."""
        return any(until > self._heeded.get(key, _EPOCH) for key, until in self._known.items())

    def of(self, person: str, scope: str) -> datetime | None:
        """The newest moment of which nothing of a person is to be taken in at a place; None if there is none."""
        if not self.are_any:
            return None
        keys = (self._hash(person, EVERYWHERE), self._hash(person, scope), self._hash(ANYBODY, scope))
        return max((self._known[key] for key in keys if key in self._known), default=None)

    def hides(self, person: str, scope: str, moment: datetime) -> bool:
        """Whether what a person wrote at a place and at that moment was erased."""
        floor = self.of(person, scope)
        return floor is not None and moment <= floor

    async def lift(self, raised: Mapping[tuple[str, str], datetime]) -> Mapping[str, datetime]:
        """Put floors where they are to be, by person and place; on disk when this returns.

        Returns:
            What `heed` is to be given, in the transaction that writes down what is to be erased.
        """
        if self._key is None:
            self._key = await asyncio.to_thread(self._make_key)
        new = {self._hash(*of): until for of, until in raised.items()}
        new = {key: max(until, self._known.get(key, until)) for key, until in new.items()}
        await asyncio.to_thread(self._write, self._known | new)
        self._known |= new
        return new

    async def heed(self, transaction: Transaction, new: Mapping[str, datetime] | None = None) -> None:
        """Write down in the database which floors it heeds; None: all."""
        for key, until in (self._known if new is None else new).items():
            row = insert(floors).values(key=key, until=until)
            highest = func.max(floors.c.until, row.excluded.until)
            await transaction.execute(row.on_conflict_do_update(index_elements=["key"], set_={"until": highest}))
            self._heeded[key] = until

    def _hash(self, person: str, scope: str) -> str:
        assert self._key is not None
        text = f"{person}\n{scope}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=_KEY_BYTES).hexdigest()

    def _read(self) -> tuple[bytes | None, dict[str, datetime]]:
        key, written = None, dict[str, datetime]()
        try:
            with suppress(FileNotFoundError):
                key = self._key_file.read_bytes()
            with suppress(FileNotFoundError):
                for line in self._file.read_text(encoding="ascii").splitlines():
                    name, until = line.split()
                    written[name] = _EPOCH + timedelta(microseconds=int(until))
        except (OSError, ValueError) as error:
            raise StorageUnavailable(f"{self._file}: cannot be read ({error}); it says what was erased.") from error
        if key is not None and len(key) != _KEY_BYTES:
            raise StorageUnavailable(f"{self._key_file}: is not the key that was put there.")
        return key, written

    def _make_key(self) -> bytes:
        key = secrets.token_bytes(_KEY_BYTES)
        with new_file(self._key_file, overwrites=False) as new:
            new.write_bytes(key)
        _sync(self._key_file.parent)
        return key

    def _write(self, known: Mapping[str, datetime]) -> None:
        lines = [f"{key} {(until - _EPOCH) // timedelta(microseconds=1)}\n" for key, until in sorted(known.items())]
        with new_file(self._file, overwrites=True) as new:
            new.write_text("".join(lines), encoding="ascii")
        _sync(self._file.parent)


def _sync(folder: Path) -> None:
    """A file's name is safe from a power cut once its folder is."""
    with suppress(OSError):  # some file systems know no such thing
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
