"""Questions with two buttons: who may answer them, until when, and what a yes does."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.chat.answers import CONFIRMED_WITHIN_S, NO, YES, Asker
from adapters.ports.commands import Confirm
from adapters.ports.messages import Origin
from adapters.slack.blocks import Json, button, buttons

MOST_QUESTIONS = 1000
PRESSED_YES, PRESSED_NO = "agent_yes", "agent_no"


class Place(Asker, Protocol):
    """Where somebody is asked on Slack."""

    @property
    def origin(self) -> Origin:
        """Who, and where."""
        ...

    def reached_by(self, response_url: str) -> "Place":
        """The same, to which the address leads that came with a button."""
        ...

    async def put_in_place(self, text: str) -> None:
        """Have a text stand where the buttons stood."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and where."""

    text: str
    confirmed: Confirm
    place: Place
    until: float


class Questions:
    """Those of one connection; a button of an earlier one belongs to none."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[str, Question] = {}

    def ask(self, text: str, confirmed: Confirm, place: Place) -> Json:
        """The buttons below a question."""
        key = secrets.token_hex(16)
        self._open[key] = Question(text, confirmed, place, self._now() + CONFIRMED_WITHIN_S)
        if len(self._open) > MOST_QUESTIONS:
            del self._open[next(iter(self._open))]
        return buttons(button(YES, PRESSED_YES, key, "danger"), button(NO, PRESSED_NO, key))

    def answered(self, key: str, person: str) -> Question | None:
        """The question whose button somebody pressed, which is over with that; None if it is theirs no more."""
        question = self._open.get(key)
        if question is None or question.place.origin.person.id != person:
            return None
        del self._open[key]
        return question if self._now() < question.until else None
