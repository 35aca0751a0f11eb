"""Where a piece of a document stands, in words; and whether a reply rests on what was found there (pure)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from bot.text import one_line
from memory.ports import Passage
from memory.search.words import text_terms

MAX_NAME_CHARS = 120
MAX_HEADING_CHARS = 80

RESTS_FROM = 0.5
"""So much of what a reply says must stand in a passage for it to rest on it."""

_MIN_TERM_CHARS = 4
"""A shorter word of ours tells nothing; but any number, and a pair of characters of a script without spaces."""

_END = re.compile(r"[.!?。！？]*\Z")


@dataclass(frozen=True, slots=True)
class Noted:
    """A passage as it stands beside a question: its text, or a part of it, and which document it is of, if of any."""

    text: str
    place: str | None = None
    document: str | None = None

    @property
    def with_place(self) -> str:
        """The text, and in parentheses where it stands."""
        return f"{self.text} ({self.place})" if self.place else self.text


def details_of(passage: Passage) -> str:
    """Of a piece of a document the headings above it and its page, as far as they are known."""
    page = None if passage.page is None else f"page {passage.page}"
    return ", ".join(one_line(detail, MAX_HEADING_CHARS) for detail in (passage.heading, page) if detail)


def place_of(passage: Passage) -> str | None:
    """The document that a passage is a piece of, and where in it; None of a note."""
    if passage.document is None:
        return None
    return ", ".join(filter(None, (one_line(passage.document, MAX_NAME_CHARS), details_of(passage))))


def with_source(reply: str, asked: str, noted: Sequence[Noted], known: Iterable[str]) -> str:
    """A reply with the place of the passage that it rests on, if it does not name the document itself.

    Small models answer from a passage and do not say so. A reply rests on a passage if it says something that neither
    the question nor `known` (what the person told) says, if most of its words stand in the passage, and if so does each
    of its numbers.
    """
    said = _telling(reply) - _telling("\n".join(known))
    new = said - _telling(asked)
    shared = {note: said & _telling(note.text) for note in noted if note.place}
    resting = [
        note
        for note, common in shared.items()
        if len(common) > 1
        and common & new
        and len(common) >= RESTS_FROM * len(said)
        and all(term in common for term in new if _is_number(term))
    ]
    if not resting or any(_names(reply, note.document) for note in noted if note.document):
        return reply
    place = max(resting, key=lambda note: len(shared[note])).place
    end = _END.search(reply)
    at = end.start() if end else len(reply)
    return f"{reply[:at]} ({place}){reply[at:]}"


def _telling(text: str) -> set[str]:
    return {term for term in text_terms(text) if len(term) >= _MIN_TERM_CHARS or not term.isascii() or _is_number(term)}


def _is_number(term: str) -> bool:
    return any(character.isdigit() for character in term)


def _names(reply: str, document: str) -> bool:
    return PurePath(document).name.casefold() in reply.casefold()
