"""Text from outside, made safe to keep, to show to a model and to print (pure)."""

import re

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_REASONING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
# Marks by which common chat templates begin and end a turn: written by a person, they are words.
_TEMPLATE_MARK = re.compile(r"<(?=\|)|<(?=/?s>)|<(?=(?:start|end)_of_turn>)|\[(?=/?INST\])|<(?=</?SYS>)")


def clean(text: str) -> str:
    """Replace what neither a database nor a network takes: NUL and lone surrogates."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def defuse_json(encoded: str) -> str:
    r"""Escape a chat template's marks inside JSON (`<|` becomes `\u003c|`), so that a reader decodes the same text."""
    return _TEMPLATE_MARK.sub(lambda mark: f"\\u{ord(mark.group()):04x}", encoded)


def defuse(text: str) -> str:
    """Put a space into a chat template's marks, where the text is not inside JSON."""
    return _TEMPLATE_MARK.sub(lambda mark: f"{mark.group()} ", text)


def without_reasoning(text: str) -> str:
    """What a reasoning model says after thinking aloud between `<think>` tags (the closing one may be all there is)."""
    return _REASONING.sub("", text).rpartition("</think>")[2]


def shorten(text: str, max_chars: int, note: str = "[… {count} characters left out …]") -> str:
    """Keep the beginning and the end of a long text, with a note of what is missing between."""
    if len(text) <= max_chars:
        return text
    kept = max(0, max_chars - len(note))
    head = kept - kept // 4
    tail = kept // 4
    said = note.format(count=len(text) - head - tail)
    return f"{text[:head]}\n{said}\n{text[len(text) - tail :] if tail else ''}".rstrip("\n")


def one_line(text: str, max_chars: int = 200) -> str:
    """A text on one line, cut with an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= max_chars else f"{flat[: max_chars - 1]}…"
