"""What a turn is about: events that wait, or a turn that was left unfinished."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.ports.messages import Origin
from bot.origins import of_json
from memory.ports import Kind
from memory.turns.inbox import WaitingEvent
from memory.turns.turn_journal import IS_PROMISED, LEAVES_NOTHING, TurnRecord

BESIDE_OTHERS, BY_ITSELF = 2, 1
"""So often a turn is begun again without getting a step further: it may be what ends the process.

At first with all others that were under way, any of which may be it; then without them, so that who is blamed is it.
"""

UNASKED = (Kind.HEARTBEAT, Kind.REFLECTION)
"""Events of which nobody counts on anything coming."""

LATE_AFTER = timedelta(minutes=5)
"""A heartbeat that has waited longer, for the process to start again perhaps, comes no more: by now it may be night."""


@dataclass(frozen=True, slots=True)
class Woken:
    """What a turn is about: events that wait, or the record of a turn that was left unfinished."""

    scope: str
    origin: Origin
    is_timed: bool
    events: tuple[WaitingEvent, ...] = ()
    record: TurnRecord | None = None
    is_heard: bool = False
    """The events are only taken note of; nobody waits for an answer to them."""
    since: float = field(default_factory=time.monotonic)

    @property
    def is_addressed(self) -> bool:
        """Whether somebody may expect an answer, and is to see that it is on its way."""
        return not self.is_timed and (not self.events or self.events[0].is_addressed)

    @property
    def is_promised(self) -> bool:
        """Whether somebody counts on hearing of it, although nobody is there: a follow-up."""
        if self.record is not None:
            return bool(self.record.progress.get(IS_PROMISED))
        return bool(self.events) and self.events[0].kind is Kind.FOLLOW_UP

    def is_late(self, now: datetime) -> bool:
        """Whether it is a heartbeat that was to be long ago, or to go on."""
        if not self.is_timed or self.is_promised:
            return False
        if self.record is not None:
            is_heartbeat, since = not self.record.progress.get(LEAVES_NOTHING), self.record.changed_at
        else:
            is_heartbeat, since = self.events[0].kind is Kind.HEARTBEAT, self.events[0].received_at
        return is_heartbeat and since is not None and now - since > LATE_AFTER

    @property
    def seconds(self) -> float:
        """How long ago it was woken."""
        return time.monotonic() - self.since


def woken_by(scope: str, events: tuple[WaitingEvent, ...], *, is_heard: bool) -> Woken:
    """What events are about that came together."""
    return Woken(scope, of_json(events[0].origin), events[0].is_timed, events, is_heard=is_heard)


def left_unfinished(record: TurnRecord) -> Woken:
    """What a turn is about that is to go on."""
    return Woken(record.scope, of_json(record.origin), record.is_timed, record=record)


def is_blamed(record: TurnRecord) -> bool:
    """Whether a turn ends the process whenever it goes on."""
    return record.resumed >= BESIDE_OTHERS + BY_ITSELF
