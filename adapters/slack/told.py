"""Reading what Slack tells, of which nothing is sure (pure)."""

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

_TIMESTAMP = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)
_ID = re.compile(r"[A-Z0-9]{2,40}", re.ASCII)


def text_in(told: Json, key: str) -> str:
    """The text of that name; empty if there is none."""
    value = told.get(key)
    return value if isinstance(value, str) else ""


def part_in(told: Json, key: str) -> Json:
    """The object of that name; empty if there is none."""
    value = told.get(key)
    return value if isinstance(value, dict) else {}


def listed_in(told: Json, key: str) -> list[Json]:
    """The objects in the list of that name."""
    value = told.get(key)
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []


def is_timestamp(value: object) -> bool:
    """Whether it can be a message's name: the time of its writing."""
    return isinstance(value, str) and _TIMESTAMP.fullmatch(value) is not None


def is_id(value: object) -> bool:
    """Whether it can be the id of a person, a channel or a file."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None
