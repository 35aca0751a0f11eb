"""Documents into archival storage: files read, cut into pieces, kept in a source, and given to an agent."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from adapters.documents.files import opened
from adapters.ports import DocumentReader, DocumentText, DocumentUnreadable
from bot.document_files import DocumentFile, find_files
from bot.loaded_before import covered_by, gone, held_as_they_are, holder_of
from bot.text import clean, counted
from memory.archival import ArchivalStorage
from memory.chunks import Piece, pieces
from memory.documents import Documents, Removed
from memory.ports import Source, owner_of_source


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is: `done` of `total` files read, then passages that have their vectors."""

    doing: str
    done: int
    total: int


class Outcome(StrEnum):
    """What became of a file that could be read."""

    NEW = "new"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a load: a count for each outcome, and a line for each file that was not read."""

    source: str
    outcomes: Mapping[Outcome, int]
    dropped: int
    without_vector: int
    """Pieces and notes that an embedder out of reach left for later; they are found by words."""
    faults: tuple[str, ...]
    is_joined: bool = False
    """Whether they went into a source that was loaded by other words, and held them already."""
    superseded: tuple[str, ...] = ()
    """Sources that the agent has no more: all of them is in this one."""

    @property
    def told(self) -> str:
        """What came of it, in a few words."""
        told = [f"{counted(self.outcomes.get(Outcome.NEW, 0), 'document')} loaded"]
        told += [f"{self.outcomes[of]} {of}" for of in (Outcome.REPLACED, Outcome.UNCHANGED) if self.outcomes.get(of)]
        told += [f"{self.dropped} dropped"] if self.dropped else []
        told += [f"{len(self.faults)} skipped"] if self.faults else []
        told += [f"{counted(self.without_vector, 'piece')} without a vector yet"] if self.without_vector else []
        told += [f"put into {self.source!r}, which holds the same files already"] if self.is_joined else []
        told += [f"in the place of {', '.join(map(repr, self.superseded))}"] if self.superseded else []
        return ", ".join(told)


Watch = Callable[[Progress], None]


class Library:
    """Loads documents, and says who has which; usable beside running turns."""

    def __init__(self, documents: Documents, archival: ArchivalStorage, reader: DocumentReader) -> None:
        self._documents = documents
        self._archival = archival
        self._reader = reader
        self._running = 0

    async def load(
        self,
        paths: Sequence[str],
        source: str | None,
        agent_id: int | None,
        watch: Watch = lambda progress: None,
        *,
        drops_missing: bool = False,
    ) -> Loaded:
        """Read files and keep them as documents, each whole or not at all; the rest is found by loading again.

        Args:
            paths: files, folders and patterns.
            source: the documents' source, whoever has it; None: the one of the agent's that holds them already, or
                that the same words were loaded into before, else a new one with a name made of the paths.
            agent_id: whom the source is attached to, as soon as there is something in it; None: nobody yet.
            watch: is told how far it is.
            drops_missing: remove the source's documents that are not among the files.

        Raises:
            PathNotFound: a path leads nowhere; nothing was read.
        """
        self._running += 1
        try:
            return await self._load(paths, source, agent_id, watch, drops_missing=drops_missing)
        finally:
            self._running -= 1
            if not self._running:  # the reader's process is not kept for a load that may never come
                await self._reader.close()

    async def attach(self, agent_id: int, source: str) -> bool:
        """Let an agent search a source; returns whether it could not before.

        Raises:
            SourceNotFound: there is none of that name.
        """
        return await self._documents.attach(agent_id, source)

    async def detach(self, agent_id: int, source: str) -> bool:
        """Take a source from an agent; returns whether it had it. The documents stay.

        Raises:
            SourceNotFound: there is none of that name.
        """
        return await self._documents.detach(agent_id, source)

    async def remove(self, source: str) -> None:
        """Remove a source with its documents, from every agent.

        Raises:
            SourceNotFound: there is none of that name.
        """
        await self._forget(await self._documents.remove(source))

    async def sources(self, agent_id: int | None = None) -> tuple[Source, ...]:
        """All sources, or those of one agent, by name."""
        return await self._documents.sources(agent_id)

    async def _load(
        self, paths: Sequence[str], source: str | None, agent_id: int | None, watch: Watch, *, drops_missing: bool
    ) -> Loaded:
        found = await asyncio.to_thread(find_files, paths, self._reader.suffixes)
        own = () if source or agent_id is None else await self._documents.loaded_for(agent_id)
        holder = await asyncio.to_thread(holder_of, found, own)
        files, is_joined = found.files, False
        if holder is not None:
            name, files, is_joined = holder.source.name, holder.files, holder.source.origin != found.origin
        elif named := await self._named_holder(found.files, None if source else agent_id):
            name, files, is_joined = *named, True
        else:
            name = source or await self._documents.name_for(found.origin, found.source)
        known = await self._documents.digests(name)
        outcomes, faults, to_attach = Counter[Outcome](), list(found.passed_over), agent_id
        for number, file in enumerate(files):
            watch(Progress(file.name, number, len(files)))
            try:
                outcomes[await self._take(file, name, None if source else found.origin, known.get(file.name))] += 1
            except DocumentUnreadable as error:
                faults.append(f"{file.path}: {error}")
                continue
            if to_attach is not None:
                await self._documents.attach(to_attach, name)
                to_attach = None
        dropped = 0
        if drops_missing and outcomes:
            names = {file.name for file in files}  # also of those that could not be read just now
            if is_joined:  # they are a part of it only: what is not of that part stays
                lost = await asyncio.to_thread(gone, holder.source, found.folder) if holder is not None else ()
                names |= known.keys() - set(lost)
            dropped = await self._drop(name, names)
        superseded = () if source or agent_id is None else await self._supersede(agent_id, name)
        return Loaded(
            name, outcomes, dropped, await self._make_vectors(watch), tuple(faults), is_joined, tuple(superseded)
        )

    async def _named_holder(
        self, files: Sequence[DocumentFile], agent_id: int | None
    ) -> tuple[str, tuple[DocumentFile, ...]] | None:
        """The agent's source of a given name that holds all of these as they are, and what they are called there."""
        named = await self._documents.named_for(agent_id) if agent_id is not None else {}
        names = {file.path.name for file in files}
        named = {name: held for name, held in named.items() if names <= {Path(document).name for document in held}}
        if not named:  # nothing is read in vain
            return None
        try:
            digests = [await asyncio.to_thread(digest_of, file.path, self._reader.max_bytes) for file in files]
        except DocumentUnreadable:
            return None
        for name, documents in named.items():
            held = held_as_they_are(files, digests, documents)
            if held is not None:
                return name, held
        return None

    async def _take(self, file: DocumentFile, source: str, origin: str | None, known_digest: str | None) -> Outcome:
        digest = await asyncio.to_thread(digest_of, file.path, self._reader.max_bytes)
        if digest == known_digest:
            return Outcome.UNCHANGED
        text = await self._reader.read(file.path)
        cut = await asyncio.to_thread(pieces_of, text)
        await self._forget(await self._documents.put(source, file.name, digest, cut, origin))
        return Outcome.NEW if known_digest is None else Outcome.REPLACED

    async def _supersede(self, agent_id: int, source: str) -> list[str]:
        own = await self._documents.loaded_for(agent_id)
        new = next((each for each in own if each.name == source), None)
        covered = await asyncio.to_thread(covered_by, new, own) if new is not None else []
        for other in covered:
            await self._forget(await self._documents.supersede(agent_id, other.name))
        return [other.name for other in covered]

    async def _drop(self, source: str, names: Collection[str]) -> int:
        removed, count = await self._documents.keep_only(source, names)
        await self._forget(removed)
        return count

    async def _make_vectors(self, watch: Watch) -> int:
        """Returns how many are still without."""
        waiting = await self._archival.waiting()
        if not waiting:
            return 0
        told = 0

        def tell(done: int) -> None:
            nonlocal told
            told = min(done, waiting)
            watch(Progress("vectors", told, waiting))

        tell(0)
        await self._archival.index_pending(tell)
        left = await self._archival.waiting()
        if told < waiting - left:  # somebody else has made some of them meanwhile
            tell(waiting - left)
        return left

    async def _forget(self, removed: Removed) -> None:
        await self._archival.forget(owner_of_source(removed.source_id), removed.passage_ids)


def digest_of(path: Path, max_bytes: int) -> str:
    """What a file's content is known by. Blocking.

    Raises:
        DocumentUnreadable: it cannot be read.
    """
    with opened(path, max_bytes) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DocumentUnreadable(f"cannot be read ({error.strerror or error})") from error


def pieces_of(text: DocumentText) -> list[Piece]:
    """What a document says, cut into pieces. Blocking."""
    return [
        piece
        for page in text.pages
        for piece in pieces(clean(page.text), is_markdown=text.is_markdown, page=page.number)
    ]
