"""Which documents a file is: those that were made of it, by whatever words it was loaded, or a new one. Blocking.

A document knows the path of its file. Where it does not (an import made it, or a version that kept no paths), the words
that its source was loaded by tell it; and where there are none, the file is taken for it whose path ends with its name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from bot.documents.document_files import MAX_NAME, DocumentFile, folder_of, real_path
from bot.documents.kept_paths import as_once_kept, is_gone, kept
from bot.text import clean, one_line
from memory.archival.documents import LoadedSource


@dataclass(frozen=True, slots=True)
class Place:
    """A document of a source, or one that is to be."""

    source: str
    name: str
    digest: str | None
    """Of the file as it was made of it; None: it is not there yet."""
    path: str | None
    """As the document knows it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A file, where it belongs, and the other documents that were made of it."""

    file: DocumentFile
    path: str
    """As it is kept."""
    first: Place
    others: tuple[Place, ...]

    @property
    def all(self) -> tuple[Place, ...]:
        """Every document that it is."""
        return (self.first, *self.others)


def placed(
    files: Sequence[DocumentFile], into: LoadedSource, own: Sequence[LoadedSource], *, is_chosen: bool
) -> list[Placed]:
    """Where files belong.

    Args:
        files: what is loaded.
        into: the source that they are loaded into.
        own: all sources of the agent that they are loaded for.
        is_chosen: whether they belong into that source even if another one, with a name of its own, has them.

    Returns:
        For each of them a place in one source, and those in the agent's other ones.
    """
    theirs = {source.name for source in own}
    named = [] if is_chosen else [source.name for source in own if source.origin is None and source.name != into.name]
    # A source that only others have is not for this agent, where one of its own has the file.
    preferred = [into.name, *named] if is_chosen or into.name in theirs else [*named, into.name]
    made: dict[str, list[Place]] = {}
    for source in (into, *(other for other in own if other.name != into.name)):
        for name, document in source.documents.items():
            if (path := path_of(source, name)) is not None:
                made.setdefault(path, []).append(Place(source.name, name, document.digest, document.path))
    names, found = _Names(into), []
    for file in files:
        there, path = _made_of(real_path(file.path), made), kept(real_path(file.path))
        at = {place.source: place for place in there}
        first = next((at[source] for source in preferred if source in at), None)
        if first is None:
            name = names.of(file.name, path)
            known = into.documents.get(name)
            first = Place(into.name, name, known.digest if known else None, known.path if known else None)
        found.append(
            Placed(file, path, first, tuple(place for place in there if place is not first and place.source in theirs))
        )
    return found


def path_of(source: LoadedSource, name: str) -> str | None:
    """The file that a document was made of, as it is kept, as far as that is known."""
    if (known := source.documents[name].path) is not None:
        return known
    return None if source.origin is None else kept(real_path(Path(folder_of(source.origin), name)))


def _made_of(path: str, made: dict[str, list[Place]]) -> list[Place]:
    """The documents made of a file; of those whose path was once kept in another way, the first such file has them."""
    if (there := made.get(kept(path))) is not None:
        return there
    once = as_once_kept(path)
    return made.pop(once) if once in made and is_gone(once) else []


class _Names:
    """Names in a source for files that no document of it is known to be made of."""

    def __init__(self, source: LoadedSource) -> None:
        self._paths = {name: path_of(source, name) for name in source.documents}
        self._given: set[str] = set()

    def of(self, wanted: str, path: str) -> str:
        """The name of the document whose place the file takes, or a free one: more of its path, if need be."""
        ends = list(_ends_of(path))
        unknown = (end for end in ends if end in self._paths and self._paths[end] is None)
        longer = (end for end in reversed(ends) if len(end) > len(wanted))
        numbered = (_numbered(ends[0], number) for number in count(2))
        name = next(filter(self._is_free, chain(unknown, (wanted,), longer, numbered)))
        self._given.add(name)
        return name

    def _is_free(self, name: str) -> bool:
        """Whether no document has it, or one whose file is not known, or is there no more: it was moved."""
        path = self._paths.get(name)
        return name not in self._given and (path is None or is_gone(path))


def _numbered(name: str, number: int) -> str:
    """One more of the name: of names that differ in what cannot be kept, or beyond what is kept of them."""
    return f"{name[: MAX_NAME - 12]} ({number})"


def _ends_of(path: str) -> Iterator[str]:
    """What a path ends with, as documents are called, the longest first."""
    parts = Path(path).parts[1:]
    return (one_line(clean("/".join(parts[at:])), MAX_NAME) for at in range(len(parts)))
