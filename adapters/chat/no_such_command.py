"""What is said to somebody who typed a command that there is not (pure)."""

from collections.abc import Mapping
from difflib import get_close_matches


def no_such_command(typed: str, known: Mapping[str, str], help_: str) -> str:
    """A sentence that names the command that was probably meant, if one is like it.

    Args:
        typed: the name that there is not.
        known: names that somebody may take for one another, each with the whole command.
        help_: the command that lists them.
    """
    meant = get_close_matches(typed, known, n=1)
    hint = f" Did you mean `{known[meant[0]]}`?" if meant else ""
    return f"There is no command `{typed}`.{hint} `{help_}` lists them."
