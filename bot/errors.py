"""The application's own errors, by who is told.

BotError
├── ToolFailed          the model, as the tool's result; it then runs again
├── CommandRefused      the person, privately
├── TurnGivenUp         the person, one short sentence; the log in full
└── ContextTooSmall     the operator: the fixed part of the prompt does not fit the model's window
"""


class BotError(Exception):
    """Something in the bot cannot be done."""


class ToolFailed(BotError):
    """A tool cannot do what the model asked; the text tells the model what to do instead."""


class CommandRefused(BotError):
    """A command is unknown, misused or not allowed; the text tells the person."""


class TurnGivenUp(BotError):
    """A turn ended without a result; the text is one short sentence for the person."""


class ContextTooSmall(BotError):
    """Instructions, tools and core memory leave no room for a conversation in the model's window."""
