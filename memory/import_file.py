"""What an import may be made of: lines of records, a zip that holds them, or an agent file of Letta's."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO

from memory.agent_file import converted, is_agent_file
from memory.export_file import zipped_lines
from memory.records import MalformedExport, to_line

Lines = Callable[[], Iterable[bytes | str]]
"""The lines of an export from the first; they may be asked for again."""

_ZIP = b"PK\x03\x04"
_MAX_LINE = 1 << 20
"""Of a first line so much is read to tell what it is; a head is short."""


@contextmanager
def lines_in(file: BinaryIO, scope_of: Callable[[str], str], now: datetime) -> Iterator[Lines]:
    """The lines of the records in a file, whatever kind it is; blocking.

    Args:
        file: can be read twice.
        scope_of: the scope of an agent that comes with nothing but a name.
        now: for what has no time.

    Raises:
        MalformedExport: it is damaged, or nothing of the kind.
    """
    if file.read(len(_ZIP)) == _ZIP:
        with zipped_lines(file) as lines:
            yield lines
        return
    file.seek(0)
    if not _may_be_agent_file(file.readline(_MAX_LINE)):
        yield lambda: _again(file)
        return
    file.seek(0)
    try:
        written = json.load(file)
    except (ValueError, RecursionError) as error:
        raise MalformedExport(f"it is no JSON ({error})") from None
    if not is_agent_file(written):
        raise MalformedExport("it is neither an export nor an agent file of Letta's")
    agent = converted(written, now)
    yield lambda: map(to_line, agent.records(scope_of(agent.name)))


def _may_be_agent_file(first: bytes) -> bool:
    """A record is an object on one line, and has a type; an agent file begins one, or is one."""
    try:
        return is_agent_file(json.loads(first))
    except (ValueError, RecursionError):
        return first.lstrip().startswith(b"{") and b'"head"' not in first


def _again(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file
