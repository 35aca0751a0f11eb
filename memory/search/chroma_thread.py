"""Chroma at work: in a thread of its own, opened at its first use, begun anew when its folder is damaged.

Chroma blocks and takes a second to import; the event loop does neither.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from memory.ports import IndexLost
from memory.search.chroma_folder import fault_of, has_room, killed_its_user, marked_in_use, set_aside

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

    from memory.search.vectors_at_hand import AtHand

logger = logging.getLogger(__name__)

_NO_DAMAGE = (
    "dimension",  # of a vector: the caller's error
    "No space left",
    "(code: 5)",  # SQLite's: it is locked,
    "(code: 8)",  # cannot be written,
    "(code: 13)",  # the disk is full,
    "(code: 778)",  # a write failed
)
"""In what Chroma says of the caller's errors and of the machine's: their classes are those of damage."""

Result = TypeVar("Result")


class ChromaThread:
    """Runs what is to be done with Chroma, one at a time."""

    client: "ClientAPI"
    """For what runs in the thread; open there."""

    at_hand: "AtHand"
    """Vectors of owners who hold more than a search returns; comes and goes with the client."""

    def __init__(
        self,
        folder: Path,
        loaded: Callable[[], None] = lambda: None,
        blank: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """See `ChromaIndex`."""
        self.folder = folder
        self._blank = blank
        self._loaded = loaded
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chroma")
        self._is_open = self._has_written = self._was_damaged = False

    async def run(self, work: Callable[[], Result], *, writes: bool = False) -> Result:
        """Do something in the thread.

        Raises:
            IndexLost: an empty index was opened, or damage was found and the folder set aside.
        """

        def guarded() -> Result:
            if not self._is_open:
                self._open()
            # Indexing may be killed for using up all memory. As it goes on where it ended, a folder at fault would
            # kill the first write of the next process, and only those leave a mark.
            if writes and self._has_written:
                return self._done_or_begun_anew(work)
            with marked_in_use(self.folder):
                result = self._done_or_begun_anew(work)
            self._has_written |= writes
            return result

        # Chroma imports these. Were that left to the thread, whoever wants one meanwhile would find half a module: the
        # openai SDK looks for httpx at each call, and a search for numpy.
        import httpx  # noqa: F401
        import numpy as np  # noqa: F401

        def in_blank_memory() -> Result:
            with self._blank():
                return guarded()

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_blank_memory)

    async def close(self) -> None:
        """Finish what is under way, and release the files; may be called again."""
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self.disconnect)

    def disconnect(self) -> None:
        """In the thread: release the files; what is done next opens them again."""
        if self._is_open:
            self._is_open = False
            self.client.close()  # type: ignore[attr-defined]
            self.at_hand.clear()

    def _done_or_begun_anew(self, work: Callable[[], Result]) -> Result:
        from chromadb.errors import ChromaError

        try:
            return work()
        except BaseException as error:
            # A damaged file of one collection shows only when that is used. A panic of the Rust code is no `Exception`.
            if isinstance(error, ChromaError) or not isinstance(error, Exception):
                self._begin_anew(error)
            raise

    def _open(self) -> None:
        """Open the folder, or an empty one in its place.

        Raises:
            IndexLost: the index is empty, because it is new, was damaged or never came to be filled.
        """
        if killed_its_user(self.folder):
            self._begin_anew(RuntimeError("the process that used it last did not survive"))
        if fault := fault_of(self.folder):
            self._begin_anew(RuntimeError(fault))
        try:
            with marked_in_use(self.folder):
                is_empty = self._connect()
        except BaseException as error:  # Chroma documents no errors for a damaged folder
            self._begin_anew(error)
        if is_empty:
            raise IndexLost("the vector index is empty")

    def _connect(self) -> bool:
        """Make the client; returns whether there is no collection yet."""
        from chromadb.api.shared_system_client import SharedSystemClient

        from memory.search.vectors_at_hand import AtHand

        try:
            client = client_of(self.folder)
            is_empty = not client.list_collections()  # a damaged folder shows here
        except BaseException:
            SharedSystemClient.clear_system_cache()  # it keeps a half-made client under the folder's name
            raise
        self.client, self.at_hand, self._is_open = client, AtHand(), True
        self._loaded()
        return is_empty

    def _begin_anew(self, damage: BaseException) -> NoReturn:
        """Set the folder aside and open an empty one; once, for what did not help will not help the next time."""
        is_none = any(words in str(damage) for words in _NO_DAMAGE) or not has_room(self.folder)
        if self._was_damaged or is_none:
            raise damage if isinstance(damage, Exception) else RuntimeError(str(damage))
        self._was_damaged = True
        self.disconnect()
        aside = set_aside(self.folder)
        logger.warning("the vector index was damaged: %s; set aside as %s", damage, aside)
        self._connect()
        raise IndexLost(f"the vector index was damaged; set aside as {aside}") from damage


def client_of(folder: Path) -> "ClientAPI":
    """A client of a folder, which is made if need be; blocking."""
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
