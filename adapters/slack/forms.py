"""Forms that ask for what a command needs (pure): https://docs.slack.dev/surfaces/modals."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.ports import Address, CommandSpec
from adapters.slack.blocks import Json, plain_text

MAX_CHARS = 3000
MAX_TITLE_CHARS = 24
FIELD = "argument"


@dataclass(frozen=True, slots=True)
class FormPlace:
    """Where the command was given that a form belongs to."""

    channel: str
    thread: str | None
    kind: str


def asks_for(line: str, commands: Iterable[CommandSpec]) -> CommandSpec | None:
    """The command that was given without what it needs, if it asks for that."""
    return next((spec for spec in commands if spec.asks is not None and " ".join(spec.path) == line.lower()), None)


def form_of(spec: CommandSpec, address: Address, kind: str) -> Json:
    """A form that asks for the argument of a command; it says itself what it is for, so a restart does it no harm."""
    place = {"channel": address.channel, "thread": address.thread, "kind": kind}
    field = {"type": "plain_text_input", "action_id": FIELD, "multiline": True, "max_length": MAX_CHARS}
    name = " ".join(spec.path)
    return {
        "type": "modal",
        "callback_id": name,
        "private_metadata": json.dumps(place),
        "title": plain_text(f"/agent {name}"[:MAX_TITLE_CHARS]),
        "submit": plain_text("OK"),
        "close": plain_text("Cancel"),
        "blocks": [{"type": "input", "block_id": FIELD, "label": plain_text(spec.asks or ""), "element": field}],
    }


def place_in(metadata: str) -> FormPlace:
    """Where a form that was sent belongs to.

    Raises:
        ValueError: it is none of ours.
    """
    told: Any = json.loads(metadata)
    if not isinstance(told, dict) or not isinstance(told.get("channel"), str):
        raise ValueError("no place")
    thread, kind = told.get("thread"), told.get("kind")
    return FormPlace(told["channel"], thread if isinstance(thread, str) else None, str(kind))


def written_in(view: Mapping[str, Any]) -> str:
    """What stands in the field of a form that was sent."""
    values = (view.get("state") or {}).get("values")
    for block in values.values() if isinstance(values, dict) else ():
        for field in block.values() if isinstance(block, dict) else ():
            if isinstance(field, dict) and isinstance(field.get("value"), str):
                return str(field["value"])
    return ""
