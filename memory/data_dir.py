"""The data directory: everything the bot keeps, for one process at a time."""

import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from memory.ports import StorageUnavailable


class DataDir:
    """A directory that only its owner can read, held by a lock while in use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / "lock")

    def acquire(self) -> None:
        """Make the directory if need be, and take its lock.

        Raises:
            StorageUnavailable: it cannot be written, or another process holds it.
        """
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):  # a lock can be taken on a disk that is full or read-only
                pass
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StorageUnavailable(
                f"{self.path}: in use by another process. Stop it, or set BOT_DATA_DIR to a directory of its own."
            ) from None
        except OSError as error:
            raise StorageUnavailable(f"{self.path}: cannot be written ({error.strerror or error}).") from error

    def release(self) -> None:
        """Let the next process in."""
        self._lock.release()
