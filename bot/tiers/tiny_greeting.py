"""How the packaged demo model opens a conversation (pure).

Measured: given all notes it greets nobody by name, or asks everybody about a cat. With the name and one note of a kind
that one can ask after, and examples of that very shape, it greets well; other notes are better left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

Example = tuple[str, str]
Recipe = tuple[str, tuple[Example, ...]]

_NAME = re.compile(
    r"^(?:(?i:your|their|the person's|the human's) )?(?i:(?:first )?name(?: is|:)) (?P<name>[^\W\d_][\w'-]*)"
)
_CAN_BE_ASKED_AFTER = re.compile(
    r"^You (?:live in|are from|have an?) "
    r"|^Your (?:mother|mom|mum|father|dad|sister|brother|wife|husband|partner|son|daughter|friend|dog|cat)\b.{0,60}$"
)
_HOW = "You greet the person in one or two short sentences, and ask about what the note says."
_AFTER_NOTE: tuple[tuple[str, str, str], ...] = (
    ("Sam", "You live in Vienna.", "good to see you again! How is life in Vienna?"),
    ("Eva", "You have a cat called Tiger.", "good to see you again! How is your cat Tiger?"),
    ("Tom", "You like jazz.", "good to see you again! Have you heard any good jazz lately?"),
)
SOCIABLE = "hello hi good great see you again hear from how life doing going coming along today lately nice"
"""Words that a greeting may hold beside those of name and note."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What to ask the model for, if anything, and what to say if it does not do well."""

    recipe: Recipe | None
    last: str
    plain: str


def greeting(notes: Sequence[str], *, have_met: bool) -> Greeting:
    """A greeting for somebody of whom these notes, in the second person, are known."""
    name = next((found["name"] for note in reversed(notes) if (found := _NAME.match(note))), None)
    note = next((note for note in reversed(notes) if _CAN_BE_ASKED_AFTER.match(note)), None)
    hello = f"Hello {name}" if name else "Hello"
    if name or have_met or notes:
        plain = f"{hello}, good to see you again! How are you today?"
    else:
        plain = "Hello, nice to meet you! What would you like to talk about?"
    if note is None:  # nothing that needs a model
        return Greeting(None, "", plain)
    examples = tuple(
        (_told(example if name else None, about), f"Hello{f' {example}' if name else ''}, {rest}")
        for example, about, rest in _AFTER_NOTE
    )
    return Greeting((_HOW, examples), _told(name, note), plain)


def _told(name: str | None, note: str) -> str:
    return f"Name: {name}. Note: {note}" if name else f"Note: {note}"
