"""Text and Markdown, in the encodings that such files come in."""

import encodings.latin_1
import encodings.utf_8_sig
import encodings.utf_16
import encodings.utf_32  # noqa: F401 (a worker, which can open no files any more, could not load them when needed)
import re
from collections.abc import Iterator

from adapters.documents.encoding import WESTERN, encoding_of
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

_MARKS = (  # of UTF-32 first: its mark begins as that of UTF-16 does
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
# What no text holds: control characters but tab, line ends, form feed, DOS's end of file, and escape.
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_DAMAGED = "\N{REPLACEMENT CHARACTER}"


def pages(content: bytes) -> Iterator[Page]:
    """One page, without a number.

    Raises:
        DocumentUnreadable: it is no text, or an empty one.
    """
    yield Page(decoded(content))


def decoded(content: bytes) -> str:
    """The text that some bytes are: by their mark if they begin with one, else UTF-8, else what they look like.

    Raises:
        DocumentUnreadable: they are no text, or an empty one.
    """
    text = _decoded(content)
    if not text.strip():
        raise DocumentUnreadable("is empty")
    return text


def _decoded(content: bytes) -> str:
    for mark, marked in _MARKS:
        if content.startswith(mark):
            return content.decode(marked, "replace")
    if b"\x00" in content:
        raise DocumentUnreadable("is no text (or UTF-16 without a byte order mark)")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if _BINARY.search(content):
        raise DocumentUnreadable("is no text")
    text = content.decode("utf-8", "replace")
    foreign = sum(len(run) for run in _NOT_ASCII.findall(text))
    if text.count(_DAMAGED) * 10 <= foreign:  # UTF-8 with a few damaged places
        return text
    encoding = encoding_of(content)
    if encoding == WESTERN:
        try:
            return content.decode(WESTERN)
        except UnicodeDecodeError:  # five bytes mean nothing there; in latin-1 each means something
            return content.decode("latin-1")
    text = _DAMAGED if encoding is None else content.decode(encoding, "replace")
    if text.count(_DAMAGED) * 100 > len(text):
        raise DocumentUnreadable("is text in an encoding that cannot be told; save it as UTF-8")
    return text
