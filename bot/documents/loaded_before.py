"""Where files belong that are loaded again: no agent is to find two copies of one file. Blocking.

A source remembers the words that it was loaded by (its origin). The same words lead back to it; words that name less,
or other words for the same, lead to the source that holds the files already, if the agent has it. Never to one that it
has not: that would show it the rest of a folder of which it was given one file. A source that was given a name
remembers no words: `bot.documents.document_places` says which files it has.
"""

import glob
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.documents.document_files import DocumentFile, Found, folder_of, name_below, real_path
from bot.documents.document_places import path_of
from bot.documents.kept_paths import as_it_is, as_once_kept, is_gone, kept
from memory.archival.documents import LoadedSource, is_numbered


@dataclass(frozen=True, slots=True)
class Holder:
    """A source that files belong in, and what they are called there."""

    source: LoadedSource
    files: tuple[DocumentFile, ...]


def holder_of(found: Found, own: Sequence[LoadedSource]) -> Holder | None:
    """Which of an agent's sources these files belong in; None: in one of their own."""
    fitting = []
    for source in own:
        if source.origin is None:
            continue
        folder, is_same, is_whole = (
            folder_of(source.origin),
            source.origin in (found.origin, as_once_kept(as_it_is(found.origin))),
            os.path.isdir(as_it_is(source.origin)),
        )
        files = found.files if is_same else _below(folder, found.files)
        held = sum(file.name in source.documents for file in files or ())
        is_all = files is not None and held == len(files) and glob.has_magic(source.origin)
        if files is not None and (is_same or (held > 0 and (is_whole or is_all))):
            fitting.append((len(folder), not is_whole, not is_same, Holder(source, files)))
    return min(fitting, key=lambda fit: fit[:3])[3] if fitting else None


def held_as_they_are(
    files: Sequence[DocumentFile], digests: Sequence[str], source: LoadedSource
) -> tuple[DocumentFile, ...] | None:
    """Files as they are called in a source that holds all of them; None if it does not.

    It holds the files that its documents were made of; and, where it does not know of which, those of their digests and
    names.
    """
    known = {document.path: name for name, document in source.documents.items() if document.path is not None}
    unknown = {name: document.digest for name, document in source.documents.items() if document.path is None}
    called = {(digest, Path(name).name): name for name, digest in unknown.items()}
    names = [
        file.name
        if unknown.get(file.name) == digest
        else known.get(kept(real_path(file.path)), called.get((digest, file.path.name)))
        for file, digest in zip(files, digests, strict=True)
    ]
    held = tuple(replace(file, name=name) for file, name in zip(files, names, strict=True) if name is not None)
    return held if held and len(held) == len(files) else None


def is_the_same(found: Found, source: LoadedSource, digest_of: Callable[[Path], str | None]) -> bool:
    """Whether a source that knows no words, as of an import, is what these words lead to, whatever has changed since.

    It must be called as theirs would be, and know of no file that is elsewhere. Half of its documents must have names
    of these files, and one of those the same content; or several of them must, and more than half. One other text of
    one name is no sign: it may be another file of that name, which would take the document's place.

    Args:
        found: the files.
        source: it.
        digest_of: what a file's content is known by; None: it cannot be read.
    """
    if not is_numbered(source.name, found.source) or all(
        document.path is not None for document in source.documents.values()
    ):
        return False
    places = {name: kept(os.path.join(found.folder, name)) for name in source.documents}
    if any(document.path not in (None, places[name]) for name, document in source.documents.items()):
        return False
    both = [file for file in found.files if file.name in source.documents]
    if 2 * len(both) < len(source.documents):
        return False
    return (len(both) > 1 and 2 * len(both) > len(source.documents)) or any(
        digest_of(file.path) == source.documents[file.name].digest for file in both
    )


def covered_by(source: LoadedSource, own: Sequence[LoadedSource]) -> list[LoadedSource]:
    """Those of an agent's sources of which every file is in this one, too; none that was given its name."""
    paths = {path_of(source, name) for name in source.documents}
    others = (other for other in own if other.origin is not None and other.name != source.name)
    return [other for other in others if {path_of(other, name) for name in other.documents} <= paths]


def gone(source: LoadedSource, folders: Collection[str]) -> Collection[str]:
    """Documents whose files were below one of these folders (as they are kept), and are not there any more."""
    paths = {name: path_of(source, name) for name in source.documents}
    return [
        name
        for name, path in paths.items()
        if path is not None and any(Path(path).is_relative_to(folder) for folder in folders) and is_gone(path)
    ]


def _below(folder: str, files: Sequence[DocumentFile]) -> tuple[DocumentFile, ...] | None:
    """The files with their names below that folder; None if one of them is elsewhere."""
    named = []
    for file in files:
        place = Path(real_path(file.path))
        if not place.is_relative_to(folder):
            return None
        named.append(replace(file, name=name_below(folder, place)))
    return tuple(named)
