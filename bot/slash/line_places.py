"""What a line of core memory is called in commands: its block, its number there, and a trace of what it says (pure)."""

import hashlib
import re
from dataclasses import dataclass

TRACE_CHARS = 8

_PLACE = re.compile(r"(\S+)\s+([1-9]\d{0,3})(?:#([0-9a-f]{8}))?\s*(?::(.*))?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class LinePlace:
    """Where a line stands: `number` counts from 1; `trace` is that of the text that somebody was shown, if it is known.

    A typed place has none: who types a number means the line that has it now.
    """

    label: str
    number: int
    trace: str | None = None

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.label} {self.number}" + (f"#{self.trace}" if self.trace else "")

    def is_of(self, line: str) -> bool:
        """Whether a line that stands there is the one that is meant."""
        return self.trace in (None, _trace_of(line))


def place_of(label: str, number: int, line: str) -> LinePlace:
    """The place of a line, with its trace."""
    return LinePlace(label, number, _trace_of(line))


def read_place(typed: str) -> tuple[LinePlace, str] | None:
    """The place, and what stands behind its colon, in one line; None if it is no place."""
    if (found := _PLACE.fullmatch(typed.strip())) is None:
        return None
    return LinePlace(found[1], int(found[2]), found[3]), " ".join((found[4] or "").split())


def _trace_of(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:TRACE_CHARS]
