"""A data folder that is in memory alone: nothing of what is said is ever on a disk, and it is gone at the end."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.settings import Settings, SettingsInvalid

SHARED_MEMORY = Path("/dev/shm")
"""A file system in memory, on Linux. Source: https://man7.org/linux/man-pages/man7/shm_overview.7.html"""


@contextmanager
def in_memory(settings: Settings) -> Iterator[Settings]:
    """The settings, whose folder is a new one in memory if they ask for that; it goes when this ends.

    All else is as ever: database and vector index are files there, which the system may only write to its swap.

    Raises:
        SettingsInvalid: this system has no such place.
    """
    if not settings.is_in_memory:
        yield settings
        return
    if not os.access(SHARED_MEMORY, os.W_OK):
        raise SettingsInvalid([f"BOT_DATA_DIR=:memory: needs {SHARED_MEMORY}, which this system does not have."])
    folder = tempfile.mkdtemp(prefix="memgpt-", dir=SHARED_MEMORY)
    try:
        yield settings.model_copy(update={"bot_data_dir": Path(folder)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
