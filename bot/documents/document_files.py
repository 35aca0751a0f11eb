"""The files that somebody means by paths, folders and patterns, with the names that they get as documents. Blocking."""

import errno
import glob
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.documents.kept_paths import as_it_is, kept
from bot.errors import PathNotFound
from bot.text import clean, one_line

MAX_NAME = 500
MAX_SOURCE_NAME = 200

LEADS_OUT = "is a link that leads out of the folder"


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
    """As kept: the same for the same words, whatever they come to: the file, the folder, the folder and its pattern."""
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
        for file, reason in _below(path) if os.path.isdir(path) else ((path, _why_not(path)),):
            if file.suffix.lower() not in suffixes and not os.path.isdir(file):
                others[file.suffix.lower() or "without an ending"] += 1
            elif reason is not None:
                passed_over.append(f"{file}: {reason}")
            else:  # a file that is named twice is one
                files.setdefault(os.path.realpath(file), DocumentFile(file, name_below(root, file)))
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
    if _is_there(path):  # and neither a file nor a folder that can be read
        return _Named((Path(path),), os.path.dirname(os.path.abspath(path)), os.path.realpath(path), is_file=True)
    matches = tuple(Path(match) for match in sorted(glob.glob(path, recursive=True)) if not os.path.isdir(match))
    if not matches:
        raise PathNotFound(f"{written}: there is no such file or folder.")
    folder = os.path.abspath(fixed_part(path))
    return _Named(matches, folder, os.path.join(os.path.realpath(folder), os.path.relpath(path, folder)))


def _is_there(path: str) -> bool:
    """Whether the path leads to something, or to where one may not look."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _below(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """What is below a folder, but for what is hidden: a file, and why it is passed over, if it is; or such a folder."""
    closed: list[tuple[Path, str | None]] = []

    def close(error: OSError) -> None:
        closed.append((Path(os.fsdecode(error.filename)), _refused(error)))

    for place, folders, files in os.walk(folder, onerror=close):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(place, name), _why_not(Path(place, name), folder)
        for linked in (Path(place, name) for name in folders if os.path.islink(Path(place, name))):
            if not _is_within(linked, folder):
                yield linked, LEADS_OUT
    yield from closed


def _why_not(file: Path, folder: Path | None = None) -> str | None:
    """Why a file is passed over; of one that was found below a folder, that may be where it leads."""
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return "is a link that leads nowhere"
    except OSError as error:
        return "is a link that leads in a circle" if error.errno == errno.ELOOP else _refused(error)
    if folder is not None and file.is_symlink() and not _is_within(file, folder):
        return LEADS_OUT
    return None if stat.S_ISREG(status.st_mode) else "is no regular file"


def _refused(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error})"


def _is_within(link: Path, folder: Path) -> bool:
    """Whether it leads to something in the folder: a link may lead out of what somebody meant to show."""
    return Path(os.path.realpath(link)).is_relative_to(os.path.realpath(folder))
