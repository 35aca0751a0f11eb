"""The events that wait, at hand: what the inbox has, without asking it each time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from memory.turns.inbox import WaitingEvent, belongs, is_of_place

MOST_AT_ONCE = 50
"""Events that one turn may take, or that are taken note of together."""


@dataclass(slots=True)
class _Line:
    """What waits in a scope, in the order in which it came."""

    of_people: dict[int, WaitingEvent] = field(default_factory=dict)
    of_clocks: dict[int, WaitingEvent] = field(default_factory=dict)
    turns: dict[int, None] = field(default_factory=dict)
    """Those of people that want a turn."""


class Waiting:
    """Every change of the inbox is made here as well, after it: what is not noted here, no turn takes.

    Args:
        most: if more messages wait in a scope, one turn takes all that wait in one place, whoever wrote them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: dict[str, _Line] = {}

    def note(self, event: WaitingEvent) -> None:
        """An event was kept, or is now meant for the bot."""
        line = self._lines.setdefault(event.scope, _Line())
        (line.of_clocks if event.is_timed else line.of_people)[event.id] = event
        if event.awaits_answer and not event.is_timed:
            line.turns[event.id] = None

    def forget(self, scope: str, id_: int) -> None:
        """An event waits no more; one that never did is ignored."""
        if (line := self._lines.get(scope)) is None:
            return
        line.of_people.pop(id_, None)
        line.of_clocks.pop(id_, None)
        line.turns.pop(id_, None)
        if not line.of_people and not line.of_clocks:
            del self._lines[scope]

    def forget_those(self, are_meant: Callable[[WaitingEvent], bool]) -> None:
        """Events wait no more, wherever they waited."""
        every = [
            event for line in self._lines.values() for event in (*line.of_people.values(), *line.of_clocks.values())
        ]
        for event in every:
            if are_meant(event):
                self.forget(event.scope, event.id)

    def taken(self, event: WaitingEvent) -> None:
        """What `heard` or `next` handed out waits no more, unless it was noted anew since: then it waits as that."""
        if (line := self._lines.get(event.scope)) is None:
            return
        if (line.of_clocks if event.is_timed else line.of_people).get(event.id) is event:
            self.forget(event.scope, event.id)

    def holds(self, scope: str, id_: int) -> bool:
        """Whether an event waits."""
        line = self._lines.get(scope)
        return line is not None and (id_ in line.of_people or id_ in line.of_clocks)

    def is_of_clocks(self, scope: str) -> bool:
        """Whether something waits in a scope, and nothing of it is of people."""
        line = self._lines.get(scope)
        return line is not None and not line.of_people

    def people(self, scope: str) -> int:
        """How many events wait for a turn that people made."""
        line = self._lines.get(scope)
        return len(line.turns) if line is not None else 0

    def heard(self, scope: str) -> tuple[WaitingEvent, ...]:
        """What comes next in a scope and is only to be taken note of, in order; nothing if a turn comes next.

        That is what wants no turn, and what is not meant for the bot when a later message wants one: where many talk,
        the agent considers what was said last, with all before it in view, and whoever asks it does not wait for that.
        """
        line = self._lines.get(scope)
        heard: list[WaitingEvent] = []
        if line is not None:
            newest = max(line.turns, default=0)
            for event in islice(line.of_people.values(), MOST_AT_ONCE):
                if event.awaits_answer and (event.is_addressed or event.id >= newest):
                    break
                heard.append(event)
        return tuple(heard)

    def next(self, scope: str) -> tuple[WaitingEvent, ...]:
        """What the next turn of a scope is about, in order; nothing if nothing waits. First comes what is `heard`.

        What people wrote goes before what a clock set off. Messages that follow each other are taken together if they
        are of one writer in one place; if more wait than may, all in one place, of whatever writers.
        """
        line = self._lines.get(scope)
        together: list[WaitingEvent] = []
        whoever = self.people(scope) > self._most
        for event in (line.of_people or line.of_clocks).values() if line is not None else ():
            if len(together) == MOST_AT_ONCE:
                break
            if not together or belongs(event, together[0], whoever=whoever):
                together.append(event)
            elif not whoever or is_of_place(event, together[0]):
                break
        return tuple(together)
