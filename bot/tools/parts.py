"""Long texts in parts (pure): which part of a hit is shown first, and how a cursor leads through the rest of it.

A cursor `m12.700-340` reads on in message 12 (`p12`: passage 12) from its 700th character to its end, and then from its
beginning up to the 340th. So every character is shown once, though a search shows the middle of a text first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bot.text import around

_CURSOR = re.compile(r"([a-z]\d{1,18})\.(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reading of a text goes on; if that is before `stop`, it ends there, else it goes round."""

    item: str
    start: int
    stop: int = 0

    @classmethod
    def of(cls, cursor: str) -> Self | None:
        """The place that a cursor names; None for any other text."""
        found = _CURSOR.fullmatch(cursor.strip())
        return cls(found[1], int(found[2]), int(found[3] or 0)) if found else None

    @property
    def cursor(self) -> str:
        """What the model passes to read on here."""
        return f"{self.item}.{self.start}" + (f"-{self.stop}" if self.stop else "")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text, marked where something is left out; `rest` is None if nothing is left to be read."""

    text: str
    rest: Place | None


def first_part(item: str, text: str, words: Sequence[str], max_chars: int) -> Part:
    """The part around the first of some words, or the whole of a short text."""
    start, end = around(text, words, max_chars)
    if end - start == len(text):
        return Part(text, None)
    start, end = _behind_space(text, start, max_chars // 5), _end(text, start, len(text), max_chars)
    return _part(item, text, start, end, stop=start)


def part_at(place: Place, text: str, max_chars: int) -> Part | None:
    """The part that begins at a place; None if there is no such place in the text."""
    until = place.stop if place.start < place.stop else len(text)
    if not place.start < until <= len(text):
        return None
    return _part(place.item, text, place.start, _end(text, place.start, until, max_chars), place.stop)


def _part(item: str, text: str, start: int, end: int, stop: int) -> Part:
    shown = f"{'[…] ' if start else ''}{text[start:end]}{' […]' if end < len(text) else ''}"
    if end == stop and start < stop:
        return Part(shown, None)
    if end < len(text):
        return Part(shown, Place(item, end, stop))
    return Part(shown, Place(item, 0, stop) if stop else None)


def _end(text: str, start: int, until: int, max_chars: int) -> int:
    """Where a part ends: behind a space if one is near, as half an identifier would be worse than none."""
    if until - start <= max_chars:
        return until
    end = start + max_chars
    space = max(text.rfind(mark, end - max_chars // 5, end) for mark in " \n")
    return space + 1 if space > start else end


def _behind_space(text: str, start: int, reach: int) -> int:
    space = text.find(" ", start, start + reach) if start else -1
    return space + 1 if space >= 0 else start
