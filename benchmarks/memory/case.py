"""What is asked of one agent, and how its memory is filled before."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.testing import Bot

Fill = Callable[[Bot, str], Awaitable[None]]
"""Puts what is to be remembered into the memory of a person's agent."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the answers that are right: each of them by itself."""

    text: str
    answers: tuple[str, ...]
    category: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One agent, by the name of its person."""

    person: str
    fill: Fill
    questions: tuple[Question, ...]
