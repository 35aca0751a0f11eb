"""`.env` as text: some settings written into it, everything else left as it stands (pure)."""

import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[\w./:@+,=-]*", re.ASCII)


def with_settings(text: str, values: Mapping[str, str | None]) -> str:
    """The text with these settings, each in the place where it stood, or at the end; None takes one out.

    Raises:
        ValueError: a value holds what a line of `.env` cannot.
    """
    left = dict(values)
    lines = []
    for line in text.splitlines():
        name = _name(line)
        if name not in values:
            lines.append(line)
        elif (value := left.pop(name, None)) is not None:  # a second line of that name goes
            lines.append(f"{name}={_quoted(value)}")
    lines += [f"{name}={_quoted(value)}" for name, value in left.items() if value is not None]
    return "".join(f"{line}\n" for line in lines)


def _name(line: str) -> str:
    found = re.match(r"\s*(?:export\s+)?(\w+)\s*=", line.removeprefix("\ufeff"))
    return found.group(1) if found else ""


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if not value.isprintable() or "${" in value:
        raise ValueError("a value cannot hold control characters or ${")
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
