"""Which encoding a text is in that does not say it and is no UTF-8: told by a sample of it, or not at all.

Western texts are known at sight: few bytes of theirs are beyond ASCII, and those stand alone. In the encodings of other
scripts they are most of a word. Which of these it is, charset-normalizer says, by what comes of it in each.
"""

import re

from charset_normalizer import from_bytes

WESTERN = "cp1252"

KNOWN = "gb18030 cp932 euc_jp cp949 big5 cp1251 koi8_r cp866 iso8859_5 cp1253 cp1256".split()
"""Other than Western ones. Of those that fit equally well, the first counts."""

_LOOSE = ["cp932", "big5", "gb18030", WESTERN]
"""In these the second byte of a character may be ASCII."""

SAMPLE_BYTES = 32 * 2**10
"""More is not looked at, however long the text is: it takes some hundredths of a second."""

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_CONTEXT_BYTES = 200
_MAX_CHARACTER_BYTES = 4
# On average, of the rows of such bytes; and of the lines that have some, the part that they are.
_WESTERN_ROW, _WESTERN_PART = 2.2, 0.4
_ENOUGH_BYTES = 16


def encoding_of(content: bytes) -> str | None:
    """The codec's name; None: it cannot be told.

    Args:
        content: text with bytes beyond ASCII, and without a byte order mark.
    """
    sample, is_cut = _sample(content)
    rows = [len(row) for row in _BEYOND_ASCII.findall(sample)]
    is_loose, is_sparse = sum(rows) < _WESTERN_ROW * len(rows), sum(rows) < _WESTERN_PART * len(sample)
    if is_loose and is_sparse:
        return WESTERN
    if sum(rows) < _ENOUGH_BYTES:  # a word or two: whatever is found for them is a guess
        return WESTERN if is_loose or is_sparse else None
    names = _LOOSE if is_loose else KNOWN
    found = [_best(sample[: len(sample) - cut], names) for cut in range(_MAX_CHARACTER_BYTES if is_cut else 1)]
    fitting = min(filter(None, found), default=None)
    return fitting[1] if fitting else WESTERN if is_loose else None


def _best(sample: bytes, names: list[str]) -> tuple[float, str] | None:
    """How little sense it makes in that of the encodings in which it makes most, and the encoding."""
    matches = from_bytes(sample, cp_isolation=names, preemptive_behaviour=False, enable_fallback=False)
    best = matches.best()
    return (best.chaos, best.encoding) if best else None


def _sample(content: bytes) -> tuple[bytes, bool]:
    """The first lines that have bytes beyond ASCII; and whether the last is cut, perhaps within a character."""
    lines, left, at = [], SAMPLE_BYTES, 0
    while left > 0 and (row := _BEYOND_ASCII.search(content, at)):
        start = max(content.rfind(b"\n", at, row.start()) + 1, at, row.start() - _CONTEXT_BYTES)
        end = content.find(b"\n", row.start(), start + left)
        if end < 0:
            end = min(start + left, len(content))
        lines.append(content[start:end])
        left -= end - start + 1
        at = end
    return b"\n".join(lines), at < len(content) and content[at : at + 1] != b"\n"


for _name in (*KNOWN, WESTERN):  # loads what it loads when needed: a worker can open no files any more
    _best("déjà vu, Ж".encode(_name, "ignore") * 4, [_name])
