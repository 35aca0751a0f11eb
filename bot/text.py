"""Text from outside, made safe to keep, to show to a model and to print (pure)."""

import re
import unicodedata
from collections.abc import Sequence

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_REASONING = re.compile(
    r"\A\s*<(think|thinking|reasoning)>.*?(?:</\1>|\Z)|\A(?:(?!<think).)*?</think(?:ing)?>", re.DOTALL
)
# Marks by which common chat templates begin and end a turn: written by a person, they are words.
_TEMPLATE_MARK = re.compile(r"<(?=\|)|<(?=/?s>)|<(?=(?:start|end)_of_turn>)|\[(?=/?INST\])|<(?=</?SYS>)")


def clean(text: str) -> str:
    """Replace what neither a database nor a network takes (NUL and lone surrogates); one form for each letter (NFC)."""
    return unicodedata.normalize("NFC", _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text))


def defuse_json(encoded: str) -> str:
    r"""Escape a chat template's marks inside JSON (`<|` becomes `\u003c|`), so that a reader decodes the same text."""
    return _TEMPLATE_MARK.sub(lambda mark: f"\\u{ord(mark.group()):04x}", encoded)


def defuse(text: str) -> str:
    """Put a space into a chat template's marks, where the text is not inside JSON."""
    return _TEMPLATE_MARK.sub(lambda mark: f"{mark.group()} ", text)


def without_reasoning(text: str) -> str:
    """What a model says after thinking aloud at its beginning (of the tags, the closing one may be all there is)."""
    return _REASONING.sub("", text, count=1)


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
    if len(text) <= max_chars:
        return text
    folded = text.lower()
    found = [at for word in words if (at := folded.find(word)) >= 0]
    start = max(0, min(min(found, default=0) - max_chars // 3, len(text) - max_chars))
    end = start + max_chars
    return f"{'[…] ' if start else ''}{text[start:end]}{' […]' if end < len(text) else ''}"


def one_line(text: str, max_chars: int = 200) -> str:
    """A text on one line, cut with an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= max_chars else f"{flat[: max_chars - 1]}…"
