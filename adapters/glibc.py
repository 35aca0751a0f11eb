"""Hints to Linux's C library about native code, each worth several megabytes; elsewhere they do nothing."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_M_ARENA_MAX = -8
_M_PERTURB = -6
_MADV_DONTNEED = 4
_SEGMENTS = Path("/proc/self/smaps")


def use_one_arena() -> None:
    """Let all threads take memory from one place, instead of each keeping what it freed for itself.

    Chroma, SQLite and the tokenizers run in a dozen threads that are mostly idle; together they saved 7 MB. To be
    called before they start. Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if (libc := _libc()) is not None and hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(_M_ARENA_MAX, 1)


@contextmanager
def blank_memory() -> Iterator[None]:
    """While inside, whoever asks for memory gets it filled with zeros, and not with what others have left in it.

    For native code that writes its memory to disk, unused parts and all, as Chroma does with its blocks of vectors.
    Small pieces are handed out as they are. Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    libc = _libc()
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_M_PERTURB, 0xFF)  # memory is filled with the complement
    try:
        yield
    finally:
        libc.mallopt(_M_PERTURB, 0)


def give_back(library: Path) -> None:
    """Let go of the pages of a loaded library's file, once what is wanted of it has been read.

    What is touched again is read again from the file. Segments that were written to, as by the linker, are kept.
    Source: https://man7.org/linux/man-pages/man2/madvise.2.html
    """
    if (libc := _libc()) is None:
        return
    for start, end in _clean_segments(library.resolve()):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


@cache
def give_back_grpc() -> None:
    """Let go of gRPC's library, which Chroma loads to tell others of its work and we never use: 6 MB, once."""
    if (grpc := sys.modules.get("grpc._cython.cygrpc")) is not None and grpc.__file__:
        give_back(Path(grpc.__file__))


def _clean_segments(library: Path) -> list[tuple[int, int]]:
    """From where to where a library stands in memory as it does in its file; none on kernels that do not tell."""
    found: list[tuple[int, int]] = []
    if not _SEGMENTS.exists():
        return found
    with _SEGMENTS.open(encoding="utf-8") as maps:
        segment: tuple[int, int] | None = None
        for line in maps:
            first, *fields = line.rstrip("\n").split(maxsplit=5)
            if not first.endswith(":"):  # the line that begins a segment
                is_ours = fields[4:] == [str(library)] and "w" not in fields[0]
                start, end = (int(address, 16) for address in first.split("-"))
                segment = (start, end) if is_ours else None
            elif segment is not None and first == "Anonymous:" and fields[0] == "0":
                found.append(segment)
    return found


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
