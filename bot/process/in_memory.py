"""A data folder that is in memory alone: nothing of what is said is ever on a disk, and it is gone at the end."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.settings import Settings, SettingsInvalid

SHARED_MEMORY = Path("/dev/shm")
"""A file system in memory, on Linux. Source: https://man7.org/linux/man-pages/man7/shm_overview.7.html"""

PREFIX = "memgpt-bot-"


@contextmanager
def in_memory(settings: Settings) -> Iterator[Settings]:
    """The settings, whose folder is a new one in memory if they ask for that; it goes when this ends.

    What is killed leaves its folder behind; the next start removes it. All else is as ever: database and vector index
    are files there, which the system may only write to its swap.

    Raises:
        SettingsInvalid: this system has no such place.
    """
    if not settings.is_in_memory:
        yield settings
        return
    if not os.access(SHARED_MEMORY, os.W_OK):
        raise SettingsInvalid([f"BOT_DATA_DIR=:memory: needs {SHARED_MEMORY}, which this system does not have."])
    _remove_left()
    folder, held = _held_folder()
    try:
        yield settings.model_copy(update={"bot_data_dir": folder})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _held_folder() -> tuple[Path, int]:
    """A new folder, and the descriptor whose lock on it says to the end of this process that somebody is there."""
    import fcntl  # which not every system has that has no such place, either

    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=SHARED_MEMORY))
        with contextlib.suppress(FileNotFoundError):  # another start came between, and took it for one that was left
            held = _opened(folder)
            fcntl.flock(held, fcntl.LOCK_EX)
            if folder.exists():
                return folder, held
            os.close(held)


def _remove_left() -> None:
    """Remove the folders of this user that nobody holds: their processes are gone."""
    import fcntl

    for folder in SHARED_MEMORY.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, no folder, or gone by now
            held = _opened(folder)
            try:
                if os.fstat(held).st_uid == os.getuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
