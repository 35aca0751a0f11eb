"""Where files belong that are loaded again: no agent is to find two copies of one file. Blocking.

A source remembers the words that it was loaded by (its origin). The same words lead back to it; words that name less,
or other words for the same, lead to the source that holds the files already, if the agent has it. Never to one that it
has not: that would show it the rest of a folder of which it was given one file. A source that was given a name
remembers no words: it holds a file if it has its content.
"""

import glob
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.document_files import DocumentFile, Found, fixed_part, name_below
from memory.documents import LoadedSource


@dataclass(frozen=True, slots=True)
class Holder:
    """A source that files belong in, and what they are called there."""

    source: LoadedSource
    files: tuple[DocumentFile, ...]


def holder_of(found: Found, own: Sequence[LoadedSource]) -> Holder | None:
    """Which of an agent's sources these files belong in; None: in one of their own."""
    fitting = []
    for source in own:
        folder, is_same, is_whole = (
            folder_of(source.origin),
            source.origin == found.origin,
            os.path.isdir(source.origin),
        )
        files = found.files if is_same else _below(folder, found.files)
        held = sum(file.name in source.documents for file in files or ())
        is_all = files is not None and held == len(files) and glob.has_magic(source.origin)
        if files is not None and (is_same or (held > 0 and (is_whole or is_all))):
            fitting.append((len(folder), not is_whole, not is_same, Holder(source, files)))
    return min(fitting, key=lambda fit: fit[:3])[3] if fitting else None


def held_as_they_are(
    files: Sequence[DocumentFile], digests: Sequence[str], documents: Mapping[str, str]
) -> tuple[DocumentFile, ...] | None:
    """Files as they are called in a source that holds all of them as they are; None if it does not.

    Args:
        files: what is loaded.
        digests: theirs.
        documents: the digests of the source's documents, by name.
    """
    called = {(digest, Path(name).name): name for name, digest in documents.items()}
    names = [
        file.name if documents.get(file.name) == digest else called.get((digest, file.path.name))
        for file, digest in zip(files, digests, strict=True)
    ]
    held = tuple(replace(file, name=name) for file, name in zip(files, names, strict=True) if name is not None)
    return held if held and len(held) == len(files) else None


def covered_by(source: LoadedSource, own: Sequence[LoadedSource]) -> list[LoadedSource]:
    """Those of an agent's sources of which every file is in this one, too."""
    folder = folder_of(source.origin)
    covered = []
    for other in own:
        of_other = folder_of(other.origin)
        again = _below(folder, [DocumentFile(Path(of_other, name), name) for name in other.documents])
        if other.name != source.name and again and {file.name for file in again} <= set(source.documents):
            covered.append(other)
    return covered


def gone(source: LoadedSource, folder: str) -> Collection[str]:
    """Documents whose files were below a folder, and are not there any more."""
    paths = {name: Path(folder_of(source.origin), name) for name in source.documents}
    return [name for name, path in paths.items() if path.is_relative_to(folder) and not os.path.lexists(path)]


def folder_of(origin: str) -> str:
    """The folder below which documents of this origin are named."""
    if os.path.isdir(origin):
        return origin
    return os.path.dirname(origin) if os.path.isfile(origin) or not glob.has_magic(origin) else fixed_part(origin)


def _below(folder: str, files: Sequence[DocumentFile]) -> tuple[DocumentFile, ...] | None:
    """The files with their names below that folder; None if one of them is elsewhere."""
    named = []
    for file in files:
        place = Path(os.path.realpath(file.path.parent), file.path.name)
        if not place.is_relative_to(folder):
            return None
        named.append(replace(file, name=name_below(folder, place)))
    return tuple(named)
