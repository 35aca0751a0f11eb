"""Documents of all kinds, read one at a time in a process of its own with limits (`worker.py`).

A file may be made to do harm, and the libraries that convert it are large: at worst, what goes wrong ends the worker,
and is one line about that file. The next one gets a fresh worker.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.documents.files import content_of
from adapters.documents.kinds import KINDS, Kind
from adapters.ports.documents import DocumentText, Page
from adapters.ports.errors import DocumentUnreadable

_ROOT = Path(__file__).parents[2]
# The worker has no use for the rest of our environment, which holds keys.
_ENVIRONMENT = "PATH HOME PYTHONHOME VIRTUAL_ENV LD_LIBRARY_PATH DYLD_LIBRARY_PATH SYSTEMROOT LANG LC_ALL".split()
START_TIMEOUT_S = 30
_BLOCK = 256 * 2**10
_HARMED = "made the converter break off: it is damaged, too large, or meant to do harm"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may take."""

    seconds: float = 60
    seconds_per_mib: float = 2
    """More time for each MiB of the file."""
    memory_bytes: int = 1536 * 2**20
    """Address space of the worker, of which some 100 MiB are its libraries."""
    file_bytes: int = 100 * 2**20
    text_bytes: int = 20 * 2**20
    plain_text_bytes: int = 64 * 2**20
    """The same of a file that is its text; what is larger, nobody wrote."""


DEFAULT_LIMITS = Limits()


class _NotTaken(Exception):
    """The worker ended before it had the whole file."""


class ConvertedReader:
    """A `DocumentReader` whose worker starts with the first file and ends by `close`."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS, kinds: Mapping[str, Kind] = KINDS) -> None:
        self._limits = limits
        self._kinds = kinds
        self._worker: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def suffixes(self) -> tuple[str, ...]:
        """See `DocumentReader`."""
        return tuple(self._kinds)

    @property
    def max_bytes(self) -> int:
        """See `DocumentReader`."""
        return self._limits.file_bytes

    async def read(self, path: Path) -> DocumentText:
        """See `DocumentReader`."""
        suffix = path.suffix.lower()
        async with self._one_at_a_time:
            content = await asyncio.to_thread(content_of, path, self._limits.file_bytes)
            if not content:
                raise DocumentUnreadable("is empty")
            pages = await self._converted(suffix, content)
            digest = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
        return DocumentText(pages, is_markdown=self._kinds[suffix].is_markdown, digest=digest)

    async def close(self) -> None:
        """See `DocumentReader`."""
        async with self._one_at_a_time:
            await self._end()

    async def _converted(self, suffix: str, content: bytes) -> tuple[Page, ...]:
        seconds = self._limits.seconds + self._limits.seconds_per_mib * len(content) / 2**20
        wanted = {
            "suffix": suffix,
            "bytes": len(content),
            "seconds": int(seconds) + 1,
            "text_bytes": self._text_bytes(suffix),
        }
        try:
            return await self._converted_once(wanted, content, seconds)
        except (
            _NotTaken
        ):  # the worker had ended before, by no fault of this file: the system may have needed its memory
            pass
        try:
            return await self._converted_once(wanted, content, seconds)
        except _NotTaken as error:
            raise DocumentUnreadable(_HARMED) from error

    async def _converted_once(self, wanted: dict[str, Any], content: bytes, seconds: float) -> tuple[Page, ...]:
        is_whole = is_taken = False
        worker = await self._started()
        try:
            async with asyncio.timeout(seconds):
                await _send(worker, wanted, content)
                is_taken = "taken" in await _told(worker)
                pages = [page async for page in _pages(worker, wanted["text_bytes"])]
                is_whole = True
                return tuple(pages)
        except DocumentUnreadable:
            is_whole = True
            raise
        except TimeoutError as error:
            raise DocumentUnreadable(f"takes longer than {seconds:.3g} s to convert") from error
        except (OSError, ValueError, KeyError, TypeError, asyncio.IncompleteReadError) as error:
            raise (DocumentUnreadable(_HARMED) if is_taken else _NotTaken()) from error
        finally:
            if not is_whole:  # it ended, or would answer for this file when asked for the next one
                await self._end()

    def _text_bytes(self, suffix: str) -> int:
        return self._limits.plain_text_bytes if self._kinds[suffix].is_plain else self._limits.text_bytes

    async def _started(self) -> asyncio.subprocess.Process:
        if self._worker is not None and self._worker.returncode is None:
            return self._worker
        await self._end()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the folder that we happen to be in holds no modules of ours
            *("-m", "adapters.documents.worker", str(self._limits.memory_bytes)),
            env=environment | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for us alone
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await _told(self._worker)  # that it is ready
        except BaseException as error:
            await self._end()
            if isinstance(error, (TimeoutError, ValueError)):
                raise DocumentUnreadable("cannot be converted: the converter does not start") from error
            raise
        return self._worker

    async def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if worker.returncode is None:
            worker.kill()  # it keeps nothing, so there is nothing to end politely
        await worker.wait()


async def _send(worker: asyncio.subprocess.Process, wanted: dict[str, Any], content: bytes) -> None:
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(wanted).encode() + b"\n")
    whole = memoryview(content)
    for start in range(0, len(content), _BLOCK):
        worker.stdin.write(whole[start : start + _BLOCK])
        await worker.stdin.drain()


async def _pages(worker: asyncio.subprocess.Process, text_bytes: int) -> AsyncIterator[Page]:
    """What it answers, to the end; never more than it may, whatever has become of it."""
    assert worker.stdout is not None
    left = text_bytes
    while "done" not in (told := await _told(worker)):
        if "error" in told:
            if "is_last" in told:
                await worker.wait()
            raise DocumentUnreadable(str(told["error"]))
        number, size = told["page"], int(told["bytes"])
        left -= max(size, 1)
        if left < 0 or size < 0 or not (number is None or isinstance(number, int)):
            raise ValueError("no page")
        yield Page((await worker.stdout.readexactly(size)).decode("utf-8"), number)


async def _told(worker: asyncio.subprocess.Process) -> dict[str, Any]:
    assert worker.stdout is not None
    told = json.loads(await worker.stdout.readline())
    if not isinstance(told, dict):
        raise TypeError("no answer")
    return told
