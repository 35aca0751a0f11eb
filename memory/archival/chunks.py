"""Cutting a document into pieces that fit a search result (pure): at headings, at the ends of sentences, else of words.

Only the next piece's worth of text is ever looked at, so the time grows with the length of the text and no faster.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_CHARS = 1000
"""Of a piece, never more: about 250 tokens of English, so that a page of results fits a small window."""

MAX_HEADING_CHARS = 100
"""Of each heading in a trail; what stands above a piece should not be longer than the piece."""

TRAIL = " > "

MANY_SECTIONS = 500
"""In one text. Of more than these, the small ones are joined: else a file could become a hundred times as much."""

JOINED_CHARS = 500
"""Sections are joined until they come to so much."""

_MAX_GRAPHEME_CHARS = 40
"""Longer sequences of marks are no character that anybody reads."""

# A full stop before a small letter, or after an initial or a title, ends no sentence; CJK needs no space after it.
_SENTENCE_END = re.compile(
    r"(?:(?<!\b[A-Z])(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)\.|[!?…])[\"'”’»)\]]*(?=\s+[^\sa-z])|[。！？][」』”]*"
)
_NOT_BLANK = re.compile(r"\S")
_LAST_SPACE = re.compile(r".*\s", re.DOTALL)

# Markdown's lines that matter here: an ATX heading's mark, a fence of code, the underline of a setext heading.
_MARK = re.compile(
    r"^ {0,3}(?:(?P<atx>#{1,6})(?=[ \t\n]|\Z)|(?P<fence>`{3,}|~{3,})|(?P<line>=++|-++)[ \t]*+$)", re.MULTILINE
)
_NO_PARAGRAPH = re.compile(r" {4}|\t| {0,3}(?:[-+*>|#]|\d+[.)]|```|~~~)")


_Trail = tuple[tuple[int, str], ...]
_Section = tuple[int, int, _Trail]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document, with the headings above it and the page that it stands on, if there are any."""

    content: str
    heading: str | None = None
    page: int | None = None


def pieces(text: str, *, is_markdown: bool, page: int | None = None) -> Iterator[Piece]:
    """Cut a text; put together, the pieces are the text but for white space."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for start, end, heading in _parts(text) if is_markdown else [(0, len(text), None)]:
        while start < end:
            cut = end if end - start <= MAX_CHARS else _border(text, start, start + MAX_CHARS)
            if content := text[start:cut].strip():
                yield Piece(content, heading, page)
            found = _NOT_BLANK.search(text, cut, end)
            start = found.start() if found else end


# ── where a piece ends ───────────────────────────────────────────────────────────────────────────────


def _border(text: str, start: int, limit: int) -> int:
    """The best place to cut in (start, limit]: in the second half if it can be, and never so that a piece is tiny."""
    middle, tiny = start + MAX_CHARS // 2, start + MAX_CHARS // 10
    for low, high in ((middle, limit), (tiny, middle)):
        paragraph = text.rfind("\n\n", low, high)
        if paragraph > 0:
            return paragraph
        # One character further, to see the space after a full stop that is the last that fits.
        ends = [match.end() for match in _SENTENCE_END.finditer(text, low, min(high + 2, len(text)))]
        if found := [end for end in ends if end <= limit]:
            return found[-1]
    line = text.rfind("\n", middle, limit + 1)
    if line > 0:
        return line
    if space := _LAST_SPACE.match(text, start + 1, limit + 1):
        return space.end() - 1
    return _between_graphemes(text, start, limit)


def _between_graphemes(text: str, start: int, limit: int) -> int:
    """The last place up to the limit that cuts no accent off its letter and takes no emoji apart."""
    lowest = max(start + 1, limit - _MAX_GRAPHEME_CHARS)
    at = limit
    while at > lowest and _belongs_together(text, start, at):
        at -= 1
    return at if at > lowest else limit


def _belongs_together(text: str, start: int, at: int) -> bool:
    after, before = text[at], text[at - 1]
    if unicodedata.category(after)[0] == "M" or "\u200d" in (after, before):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones; tags of flags
        return True
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb":  # the second and third part of a Hangul syllable
        return True
    if _is_regional(after):  # two of them are a flag, counted from the first
        first = at
        while first > start and _is_regional(text[first - 1]):
            first -= 1
        return (at - first) % 2 == 1
    return False


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


# ── Markdown's headings ──────────────────────────────────────────────────────────────────────────────


def _parts(text: str) -> Iterator[tuple[int, int, str | None]]:
    """Start, end and written trail of each section; of many, small ones are one, below the headings that all have."""
    sections = list(_sections(text))
    if len(sections) > MANY_SECTIONS:
        sections = list(_joined(sections))
    return ((start, end, _written(trail)) for start, end, trail in sections)


def _joined(sections: Iterable[_Section]) -> Iterator[_Section]:
    start, end, trail = 0, 0, _Trail()
    for begin, stop, headings in sections:
        if end - start < JOINED_CHARS and stop - start <= MAX_CHARS and end:
            trail = tuple(above for above, other in zip(trail, headings, strict=False) if above is other)
        else:
            if end:
                yield start, end, trail
            start, trail = begin, headings
        end = stop
    if end:
        yield start, end, trail


def _sections(text: str) -> Iterator[_Section]:
    """Start, end and trail of headings of each part; a heading with nothing below it goes with the next one."""
    start, body, trail = 0, 0, _Trail()
    for level, title, at, after in _headings(text):
        if _NOT_BLANK.search(text, body, at):
            yield start, at, trail
            start = at
        trail = (*(above for above in trail if above[0] < level), (level, title))
        body = after
    yield start, len(text), trail


def _written(trail: _Trail) -> str | None:
    return TRAIL.join(title for _, title in trail if title) or None


def _headings(text: str) -> Iterator[tuple[int, str, int, int]]:
    """Level, title, and the place where each heading begins and where it ends; none within code."""
    position, fence = _after_front_matter(text), ""
    for mark in _MARK.finditer(text, position):
        end = text.find("\n", mark.end())
        end = len(text) if end < 0 else end
        if marks := mark["fence"]:
            rest = text[mark.end() : min(end, mark.end() + 200)]
            if not fence:
                fence = "" if marks[0] == "`" and "`" in rest else marks  # `code` on a line of its own opens nothing
            elif marks.startswith(fence) and not rest.strip():
                fence = ""
        elif fence:
            continue
        elif mark["atx"]:
            yield len(mark["atx"]), _title(text, mark.end(), end), mark.start(), end
        else:
            above = text.rfind("\n", position, max(position, mark.start() - 1)) + 1 or position
            if _is_whole_paragraph(text, position, above, mark.start() - 1):
                level = 1 if mark["line"][0] == "=" else 2
                yield level, _title(text, above, mark.start() - 1), above, end
        position = end


def _is_whole_paragraph(text: str, floor: int, start: int, end: int) -> bool:
    """Whether a line is text, and the only line of its paragraph: what stands under it then makes it a heading."""
    if end <= start or not _NOT_BLANK.search(text, start, end) or _NO_PARAGRAPH.match(text, start, end):
        return False
    return start <= floor + 1 or not text[max(floor, text.rfind("\n", floor, start - 1)) : start - 1].strip()


def _title(text: str, start: int, end: int) -> str:
    title = " ".join(text[start : min(end, start + 4 * MAX_HEADING_CHARS)].split())
    closed = title.rstrip("#")
    title = closed.rstrip() if closed != title and (not closed or closed.endswith(" ")) else title
    return title if len(title) <= MAX_HEADING_CHARS else f"{title[: MAX_HEADING_CHARS - 1]}…"


def _after_front_matter(text: str) -> int:
    """Where the text begins, after a block of settings between two lines of `---`."""
    closing = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
    if not text.startswith("---\n") or not (found := closing.search(text, 4)):
        return 0
    return found.end()
