"""Rows of a table as lines that are understood by themselves: each value with the name of its column."""

import re
from collections.abc import Iterable, Iterator, Sequence

MAX_NAME_CHARS = 60
"""Of a column's name: it is repeated in each row."""

MAX_LINE_CHARS = 800
"""A longer row goes on in another line, which says its number again; so a piece holds a line whole."""

_MAX_PART_CHARS = 700
"""A longer value is cut, each part with the name of its column."""

_NUMBER = re.compile(r"[-+]?[\d.,:/ %-]*\d[\d.,:/ %-]*")


def rows_as_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A line for each row; they are numbered as a spreadsheet numbers them, the names being row 1."""
    names: list[str] | None = None
    for number, row in enumerate(rows, 1):
        values = [" ".join(value.split()) for value in row]
        if not any(values):
            continue
        if names is None:
            names = _names(values)
            if names:
                continue
        yield from _lines(number, values, names)


def _names(first: Sequence[str]) -> list[str]:
    """The names of columns, if the first row that is not empty holds such: words, none of them twice."""
    words = [value for value in first if value]
    if len(set(words)) < len(words) or any(len(word) < 40 and _NUMBER.fullmatch(word) for word in words):
        return []
    return [value[:MAX_NAME_CHARS] for value in first]


def _lines(number: int, values: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    begin = line = f"Row {number}: "
    for cell in _cells(values, names):
        if line != begin and len(line) + len(cell) > MAX_LINE_CHARS:
            yield line
            line = begin
        line += cell if line == begin else f"; {cell}"
    yield line


def _cells(values: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    for column, value in enumerate(values):
        name = names[column] if column < len(names) else ""
        start = 0
        while start < len(value):
            end = start + _MAX_PART_CHARS
            if end < len(value):
                end = value.rfind(" ", start + 1, end + 1) + 1 or end
            part = value[start:end].strip()
            yield f"{name}: {part}" if name else part
            start = end
