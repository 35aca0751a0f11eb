"""The data directory: everything the bot keeps, for one process at a time."""

import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from memory.ports import StorageUnavailable


class DataDir:
    """A directory that only its owner can read, held by a lock while in use; so is the database, wherever it stands."""

    def __init__(self, path: Path, database: Path | None = None) -> None:
        self.path = path
        self._locks = [FileLock(path / "lock")]
        self._database = database.resolve() if database is not None else None
        if self._database is not None:  # by the name that all ways to it end at
            self._locks.append(FileLock(f"{self._database}.lock"))

    def acquire(self) -> None:
        """Make the directory if need be, and take its lock, and the database's.

        Raises:
            StorageUnavailable: it cannot be written, or another process holds it.
        """
        wanted, setting = self.path, "BOT_DATA_DIR to a directory"
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):  # a lock can be taken on a disk that is full or read-only
                pass
            self._locks[0].acquire(timeout=0)
            if self._database is not None:
                wanted, setting = self._database, "BOT_DATABASE_URL to a file"
                self._locks[1].acquire(timeout=0)
        except Timeout:
            self.release()
            raise StorageUnavailable(
                f"{wanted}: in use by another process. Stop it, or set {setting} of its own."
            ) from None
        except OSError as error:
            self.release()
            raise StorageUnavailable(f"{wanted}: cannot be written ({error.strerror or error}).") from error

    def release(self) -> None:
        """Let the next process in."""
        for lock in self._locks:
            lock.release()
