"""CSV: whichever of the usual signs stands between its values."""

import csv
import io
from collections.abc import Iterator
from itertools import islice

from adapters.documents.plain_text import decoded
from adapters.documents.table_rows import rows_as_lines
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

_SIGNS = ",;\t|"
_SAMPLE_CHARS = 64 * 2**10
_SAMPLE_ROWS = 30
_MAX_VALUE_CHARS = 2**30  # as long as a file may be: the library's own limit of 128 KiB would refuse it whole


def pages(content: bytes) -> Iterator[Page]:
    """One page, without a number.

    Raises:
        DocumentUnreadable: it is no text, or has no rows.
    """
    text = decoded(content)
    csv.field_size_limit(_MAX_VALUE_CHARS)
    lines = "\n\n".join(rows_as_lines(csv.reader(io.StringIO(text, newline=""), delimiter=_sign(text))))
    if not lines:
        raise DocumentUnreadable("holds no rows below the names of its columns")
    yield Page(lines)


def _sign(text: str) -> str:
    """The sign that cuts most of the first rows into the same number of values, and into most of them."""
    sample = text[:_SAMPLE_CHARS]
    if len(sample) == _SAMPLE_CHARS:
        sample = sample[: sample.rfind("\n") + 1] or sample

    def fit(sign: str) -> tuple[int, int]:
        widths = [len(row) for row in islice(csv.reader(io.StringIO(sample, newline=""), delimiter=sign), _SAMPLE_ROWS)]
        usual = max(set(widths), key=widths.count, default=1)
        return (widths.count(usual) if usual > 1 else 0, usual)

    return max(_SIGNS, key=fit)
