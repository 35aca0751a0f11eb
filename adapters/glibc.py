"""Hints to Linux's C library about native code, each worth several megabytes; elsewhere they do nothing."""

import ctypes
import sys
from pathlib import Path

_M_ARENA_MAX = -8
_MADV_DONTNEED = 4
_SEGMENTS = Path("/proc/self/smaps")


def use_one_arena() -> None:
    """Let all threads take memory from one place, instead of each keeping what it freed for itself.

    Chroma, SQLite and the tokenizers run in a dozen threads that are mostly idle; together they saved 7 MB. To be
    called before they start. Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if (libc := _libc()) is not None and hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(_M_ARENA_MAX, 1)


def give_back(library: Path) -> None:
    """Let go of the pages of a loaded library's file, once what is wanted of it has been read.

    What is touched again is read again from the file. Segments that were written to, as by the linker, are kept.
    Source: https://man7.org/linux/man-pages/man2/madvise.2.html
    """
    if (libc := _libc()) is None:
        return
    for start, end in _clean_segments(library.resolve()):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


def give_back_grpc() -> None:
    """Let go of gRPC's library, which Chroma loads to tell others of its work and we never use: 6 MB."""
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
