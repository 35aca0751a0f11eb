"""Reading JSON as models write it: with words around it, cut off, single-quoted, with commas too many."""

import json
from collections.abc import Mapping
from typing import Any

from json_repair import repair_json


def read_object(text: str) -> Mapping[str, Any] | None:
    """The first JSON object in a text, mended if it is nearly one; None if there is none."""
    if "{" not in text:
        return None
    try:
        found = repair_json(text[text.index("{") :], return_objects=True)
    except (ValueError, RecursionError):  # nested too deeply
        return None
    if isinstance(found, list):
        found = next((item for item in found if isinstance(item, dict)), None)
    return found if isinstance(found, dict) else None


def read_arguments(text: str) -> Mapping[str, Any] | None:
    """The arguments of a call that are nearly JSON; None if there are none, or if their end is missing."""
    if text.strip() in ("", "null", "None"):
        return {}
    return read_object(text) if text.rstrip("`'\" \r\n\t;").endswith("}") else None


def can_be_read(arguments: str) -> bool:
    """Whether the arguments of a call are an object, or nearly one."""
    try:
        is_object = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        is_object = False
    return is_object or read_arguments(arguments) is not None
