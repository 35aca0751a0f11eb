"""A model whose answers name what they answer, so that one can see who got which answer, and in which order."""

import re
from collections.abc import Iterable

from adapters.testing import Reply, Request, answer, says

_NAMED = re.compile(r"\[[^\[\]]+ \d+\]")


def names(request: Request) -> Reply:
    """An answer that names each message since the last answer, and no other."""
    if not request.get("tools"):
        return answer("A summary.")
    found: list[str] = []
    for entry in reversed(request["messages"]):
        if entry["role"] == "assistant":
            break
        found = [*_NAMED.findall(str(entry["content"])), *found] if entry["role"] == "user" else found
    return says(f"I heard {' '.join(found)}.")


def named(texts: Iterable[str]) -> list[str]:
    """The messages that are named in texts, in order."""
    return [name for text in texts for name in _NAMED.findall(text)]
