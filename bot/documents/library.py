"""Documents into archival storage: files read, cut into pieces, kept in a source, and given to an agent."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path

from adapters.documents.files import opened
from adapters.ports.documents import DocumentReader, DocumentText
from adapters.ports.errors import DocumentUnreadable
from bot.documents.document_files import DocumentFile, Found, find_files
from bot.documents.document_places import Placed, placed
from bot.documents.loaded_before import covered_by, gone, held_as_they_are, holder_of, is_the_same
from bot.documents.web_pages import WebPages, host_of
from bot.errors import PageNotFetched
from bot.events import system_alert
from bot.text import clean, counted
from memory.archival.chunks import Piece, pieces
from memory.archival.documents import PRELOADED, Documents, LoadedSource, Removed
from memory.archival.storage import ArchivalStorage
from memory.ports import NewMessage, Source, SourceNotFound, owner_of_source

MAX_PIECES = 100_000
"""Of a document: 64 MiB of prose come to fewer; what comes to more, nobody wrote to be read."""


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
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """How many of them went into other sources of the agent's, which held them already, by the sources' names."""
    superseded: tuple[str, ...] = ()
    """Sources that the agent has no more: all of them is in this one."""

    @property
    def is_news(self) -> bool:
        """Whether there is something in archival storage now that was not there before."""
        return bool(self.outcomes.get(Outcome.NEW) or self.outcomes.get(Outcome.REPLACED))

    @property
    def told(self) -> str:
        """What came of it, in a few words."""
        told = [f"{counted(self.outcomes.get(Outcome.NEW, 0), 'document')} loaded"]
        told += [f"{self.outcomes[of]} {of}" for of in (Outcome.REPLACED, Outcome.UNCHANGED) if self.outcomes.get(of)]
        told += [f"{self.dropped} dropped"] if self.dropped else []
        told += [f"{len(self.faults)} skipped"] if self.faults else []
        told += [f"{counted(self.without_vector, 'piece')} without a vector yet"] if self.without_vector else []
        told += [f"put into {self.source!r}, which holds the same files already"] if self.is_joined else []
        told += [
            f"{count} of them in {name!r}, which held {'it' if count == 1 else 'them'} already"
            for name, count in self.elsewhere.items()
        ]
        told += [f"in the place of {', '.join(map(repr, self.superseded))}"] if self.superseded else []
        return ", ".join(told)


Watch = Callable[[Progress], None]


def loaded_alert(loaded: Loaded, now: datetime) -> NewMessage:
    """What an agent is told of documents that it was given."""
    return system_alert(
        f"Documents: {loaded.told}, into the source {loaded.source!r}. archival_memory_search finds them.", now
    )


class Library:
    """Loads documents, and says who has which; usable beside running turns."""

    def __init__(
        self, documents: Documents, archival: ArchivalStorage, reader: DocumentReader, pages: WebPages
    ) -> None:
        self._documents = documents
        self._archival = archival
        self._reader = reader
        self._pages = pages
        self._running = 0

    async def load(
        self,
        paths: Sequence[str],
        source: str | None,
        agent_id: int | None,
        watch: Watch = lambda progress: None,
        *,
        drops_missing: bool = False,
        drops_others: bool = False,
    ) -> Loaded:
        """Read files and keep them as documents, each whole or not at all; the rest is found by loading again.

        Args:
            paths: files, folders, patterns, and addresses of pages.
            source: the documents' source, whoever has it; None: the one of the agent's that holds them already, or
                that the same words were loaded into before, else a new one with a name made of the paths; of pages of
                one host, the one named after it.
            agent_id: whom the source is attached to, as soon as there is something in it; None: nobody yet.
            watch: is told how far it is.
            drops_missing: also remove documents whose files were below the folders named, and are gone: from the
                agent's sources, and from the one that is chosen.
            drops_others: remove whatever else is in the chosen source.

        Raises:
            PathNotFound: a path leads nowhere, or a page cannot be fetched; nothing was kept.
        """
        self._running += 1
        try:
            return await self._load(
                paths, source, agent_id, watch, drops_missing=drops_missing, drops_others=drops_others
            )
        finally:
            self._running -= 1
            if not self._running:  # the reader's process is not kept for a load that may never come
                await self._reader.close()

    async def preload(self, paths: Sequence[str]) -> Loaded | None:
        """Have every agent find these documents in its archival storage as the files are now, and no others of before.

        None if no paths are named, and so nothing is preloaded any more. A page that cannot be fetched now is one of
        the faults: nothing is dropped then, so that what was loaded of it before stays.

        Raises:
            PathNotFound: a path leads nowhere, or pages may not be fetched.
        """
        if not paths:
            with suppress(SourceNotFound):
                await self.remove(PRELOADED)
            return None
        files, faults = list[str](), list[str]()
        for path in paths:
            try:
                files += await self._pages.as_files([path], self._reader.suffixes)
            except PageNotFetched as fault:
                faults.append(f"{fault} What was loaded of it before stays.")
        if not files:
            return Loaded(PRELOADED, {}, 0, 0, tuple(faults))
        loaded = await self.load(files, PRELOADED, None, drops_others=not faults)
        with suppress(SourceNotFound):  # nothing could be read
            await self._documents.attach_to_all(PRELOADED)
        return replace(loaded, faults=(*faults, *loaded.faults))

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
        self,
        paths: Sequence[str],
        source: str | None,
        agent_id: int | None,
        watch: Watch,
        *,
        drops_missing: bool,
        drops_others: bool,
    ) -> Loaded:
        source = source or host_of(paths)
        paths = await self._pages.as_files(paths, self._reader.suffixes)
        found = await asyncio.to_thread(find_files, paths, self._reader.suffixes)
        own = () if agent_id is None else await self._documents.loaded_for(agent_id)
        name, files, is_joined = (source, found.files, False) if source else await self._belonging(found, own)
        into = await self._documents.loaded(name)
        taken = await asyncio.to_thread(placed, files, into, own, is_chosen=source is not None)
        outcomes, faults, held = Counter[Outcome](), list(found.passed_over), Counter[str]()
        learned: dict[tuple[str, str], str] = {}
        for number, file in enumerate(taken):
            watch(Progress(file.file.name, number, len(taken)))
            try:
                outcomes[await self._take(file, None if source else found.origin)] += 1
            except DocumentUnreadable as error:
                faults.append(f"{file.file.path}: {error}")
                continue
            held[file.first.source] += 1
            learned |= {(place.source, place.name): file.path for place in file.all if place.path != file.path}
            if agent_id is not None and file.first.source == name and held[name] == 1:
                await self._documents.attach(agent_id, name)
        await self._documents.remember(learned)
        if held and name not in held:
            ((name, _),), is_joined = held.most_common(1), True
        dropped = Counter[str]()
        if drops_missing:
            dropped = await self._drop(found.below, taken, agent_id, name if source or agent_id is None else None)
            if dropped and not held:
                name = next(iter(dropped))
        if drops_others and (others := set(into.documents) - {place.name for file in taken for place in file.all}):
            removed, dropped[name] = await self._documents.drop(name, others)
            await self._forget(removed)
        superseded = () if agent_id is None else await self._supersede(agent_id, name)
        return Loaded(
            name,
            outcomes,
            dropped.total(),
            await self._make_vectors(watch),
            tuple(faults),
            is_joined,
            {other: count for other, count in held.items() if other != name},
            tuple(superseded),
        )

    async def _belonging(self, found: Found, own: Sequence[LoadedSource]) -> tuple[str, tuple[DocumentFile, ...], bool]:
        """The source of files for which none was chosen, what they are called there, and whether it has other words."""
        holder = await asyncio.to_thread(holder_of, found, own)
        if holder is not None:
            return holder.source.name, holder.files, holder.source.origin != found.origin
        wordless = [each for each in own if each.origin is None]
        for each in wordless:
            if await asyncio.to_thread(is_the_same, found, each, self._digest_or_none):
                await self._documents.adopt(each.name, found.origin)
                return each.name, found.files, False
        named = await self._named_holder(found.files, wordless)
        if named is not None:
            return *named, True
        return await self._documents.name_for(found.origin, found.source), found.files, False

    async def _named_holder(
        self, files: Sequence[DocumentFile], named: Sequence[LoadedSource]
    ) -> tuple[str, tuple[DocumentFile, ...]] | None:
        """Of the sources that do not know all their paths: one that holds all of these, with their names there."""
        names = {file.path.name for file in files}
        named = [
            each
            for each in named
            if any(document.path is None for document in each.documents.values())
            and names <= {Path(document).name for document in each.documents}
        ]
        if not named:  # nothing is read in vain
            return None
        try:
            digests = [await asyncio.to_thread(digest_of, file.path, self._reader.max_bytes) for file in files]
        except DocumentUnreadable:
            return None
        for each in named:
            held = await asyncio.to_thread(held_as_they_are, files, digests, each)
            if held is not None:
                return each.name, held
        return None

    def _digest_or_none(self, path: Path) -> str | None:
        try:
            return digest_of(path, self._reader.max_bytes)
        except DocumentUnreadable:
            return None

    async def _take(self, file: Placed, origin: str | None) -> Outcome:
        """Keep a file as it is now, in every document that is made of it."""
        digest = await asyncio.to_thread(digest_of, file.file.path, self._reader.max_bytes)
        old = [place for place in file.all if place.digest != digest]
        if old:
            text = await self._reader.read(file.file.path)
            cut = await asyncio.to_thread(pieces_of, text)
            for place in old:
                removed = await self._documents.put(place.source, place.name, text.digest, cut, origin, file.path)
                await self._forget(removed)
        if file.first.digest is None:
            return Outcome.NEW
        return Outcome.REPLACED if old else Outcome.UNCHANGED

    async def _supersede(self, agent_id: int, source: str) -> list[str]:
        own = await self._documents.loaded_for(agent_id)
        new = next((each for each in own if each.name == source), None)
        covered = await asyncio.to_thread(covered_by, new, own) if new is not None else []
        for other in covered:
            await self._forget(await self._documents.supersede(agent_id, other.name))
        return [other.name for other in covered]

    async def _drop(
        self, below: Collection[str], taken: Sequence[Placed], agent_id: int | None, chosen: str | None
    ) -> Counter[str]:
        """Remove documents whose files were below these folders and are gone, of an agent's sources and a chosen one.

        Returns how many of each source.
        """
        sources = [] if agent_id is None else list(await self._documents.loaded_for(agent_id))
        if chosen is not None and chosen not in {source.name for source in sources}:
            sources.append(await self._documents.loaded(chosen))
        there = {(place.source, place.name) for file in taken for place in file.all}  # also of those unread just now
        dropped = Counter[str]()
        for source in sources:
            lost = {name for name in await asyncio.to_thread(gone, source, below) if (source.name, name) not in there}
            if lost:
                removed, dropped[source.name] = await self._documents.drop(source.name, lost)
                await self._forget(removed)
        return dropped

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
    """What a document says, cut into pieces. Blocking.

    Raises:
        DocumentUnreadable: it would be too many.
    """
    cut = (
        piece
        for page in text.pages
        for piece in pieces(clean(page.text), is_markdown=text.is_markdown, page=page.number)
    )
    kept = list(islice(cut, MAX_PIECES + 1))
    if len(kept) > MAX_PIECES:
        raise DocumentUnreadable(f"comes to more than {MAX_PIECES:,} pieces")
    return kept
