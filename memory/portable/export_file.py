"""An export as a file: a zip of the records, a line each, and the same for people to read.

It is written as the records come, a batch at a time and beside the event loop, so neither its size nor its length in
time is felt by anybody else.
"""

import asyncio
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO
from zoneinfo import ZoneInfo

from memory.portable.export_text import Readable
from memory.portable.records import MalformedExport, Record, to_line

RECORDS, TEXT = "memory.jsonl", "memory.md"
"""What the files in an export are called."""

MAX_LINE_BYTES = 1 << 26
"""A longer line is no record of ours: a zip of a few kilobytes may unpack to one of many gigabytes."""

_AT_ONCE = 500
_AT_A_STRETCH = 20
"""So many records are made before others get on with theirs."""

_IN_MEMORY = 1 << 20


async def write_zip(path: Path, records: AsyncIterator[Record], zone: ZoneInfo) -> Counter[str]:
    """Write an export into a file that is there and empty; returns how many records there were of each type.

    Raises:
        OSError: it cannot be written.
    """
    counts: Counter[str] = Counter()
    readable = Readable(zone)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, tempfile.TemporaryFile(dir=path.parent) as text:
        with packed.open(RECORDS, "w", force_zip64=True) as lines:
            async with _writing() as write:
                async for some in _batches(records):
                    await write(partial(_write, some, lines, text, readable))
                    counts.update(record.type for record in some)
        await asyncio.to_thread(_append, packed, text)
    return counts


_IS_ENCRYPTED = 1
"""Among the flags of a file in a zip. Source: PKWARE's APPNOTE, 4.4.4."""


def records_in(names: list[str]) -> str:
    """Of the files in a zip the one with records.

    Raises:
        MalformedExport: there is none.
    """
    if RECORDS not in names:
        raise MalformedExport(f"there is no {RECORDS} in it")
    return RECORDS


@contextmanager
def zipped_lines(
    file: BinaryIO, named: Callable[[list[str]], str] = records_in
) -> Iterator[Callable[[], Iterator[bytes]]]:
    """The lines of the records in an export, from the first each time that they are asked for; blocking.

    Args:
        file: a zip.
        named: which of the files in it holds the records, by what these are called.

    Raises:
        MalformedExport: the file is no export, or damaged; perhaps only when its lines are read.
    """
    with _unpacking(), zipfile.ZipFile(file) as packed:
        name = named(packed.namelist())
        if packed.getinfo(name).flag_bits & _IS_ENCRYPTED:
            raise MalformedExport("it is locked by a password; unpack it, and pack it without")

        def lines() -> Iterator[bytes]:
            with _unpacking(), packed.open(name) as opened:
                while line := opened.readline(MAX_LINE_BYTES + 1):
                    if len(line) > MAX_LINE_BYTES:
                        raise MalformedExport(f"a line in it is longer than {MAX_LINE_BYTES >> 20} MB")
                    yield line

        yield lines


@contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise MalformedExport(f"it cannot be unpacked ({' '.join(str(error).split())})") from None


@asynccontextmanager
async def _writing() -> AsyncIterator[Callable[[Callable[[], None]], Awaitable[None]]]:
    """Writes in a thread, one thing after the other, while the next is read."""
    under_way: list[asyncio.Future[None]] = []

    async def ended() -> None:
        if under_way:
            await under_way.pop()

    async def write(job: Callable[[], None]) -> None:
        await ended()
        under_way.append(asyncio.ensure_future(asyncio.to_thread(job)))

    try:
        yield write
        await ended()
    finally:
        if under_way:  # a thread cannot be stopped, and its file is about to be closed
            await asyncio.wait(under_way)


async def _batches(records: AsyncIterator[Record]) -> AsyncIterator[Sequence[Record]]:
    batch: list[Record] = []
    async for record in records:
        batch.append(record)
        if len(batch) % _AT_A_STRETCH == 0:
            await asyncio.sleep(0)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _write(some: Sequence[Record], lines: IO[bytes], text: IO[bytes], readable: Readable) -> None:
    lines.write("".join(f"{to_line(record)}\n" for record in some).encode())
    text.write("".join(map(readable.take, some)).encode())


def _append(packed: zipfile.ZipFile, text: IO[bytes]) -> None:
    text.seek(0)
    with packed.open(TEXT, "w", force_zip64=True) as out:
        shutil.copyfileobj(text, out, _IN_MEMORY)
