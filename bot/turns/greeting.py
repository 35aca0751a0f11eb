"""What a person is told once, below their first reply: what is kept, where the model runs, where to find out more."""

from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.autogen.name import NAME as AUTOGEN
from adapters.chat.markdown import with_below
from bot.slash.permissions import CONSOLE
from memory.people.known import People
from memory.sqlite.database import Transaction
from memory.turns.outbox import Reaction

FOOTER = (
    "-# I keep what is written to me and what I make of it, so that I can remember. My language model runs on "
    "{runs_on}. `/agent help` lists what you can see, change and reset."
)

BY_THEMSELVES = (f"{CONSOLE}:", f"{AUTOGEN}:")
"""Where nobody is told: whoever talks there runs the bot, or is a program."""

MOST_AT_HAND = 10_000


class Greeting:
    """Knows who was told already."""

    def __init__(self, people: People, now: Callable[[], datetime]) -> None:
        self._people = people
        self._now = now
        self._told: dict[str, None] = {}

    async def below(
        self, transaction: Transaction, person: str | None, sends: Sequence[str | Reaction], runs_on: str
    ) -> Sequence[str | Reaction]:
        """What is delivered: the first reply that a person is ever given has the footer below it.

        `runs_on`: where the agent's model runs, as `Mind` has it.
        """
        first = next((at for at, sent in enumerate(sends) if isinstance(sent, str)), None)
        if first is None or person is None or person in self._told or person.startswith(BY_THEMSELVES):
            return sends
        if await self._people.greet(transaction, person, self._now()):
            with_footer = with_below(str(sends[first]), FOOTER.format(runs_on=runs_on))
            return (*sends[:first], with_footer, *sends[first + 1 :])  # perhaps never committed: not yet noted as told
        self._told[person] = None
        if len(self._told) > MOST_AT_HAND:
            del self._told[next(iter(self._told))]
        return sends
