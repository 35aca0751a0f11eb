"""An export in several files, where one may only be so large: each a zip of some of the lines, in order.

What stands in a part is called `memory.part-N.jsonl` and `memory.part-N.md`. The first begins with the head, the last
ends with the end, so an import of all of them together notices if one is missing.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from memory.portable.export_file import RECORDS, TEXT

_NAMED = {RECORDS: "memory.part-{number}.jsonl", TEXT: "memory.part-{number}.md"}
_IS_PART = re.compile(r"memory\.part-([1-9]\d{0,3})\.jsonl", re.ASCII)

_CHUNK = 1 << 16
_AROUND = 600
"""What a zip with two files of short names takes beside what is in them, and more."""


def part_name(names: list[str]) -> tuple[int, str] | None:
    """Of the files in a zip the one with records, if these are a part of an export; and which part."""
    found = [(int(match[1]), name) for name in names if (match := _IS_PART.fullmatch(name))]
    return found[0] if len(found) == 1 else None


def cut(path: Path, max_bytes: int, most: int) -> tuple[Path, ...]:
    """Cut an export, a zip, into parts that lie beside it, each no larger than that. Blocking.

    Args:
        path: the export.
        max_bytes: of each part.
        most: how many parts there may be.

    Returns:
        The parts, in order; none, if it cannot be cut so.

    Raises:
        OSError: they cannot be written; none is left then.
    """
    parts = _Parts(path, max_bytes, most)
    try:
        with zipfile.ZipFile(path) as packed:
            for name in _NAMED:
                with packed.open(name) as lines:
                    for chunk in _chunks(lines, min(_CHUNK, max(1, max_bytes // 8))):
                        if not parts.take(name, chunk):
                            return parts.none()
        return parts.all()
    except BaseException:
        parts.none()
        raise


def _chunks(lines: IO[bytes], size: int) -> Iterator[bytes]:
    """Whole lines, so many together that they come to a size."""
    some, length = list[bytes](), 0
    for line in lines:
        some.append(line)
        length += len(line)
        if length >= size:
            yield b"".join(some)
            some, length = [], 0
    if some:
        yield b"".join(some)


class _Parts:
    """The parts as they are written."""

    def __init__(self, path: Path, max_bytes: int, most: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._most = most
        self._done: list[Path] = []
        self._packed: zipfile.ZipFile | None = None
        self._open: tuple[str, IO[bytes]] | None = None
        self._size = 0

    def take(self, name: str, chunk: bytes) -> bool:
        """Write lines of one of the files; returns whether there is room for them."""
        size = len(zlib.compress(chunk)) * 101 // 100 + 1  # together with others they take less
        if self._packed is None or self._size + size > self._max_bytes:
            if len(self._done) == self._most or _AROUND + size > self._max_bytes:
                return False
            self._begin()
            if name != RECORDS and self._packed is not None:  # each part has its records, be it none
                self._packed.writestr(_NAMED[RECORDS].format(number=len(self._done)), b"")
        assert self._packed is not None
        if self._open is None or self._open[0] != name:
            self._end_file()
            self._open = (name, self._packed.open(_NAMED[name].format(number=len(self._done)), "w"))
        self._open[1].write(chunk)
        self._size += size
        return True

    def all(self) -> tuple[Path, ...]:
        """The parts, which are closed; none, if one came out too large after all."""
        self._end()
        if any(part.stat().st_size > self._max_bytes for part in self._done):
            return self.none()
        return tuple(self._done)

    def none(self) -> tuple[Path, ...]:
        """Remove what was written."""
        self._end()
        for part in self._done:
            part.unlink(missing_ok=True)
        return ()

    def _begin(self) -> None:
        self._end()
        part = self._path.with_name(f"{self._path.stem}-part-{len(self._done) + 1}.zip")
        self._done.append(part)
        part.touch(mode=0o600)
        self._packed = zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED)
        self._size = _AROUND

    def _end_file(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _end(self) -> None:
        self._end_file()
        if self._packed is not None:
            self._packed.close()
            self._packed = None
