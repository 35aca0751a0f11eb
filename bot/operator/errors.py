"""Why an operator's command was not done; each text is one clear line for standard error.

OperatorError
├── CommandUnclear      exit 2: it has to be said in another way
└── CannotBeDone        exit 69: something that it needs is not there, or is in the way
"""


class OperatorError(Exception):
    """The command was not done, and nothing was changed."""


class CommandUnclear(OperatorError):
    """The command has to be said in another way."""


class CannotBeDone(OperatorError):
    """Something that the command needs is not there, or is in the way."""
