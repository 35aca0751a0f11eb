"""The files that somebody means by paths, folders and patterns, with the names that they get as documents. Blocking."""

import glob
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import PathNotFound
from bot.kept_paths import as_it_is, kept
from bot.text import clean, one_line

MAX_NAME = 500
MAX_SOURCE_NAME = 200


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file and its name as a document: its path below the folder that all files come from."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Found:
    """What paths come to: files in order, what was passed over, and what follows from the words alone."""

    files: tuple[DocumentFile, ...]
    source: str
    """A name for all of them."""
    origin: str
    """The same for the same words, whatever they come to: the file, the folder, or the folder and its pattern; as kept."""
    folder: str
    """Where all of them are."""
    below: tuple[str, ...]
    """The folders that were named, those of patterns among them; all as they are kept."""
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Named:
    """What one word comes to, below which folder that is, and what the word says."""

    paths: tuple[Path, ...]
    folder: str
    origin: str
    is_file: bool = False


def find_files(paths: Sequence[str], suffixes: Collection[str]) -> Found:
    """Look a list of paths up: files, folders (with all below them, but for what is hidden) and patterns.

    Raises:
        PathNotFound: one of them leads nowhere; the text names it.
    """
    named = [_named(written) for written in paths]
    root = os.path.commonpath([each.folder for each in named])
    files: dict[str, DocumentFile] = {}
    passed_over: list[str] = []
    for path in (path for each in named for path in each.paths):
        others = Counter[str]()
        for file in _below(path) if os.path.isdir(path) else (path,):
            if file.suffix.lower() in suffixes:  # a file that is named twice is one
                files.setdefault(os.path.realpath(file), DocumentFile(file, name_below(root, file)))
            else:
                others[file.suffix.lower() or "without an ending"] += 1
        if others:
            kinds = one_line(", ".join(f"{kind} {count}" for kind, count in sorted(others.items())))
            what = f"left out {kinds}" if os.path.isdir(path) else "cannot be read"
            passed_over.append(f"{path}: {what}; what can be read are {', '.join(sorted(suffixes))}")
    origin = named[0].origin if len(named) == 1 else os.path.realpath(root)
    source = Path(origin).stem if os.path.isfile(origin) else Path(root).name
    return Found(
        files=tuple(files.values()),
        source=one_line(clean(source), MAX_SOURCE_NAME) or "documents",
        origin=kept(origin),
        folder=os.path.realpath(root),
        below=tuple(kept(os.path.realpath(each.folder)) for each in named if not each.is_file),
        passed_over=tuple(passed_over),
    )


def leads_somewhere(written: str) -> bool:
    """Whether there is such a file or folder, or one that fits, if it is a pattern."""
    try:
        return bool(_named(written).paths)
    except PathNotFound:
        return False


def name_below(folder: str, path: Path) -> str:
    """What a file is called as a document: its path below a folder."""
    return one_line(clean(Path(os.path.relpath(os.path.abspath(path), folder)).as_posix()), MAX_NAME)


def real_path(path: Path) -> str:
    """Where a file is: its path without links to folders; a link to a file is a file of its own."""
    return os.path.join(os.path.realpath(path.parent), path.name)


def folder_of(origin: str) -> str:
    """The folder below which documents of this origin are named."""
    origin = as_it_is(origin)
    if os.path.isdir(origin):
        return origin
    return os.path.dirname(origin) if os.path.isfile(origin) or not glob.has_magic(origin) else fixed_part(origin)


def fixed_part(pattern: str) -> str:
    """The folder below which all is that a pattern may fit; a path that is no pattern is its own."""
    while glob.has_magic(pattern):
        pattern = os.path.dirname(pattern)
    return pattern


def _named(written: str) -> _Named:
    path = os.path.expanduser(written)
    if os.path.isdir(path):
        return _Named((Path(path),), os.path.abspath(path), os.path.realpath(path))
    if os.path.isfile(path):
        return _Named((Path(path),), os.path.dirname(os.path.abspath(path)), os.path.realpath(path), is_file=True)
    regular = tuple(Path(match) for match in sorted(glob.glob(path, recursive=True)) if os.path.isfile(match))
    if not regular:
        raise PathNotFound(f"{written}: there is no such file or folder.")
    folder = os.path.abspath(fixed_part(path))
    return _Named(regular, folder, os.path.join(os.path.realpath(folder), os.path.relpath(path, folder)))


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (
            Path(place, name)
            for name in sorted(files)
            if not name.startswith(".") and _is_within(Path(place, name), folder)
        )


def _is_within(file: Path, folder: Path) -> bool:
    """Whether it is a file of the folder: a link may lead out of what somebody meant to show."""
    return os.path.isfile(file) and (
        not os.path.islink(file) or Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))
    )
