"""What a turn sets clocks to: when the agent is to wake by itself, as it wants to, or after people were there."""

from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.ports.messages import Origin
from bot.agent import Agent
from bot.timed.follow_ups import FollowUps
from bot.timed.heartbeats import Heartbeats
from bot.timed.reflection_timer import ReflectionTimer
from bot.turns.draft import Draft
from memory.sqlite.database import Transaction
from memory.turns.timers import HEARTBEAT


class Clocks:
    """Sets them, within a turn's transactions."""

    def __init__(
        self,
        follow_ups: FollowUps,
        heartbeats: Heartbeats,
        reflection_timer: ReflectionTimer | None,
        expect: Callable[[datetime], None],
    ) -> None:
        """`expect`: is told when a clock is due, once that is committed."""
        self._follow_ups = follow_ups
        self._heartbeats = heartbeats
        self._reflection_timer = reflection_timer
        self._expect = expect

    async def set(
        self, transaction: Transaction, agent: Agent, origin: Origin, draft: Draft, now: datetime, *, event_id: int
    ) -> list[datetime]:
        """Write when the agent is to wake by itself, as it decided in a turn about an event; returns when."""
        if draft.sets_timers:
            timers = self._follow_ups.timers
            await timers.add(transaction, agent.id, draft.follow_ups, now)
            await timers.cancel(transaction, agent.id, draft.cancelled, now, ended_by=event_id)
            if draft.rests_until is not None:
                await timers.hold(transaction, agent.id, HEARTBEAT, draft.rests_until)
            if draft.zone is not None:
                await self._follow_ups.learn_zone(transaction, origin, draft.zone)
        return [timer.due_at for timer in draft.follow_ups]

    async def people_were_there(
        self, transaction: Transaction, agent: Agent, origin: Origin, now: datetime
    ) -> list[datetime]:
        """Set what is to come some time after a turn of people; returns when."""
        clocks = (self._heartbeats, self._reflection_timer)
        set_for = [await clock.people_were_there(transaction, agent, origin, now) for clock in clocks if clock]
        return [due for due in set_for if due is not None]

    async def people_talked(
        self, transaction: Transaction, agent: Agent, origin: Origin, now: datetime
    ) -> list[datetime]:
        """The same where people talk and nobody means the agent: it tidies what it heard, and does not come between."""
        await self._heartbeats.people_talked(transaction, agent, now)
        if self._reflection_timer is None:
            return []
        due = await self._reflection_timer.people_were_there(transaction, agent, origin, now)
        return [due] if due is not None else []

    def expect(self, due: Sequence[datetime]) -> None:
        """What was set is committed."""
        if due:
            self._expect(min(due))
