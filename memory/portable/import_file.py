"""What an import may be made of: lines of records, a zip that holds them, or an agent file of Letta's."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import chain
from typing import BinaryIO

from memory.portable.agent_file import converted, is_agent_file
from memory.portable.export_file import records_in, zipped_lines
from memory.portable.export_parts import part_name
from memory.portable.records import MalformedExport, to_line

Lines = Callable[[], Iterable[bytes | str]]
"""The lines of an export from the first; they may be asked for again."""

_ZIP = b"PK\x03\x04"
_MAX_LINE = 1 << 20
"""Of a first line so much is read to tell what it is; a head is short."""


@contextmanager
def lines_in(files: Sequence[BinaryIO], scope_of: Callable[[str], str], now: datetime) -> Iterator[Lines]:
    """The lines of the records in a file, whatever kind it is, or in several that are parts of one export; blocking.

    Args:
        files: can be read twice; parts may come in any order.
        scope_of: the scope of an agent that comes with nothing but a name.
        now: for what has no time.

    Raises:
        MalformedExport: it is damaged, or nothing of the kind.
    """
    if len(files) > 1:
        with _lines_of_parts(files) as lines:
            yield lines
        return
    file = files[0]
    if file.read(len(_ZIP)) == _ZIP:
        with zipped_lines(file, _whole) as lines:
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


def _whole(names: list[str]) -> str:
    if (part := part_name(names)) is not None:
        raise MalformedExport(f"it is part {part[0]} of an export in several; give all of its parts together")
    return records_in(names)


@contextmanager
def _lines_of_parts(files: Sequence[BinaryIO]) -> Iterator[Lines]:
    """The lines of all parts, in their order; if one is missing, it is said."""
    parts: dict[int, Callable[[], Iterator[bytes]]] = {}

    def is_part(names: list[str]) -> str:
        if (part := part_name(names)) is None:
            raise MalformedExport("of several files each must be a part of one export")
        if part[0] in parts:
            raise MalformedExport(f"part {part[0]} is there twice")
        numbers.append(part[0])
        return part[1]

    with ExitStack() as stack:
        numbers: list[int] = []
        for file in files:
            opened = stack.enter_context(zipped_lines(file, is_part))
            parts[numbers[-1]] = opened
        if missing := sorted({*range(1, max(numbers) + 1)} - {*numbers}):
            raise MalformedExport(f"part {missing[0]} is missing")
        yield lambda: chain.from_iterable(lines() for _, lines in sorted(parts.items()))


def _may_be_agent_file(first: bytes) -> bool:
    """A record is an object on one line, and has a type; an agent file begins one, or is one."""
    try:
        return is_agent_file(json.loads(first))
    except (ValueError, RecursionError):
        return first.lstrip().startswith(b"{") and b'"head"' not in first


def _again(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file
