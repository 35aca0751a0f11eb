"""The application's own errors, by who is told.

BotError
├── ToolFailed          the model, as the tool's result; it then runs again
├── CommandRefused      the person, privately
├── PathNotFound        whoever named the path
│   └── PageNotFetched  the same: it may be there the next time
├── TurnGivenUp         the person, one short sentence; the log in full
├── BudgetSpent         the person, one short sentence a day; the log in full
└── ContextTooSmall     the operator: the fixed part of the prompt does not fit the model's window
"""

from datetime import date


class BotError(Exception):
    """Something in the bot cannot be done."""


class ToolFailed(BotError):
    """A tool cannot do what the model asked; the text tells the model what to do instead."""


class CommandRefused(BotError):
    """A command is unknown, misused or not allowed; the text tells the person."""


class PathNotFound(BotError):
    """A path leads to no file; the text names it."""


class PageNotFetched(PathNotFound):
    """A page of the web cannot be fetched now; the text names it, and says why."""


class TurnGivenUp(BotError):
    """A turn ended without a result; the text is one short sentence for the person."""


class BudgetSpent(BotError):
    """A call of the model may not be paid for today; the text is one short sentence for the person.

    Attributes:
        day: whose budget it is; who is told of it is told once that day.
    """

    def __init__(self, sentence: str, day: date) -> None:
        super().__init__(sentence)
        self.day = day


class ContextTooSmall(BotError):
    """Instructions, tools and core memory leave no room for a conversation in the model's window."""
