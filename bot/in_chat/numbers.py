"""Numbers as they are typed behind a command."""

import re

from bot.errors import CommandRefused
from bot.text import one_line

MOST = 1000


def number(written: str, of_what: str) -> int:
    """A number from 1 to 1000.

    Raises:
        CommandRefused: it is none.
    """
    if not re.fullmatch(r"0*[0-9]{1,4}", written) or not 1 <= int(written) <= MOST:
        raise CommandRefused(f"{one_line(written, 20)!r} is no number of {of_what} (1 to {MOST}).")
    return int(written)
