"""Two hints to Linux's C library about native code, each worth several megabytes; elsewhere they do nothing."""

import ctypes
import sys
from pathlib import Path

_M_ARENA_MAX = -8
_MADV_DONTNEED = 4


def use_one_arena() -> None:
    """Let all threads take memory from one place, instead of each keeping what it freed for itself.

    Chroma, SQLite and the tokenizers run in a dozen threads that are mostly idle; together they saved 7 MB. To be
    called before they start. Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if (libc := _libc()) is not None and hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(_M_ARENA_MAX, 1)


def give_back(library: Path) -> None:
    """Let go of the pages of a loaded library's file that hold its constants, once they have been read.

    What is touched again is read again from the file. Only the segment that begins the file is let go: it was never
    written to, so nothing is lost. Source: https://man7.org/linux/man-pages/man2/madvise.2.html
    """
    if (libc := _libc()) is None:
        return
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        for line in maps:
            span, rights, offset, _, _, *name = line.rstrip("\n").split(maxsplit=5)
            if name == [str(library.resolve())] and int(offset, 16) == 0 and "w" not in rights:
                start, end = (int(address, 16) for address in span.split("-"))
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
