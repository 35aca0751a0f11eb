"""Forms that ask for what a command needs (pure): https://docs.slack.dev/surfaces/modals.

A form says itself which command it is for, and where that was given, so a restart does it no harm. That is sealed for
whoever it was opened for: a form that says anything else is none of ours.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.ports.commands import CommandSpec
from adapters.slack.blocks import Json, plain_text

MAX_CHARS = 3000
MAX_TITLE_CHARS = 24
FIELD = "argument"
EDITED = "What shall it say?"


@dataclass(frozen=True, slots=True)
class FormPlace:
    """Where the command was given that a form belongs to."""

    channel: str
    thread: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A form of ours that was sent: the command that it is for, and what stands in its field."""

    place: FormPlace
    command: str
    text: str


def asks_for(line: str, commands: Iterable[CommandSpec]) -> CommandSpec | None:
    """The command that was given without what it needs, if it asks for that."""
    return next((spec for spec in commands if spec.asks is not None and " ".join(spec.path) == line.lower()), None)


class Forms:
    """The forms of one app.

    Args:
        key: what only we and Slack know.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def asking(self, spec: CommandSpec, place: FormPlace, person: str) -> Json:
        """A form that asks somebody for the argument of a command."""
        name = " ".join(spec.path)
        return self._form(f"/agent {name}", name, spec.asks or "", place, person)

    def editing(self, line: str, text: str, place: FormPlace, person: str) -> Json:
        """A form in which somebody changes a line of what is known of them; `line` is its place, for `edit`."""
        return self._form("Edit", f"edit {line}:", EDITED, place, person, {"initial_value": text})

    def sent(self, view: Mapping[str, Any], person: str) -> Sent:
        """What somebody sent.

        Raises:
            ValueError: it is no form of ours, or not theirs.
        """
        command = view.get("callback_id")
        told: Any = json.loads(str(view.get("private_metadata")))
        if not isinstance(told, dict) or not isinstance(command, str):
            raise ValueError("no form of ours")
        channel, thread, kind, seal = (told.get(name) for name in ("channel", "thread", "kind", "seal"))
        if not isinstance(channel, str) or not isinstance(kind, str) or not isinstance(thread, str | None):
            raise ValueError("no place")
        place = FormPlace(channel, thread, kind)
        if not hmac.compare_digest(str(seal).encode(), self._seal(command, place, person).encode()):
            raise ValueError("not ours, or not theirs")
        return Sent(place, command, _written_in(view))

    def _form(
        self, title: str, command: str, label: str, place: FormPlace, person: str, more: Mapping[str, str] | None = None
    ) -> Json:
        told = {"channel": place.channel, "thread": place.thread, "kind": place.kind}
        told["seal"] = self._seal(command, place, person)
        field = {"type": "plain_text_input", "action_id": FIELD, "multiline": True, "max_length": MAX_CHARS}
        return {
            "type": "modal",
            "callback_id": command,
            "private_metadata": json.dumps(told),
            "title": plain_text(title[:MAX_TITLE_CHARS]),
            "submit": plain_text("OK"),
            "close": plain_text("Cancel"),
            "blocks": [
                {"type": "input", "block_id": FIELD, "label": plain_text(label), "element": {**field, **(more or {})}}
            ],
        }

    def _seal(self, command: str, place: FormPlace, person: str) -> str:
        said = json.dumps([person, command, place.channel, place.thread, place.kind])
        return hmac.new(self._key.encode(), said.encode(), hashlib.sha256).hexdigest()


def _written_in(view: Mapping[str, Any]) -> str:
    """What stands in the field of a form that was sent."""
    state = view.get("state")
    values = state.get("values") if isinstance(state, dict) else None
    for block in values.values() if isinstance(values, dict) else ():
        for field in block.values() if isinstance(block, dict) else ():
            if isinstance(field, dict) and isinstance(field.get("value"), str):
                return str(field["value"]).strip()
    return ""
