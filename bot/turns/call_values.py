"""Calls as they are run: no argument holds what the model thinks aloud (pure)."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.models.model_json import read_arguments
from adapters.ports.model import ToolCall
from bot.reasoning import without_reasoning


def as_meant(call: ToolCall, *, is_cut: bool) -> ToolCall:
    """A call without reasoning in its arguments; the same if they hold none.

    Args:
        call: as the model made it.
        is_cut: the answer ran into the token limit, so that half a call is not to be mended.
    """
    try:
        written = _read(call.arguments, is_cut=is_cut)
        meant = _as_meant(call.arguments if written is None else written)
        if meant == written or meant == call.arguments:
            return call
        return replace(call, arguments=meant if isinstance(meant, str) else json.dumps(meant, ensure_ascii=False))
    except RecursionError:  # nobody can read it; the model is told
        return call


def _read(arguments: str, *, is_cut: bool) -> Mapping[str, Any] | None:
    try:
        read = json.loads(arguments)
    except ValueError:
        return None if is_cut else read_arguments(arguments)
    return read if isinstance(read, dict) else None


def _as_meant(value: Any) -> Any:
    if isinstance(value, str):
        said = without_reasoning(value)
        return value if said == value.strip() else said
    if isinstance(value, list):
        return [_as_meant(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_meant(item) for name, item in value.items()}
    return value
