"""When an agent reflects: a while after people were there last, by a timer that each of their turns sets anew.

Where reflections are off nothing is written, so nothing is ever due.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from adapters.ports.messages import Origin
from bot.agent import Agent
from bot.events import of_clock
from bot.origins import to_json
from bot.scopes import owner_of
from memory.ports import Kind
from memory.sqlite.database import Transaction
from memory.turns.timers import REFLECTION, Firing, NewTimer, Timer, Timers

QUIET = "nobody has written for a while"


class ReflectionTimer:
    """The timers of all agents' reflections.

    Args:
        timers: where they are kept.
        minutes: how long people have to be quiet; 0: there are no reflections.
        is_busy: whether somebody is being answered in a scope, or waits for it.
        thinks: whether the model of a scope's agent can do more than write text.
    """

    def __init__(
        self, timers: Timers, minutes: int, is_busy: Callable[[str], bool], thinks: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._timers = timers
        self._pause = timedelta(minutes=minutes)
        self._is_busy = is_busy
        self._thinks = thinks

    async def people_were_there(
        self, transaction: Transaction, agent: Agent, origin: Origin, now: datetime
    ) -> datetime | None:
        """Let an agent reflect a while after a turn of people, if it does at all; returns when."""
        if not self._pause:
            return None
        due = now + self._pause
        person, platform = owner_of(agent.scope) or "", origin.address.platform
        timer = NewTimer(kind=REFLECTION, due_at=due, origin=to_json(origin), platform=platform, person=person)
        await self._timers.set(transaction, agent.id, timer, now)
        return due

    async def fire(self, timer: Timer, now: datetime) -> Firing:
        """What becomes of a reflection that is due; the next turn of people sets it again."""
        if not self._pause or not await self._thinks(timer.scope):
            return Firing(timer, None, None)
        if self._is_busy(timer.scope):
            return Firing(timer, None, now + self._pause)
        return Firing(timer, of_clock(timer, Kind.REFLECTION, QUIET, now), None)
