"""`.env` as text: some settings written into it, everything else left as it stands (pure)."""

import re
from collections.abc import Mapping
from io import StringIO

from dotenv.parser import parse_stream

_PLAIN = re.compile(r"[\w./:@+,=-]*", re.ASCII)


def with_settings(text: str, values: Mapping[str, str | None]) -> str:
    """The text with these settings, each in the place where it stood, or at the end; None takes one out.

    Raises:
        ValueError: a value holds what a line of `.env` cannot.
    """
    left = dict(values)
    kept = []
    for found in parse_stream(StringIO(text.removeprefix("\ufeff"))):  # as it will be read: a value may hold lines
        stands, name = found.original.string, found.key or ""
        if name not in values:
            kept.append(stands)
            continue
        kept.append("\n" * _blank_before(stands))
        if (value := left.pop(name, None)) is not None:  # a second line of that name goes
            kept.append(f"{name}={_quoted(value)}\n")
    before = "".join(kept)
    end = "\n" if before and not before.endswith("\n") else ""
    added = (f"{name}={_quoted(value)}\n" for name, value in left.items() if value is not None)
    return "".join((before, end, *added))


def _blank_before(stands: str) -> int:
    """How many empty lines lead a setting: the reader takes them with it."""
    return stands[: len(stands) - len(stands.lstrip())].count("\n")


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if not value.isprintable() or "${" in value:
        raise ValueError("a value cannot hold control characters or ${")
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
