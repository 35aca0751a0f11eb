"""A file that came with a message: fetched from its platform, then read into archival storage, or looked at."""

import asyncio
import base64
import logging
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

from adapters.documents.kinds import suffix_of
from adapters.ports.documents import DocumentReader
from adapters.ports.errors import DocumentUnreadable, PlatformUnavailable
from adapters.ports.messages import Attachment
from adapters.ports.model import Image
from adapters.ports.platform import HasFiles
from bot.documents.attached import name_of
from bot.documents.library import pieces_of
from bot.documents.sight import MAX_IMAGE_BYTES, type_of
from bot.turns.outage import Wait
from memory.archival.message_documents import MessageDocuments
from memory.archival.storage import ArchivalStorage

logger = logging.getLogger(__name__)

PAUSES_S = (1.0, 5.0)
"""Between the tries to fetch a file from a platform that is out of order."""

LONGEST_PAUSE_S = 30.0
"""The person waits for an answer meanwhile."""

AT_ONCE = 4
"""Files that are fetched at the same time, of all agents."""

UNKNOWN_KIND = "only text, code, PDF, Word, Excel, PowerPoint, EPUB, HTML and CSV files can be"
NO_ROOM = "there is no room for it on my disk"

_IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".webp"}


@dataclass(frozen=True, slots=True)
class Whose:
    """Who gets a file: the agent, what its source is called, the message that brought it, and whether all is still so.

    `check` is called in the transaction that keeps the document; if it raises, nothing is kept.
    """

    agent_id: int
    source: str
    message: str
    check: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """A document in archival storage: its name there, and its pages, if it has any."""

    name: str
    pages: int | None


def is_image(attachment: Attachment) -> bool:
    """Whether it passes for an image of a kind that models are shown; its content decides later."""
    return PurePath(attachment.name.lower()).suffix in _IMAGES


class Files:
    """Fetches files and reads them.

    Args:
        documents: keeps what is read.
        archival: makes it found.
        reader: reads every kind, in a process that may be harmed.
        folder: where a file lies while it is read; emptied at once, for a process that was killed may have left some.
        max_bytes: a larger file is not fetched.
        wait: lets some seconds pass.
    """

    def __init__(
        self,
        documents: MessageDocuments,
        archival: ArchivalStorage,
        reader: DocumentReader,
        folder: Path,
        max_bytes: int,
        wait: Wait,
    ) -> None:
        self._documents = documents
        self._archival = archival
        self._reader = reader
        self._folder = folder
        self._max_bytes = max_bytes
        self._wait = wait
        self._running = 0
        self._vectors: asyncio.Task[None] | None = None
        self._is_vectorless = False
        self._at_once = asyncio.Semaphore(AT_ONCE)
        shutil.rmtree(folder, ignore_errors=True)

    async def load(self, platform: HasFiles, attachment: Attachment, whose: Whose) -> Kept:
        """Put a file into an agent's archival storage; one that is there already stays as it is.

        Raises:
            DocumentUnreadable: it cannot be had, or not be read; the text is a sentence without its full stop.
        """
        suffix = suffix_of(attachment.name, attachment.content_type)
        if suffix is None:
            raise DocumentUnreadable(UNKNOWN_KIND)
        async with self._fetched(platform, attachment, suffix, min(self._max_bytes, self._reader.max_bytes)) as path:
            try:
                async with self._reading():
                    text = await self._reader.read(path)
                cut = await asyncio.to_thread(pieces_of, text)
            except DocumentUnreadable as error:
                raise DocumentUnreadable(f"it {error}") from error
        said = (name_of(attachment), text.digest, cut)
        name = await self._documents.keep(
            whose.agent_id, whose.source, *said, whose.message, whose.check, attachment.id
        )
        self._make_vectors()
        return Kept(name, max((page.number or 0 for page in text.pages), default=0) or None)

    async def look_at(self, platform: HasFiles, attachment: Attachment) -> Image:
        """An image as models are shown it. Nothing of it is kept.

        Raises:
            DocumentUnreadable: as `load`.
        """
        most = min(self._max_bytes, MAX_IMAGE_BYTES)
        async with self._fetched(platform, attachment, "", most) as path:
            content = await asyncio.to_thread(path.read_bytes)
        kind = type_of(content)
        if kind is None:
            raise DocumentUnreadable("it is no image")
        return Image(f"data:{kind};base64,{base64.b64encode(content).decode()}")

    async def close(self) -> None:
        """Make no more vectors: what has none yet is found by its words, and gets one at the next start."""
        if self._vectors is not None:
            self._vectors.cancel()
            await asyncio.wait([self._vectors])

    @asynccontextmanager
    async def _fetched(
        self, platform: HasFiles, attachment: Attachment, suffix: str, max_bytes: int
    ) -> AsyncIterator[Path]:
        path = self._folder / f"{secrets.token_hex(8)}{suffix}"  # nobody else's name for it reaches our disk
        async with self._at_once:
            try:
                await asyncio.to_thread(self._folder.mkdir, mode=0o700, exist_ok=True)
                await self._fetch(platform, attachment, path, max_bytes)
                yield path
            except PlatformUnavailable as error:
                raise DocumentUnreadable(str(error)) from error
            except OSError as error:
                logger.exception("a file could not be put down")
                raise DocumentUnreadable(NO_ROOM) from error
            finally:
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _fetch(self, platform: HasFiles, attachment: Attachment, path: Path, max_bytes: int) -> None:
        for pause_s in PAUSES_S:
            try:
                return await platform.fetch(attachment, path, max_bytes)
            except PlatformUnavailable as error:
                logger.info("a file cannot be fetched just now: %s", error)
                await self._wait(min(error.retry_after or pause_s, LONGEST_PAUSE_S))
        return await platform.fetch(attachment, path, max_bytes)

    def _make_vectors(self) -> None:
        """Nobody waits for them: until then a document is found by its words."""
        self._is_vectorless = True
        if self._vectors is None or self._vectors.done():
            self._vectors = asyncio.create_task(self._index(), name="vectors of files")

    async def _index(self) -> None:
        while self._is_vectorless:
            self._is_vectorless = False
            try:
                await self._archival.index_pending()
            except Exception:  # what waits is taken up again with the next file, or at the next start
                logger.exception("documents wait for their vectors")

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        """A reader's process is not kept for a file that may never come."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                await self._reader.close()
