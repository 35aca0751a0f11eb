"""Opening a document's file, whatever it has become since its name was read."""

import io
import os
import stat
from pathlib import Path

from adapters.ports.errors import DocumentUnreadable


def opened(path: Path, max_bytes: int) -> io.BufferedReader:
    """A regular file for reading. Blocking, but never for long: a pipe that nobody writes to is refused.

    Raises:
        DocumentUnreadable: it cannot be opened, is no regular file, or is too large.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise DocumentUnreadable(f"cannot be read ({error.strerror or error})") from error
    status = os.fstat(number)
    if stat.S_ISREG(status.st_mode) and status.st_size <= max_bytes:
        return open(number, "rb")
    os.close(number)
    if stat.S_ISREG(status.st_mode):
        raise DocumentUnreadable(f"is larger than {max_bytes // 2**20} MiB")
    raise DocumentUnreadable("cannot be read (it is no regular file)")


def content_of(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file. Blocking.

    Raises:
        DocumentUnreadable: see `opened`.
    """
    with opened(path, max_bytes) as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise DocumentUnreadable(f"cannot be read ({error.strerror or error})") from error
    if len(content) > max_bytes:  # it has grown since it was opened
        raise DocumentUnreadable(f"is larger than {max_bytes // 2**20} MiB")
    return content
