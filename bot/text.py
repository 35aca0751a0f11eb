"""Text from outside, made safe to keep, to show to a model and to print (pure)."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from memory.search.words import fold

MOST_MARKS = 30
_JOINER = "\N{COMBINING GRAPHEME JOINER}"
_NO_LETTERS = re.compile(rf"[^\w ]{{{MOST_MARKS + 1},}}")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_SENTENCE = re.compile(r".*(?<!\A\d)(?<!\n\d)(?<!\n\d\d)[.!?…。！？][\"'”’)\]*_]*(?=\s|\Z)", re.DOTALL)
CUT_OFF = "[…]"
# Marks by which common chat templates begin and end a turn: written by a person, they are words.
_TEMPLATE_MARK = re.compile(r"<(?=\|)|<(?=/?s>)|<(?=(?:start|end)_of_turn>)|\[(?=/?INST\])|<(?=</?SYS>)")


def clean(text: str) -> str:
    """Replace what neither a database nor a network takes (NUL and lone surrogates); one form for each letter (NFC).

    Where marks are heaped on a letter, a joiner that nobody sees stands after every 30 of them (*stream-safe format*,
    https://unicode.org/reports/tr15/#Stream_Safe_Text_Format): each form of normalization sorts every row of marks, in
    a time that grows with the square of its length (25 s for 320 kB).
    """
    if text.isascii():
        return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    safe = _NO_LETTERS.sub(_joined, _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text))
    return unicodedata.normalize("NFC", safe)


def _joined(row: re.Match[str]) -> str:
    """A row of characters that are no letters, with a joiner after every so many marks."""
    joined, marks = [], 0
    for character in row.group():
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MOST_MARKS:
            joined.append(_JOINER)
            marks = 1
        joined.append(character)
    return "".join(joined)


def defuse_json(encoded: str) -> str:
    r"""Escape a chat template's marks inside JSON (`<|` becomes `\u003c|`), so that a reader decodes the same text."""
    return _TEMPLATE_MARK.sub(lambda mark: f"\\u{ord(mark.group()):04x}", encoded)


def defuse(text: str) -> str:
    """Put a space into a chat template's marks, where the text is not inside JSON."""
    return _TEMPLATE_MARK.sub(lambda mark: f"{mark.group()} ", text)


def whole_sentences(text: str) -> str:
    """Of a text whose end is missing, all up to the last whole sentence; if there is none, the text with a sign."""
    found = _SENTENCE.match(text)
    return found.group() if found else cut_off(text)


def cut_off(text: str) -> str:
    """A text with a sign that its end is missing."""
    return f"{text.rstrip()} {CUT_OFF}"


def shorten(text: str, max_chars: int, note: str = "[… {count} characters left out …]") -> str:
    """Keep the beginning and the end of a long text, with a note of what is missing between."""
    if len(text) <= max_chars:
        return text
    kept = max(0, max_chars - len(note))
    head = kept - kept // 4
    tail = kept // 4
    said = note.format(count=len(text) - head - tail)
    return f"{text[:head]}\n{said}\n{text[len(text) - tail :] if tail else ''}".rstrip("\n")


def verbatim(text: str) -> str:
    """Markdown that shows a text to the letter."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def excerpt(text: str, words: Sequence[str], max_chars: int) -> str:
    """Of a long text, the part around the first of these words (in lower case) that it holds."""
    start, end = around(text, words, max_chars)
    return f"{'[…] ' if start else ''}{text[start:end]}{' […]' if end < len(text) else ''}"


def around(text: str, words: Sequence[str], max_chars: int) -> tuple[int, int]:
    """Where that part begins and ends."""
    if len(text) <= max_chars:
        return 0, len(text)
    found = _places(text.lower(), words) or ([] if text.isascii() else _places_folded(text, words))
    start = max(0, min(min(found, default=0) - max_chars // 3, len(text) - max_chars))
    return start, start + max_chars


def _places(text: str, words: Sequence[str]) -> list[int]:
    return [at for word in words if (at := text.find(word)) >= 0]


def _places_folded(text: str, words: Sequence[str]) -> list[int]:
    """Where the words stand in another form of theirs: without accents, in full width."""
    forms = {character: fold(character) for character in set(text)}
    ends = list(accumulate(len(forms[character]) for character in text))
    folded = "".join(map(forms.__getitem__, text))
    return [bisect_right(ends, at) for at in _places(folded, [fold(word) for word in words])]


def one_line(text: str, max_chars: int = 200) -> str:
    """A text on one line, cut with an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= max_chars else f"{flat[: max_chars - 1]}…"


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 note", "2 notes"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
