"""What a command asks before it does what cannot be taken back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A text in Markdown, and what is done after a yes; returns what is told then, or raises as the command does.

    Whether the person may give the command is asked again at the yes: `confirmed` need not.
    """

    text: str
    confirmed: Callable[[], Awaitable[str]]
