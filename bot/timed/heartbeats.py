"""Timed heartbeats: an agent wakes by itself, seldom, and only where people were lately and do not mind.

A turn of theirs sets the agent's heart to beat after a while. What stands against it is looked at when it is due: quiet
hours, a pause, people who are there, a day's budget or messages. Then it is put off, and nothing is asked of the model.
Where heartbeats are off nothing is written, so nothing is ever due.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from adapters.ports.messages import Origin
from bot.agent import Agent
from bot.clocks import after_quiet
from bot.events import of_clock
from bot.metering.budgets import Budgets
from bot.metering.charges import Charge
from bot.origins import to_json
from bot.scopes import owner_of
from bot.text import counted
from config.settings import QuietHours
from memory.ports import Kind
from memory.sqlite.database import Transaction
from memory.turns.timers import HEARTBEAT, Firing, NewTimer, Timer, Timers

JITTER = 0.2
"""Up to so much of the interval later, by chance: agents that were busy at the same time do not all wake at once."""

MOST_PAUSED = timedelta(minutes=360)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What the settings say.

    `minutes` lie between heartbeats, 0 is never; after `idle` without people there are none; of `messages_a_day` an
    agent may send so many unasked.
    """

    minutes: int
    idle: timedelta
    quiet: QuietHours
    messages_a_day: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages an agent may send unasked for the rest of the day; with none left, why."""

    left: int
    why: str = ""


class Heartbeats:
    """The heartbeats of all agents.

    Args:
        timers: where they are kept.
        rhythm: as the settings have it.
        zone: of people who have set none, and of channels.
        budgets: timed events have a part of their own in each.
        is_busy: whether somebody is being answered in a scope, or waits for it.
        thinks: whether the model of a scope's agent is of any use where nobody asked it something.
        chance: a number from 0 to 1, another one each time.
    """

    def __init__(
        self,
        timers: Timers,
        rhythm: Rhythm,
        zone: ZoneInfo,
        budgets: Budgets,
        is_busy: Callable[[str], bool],
        thinks: Callable[[str], Awaitable[bool]],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._timers = timers
        self._rhythm = rhythm
        self._zone = zone
        self._budgets = budgets
        self._is_busy = is_busy
        self._thinks = thinks
        self._chance = chance

    def minutes_of(self, own: int | None) -> int:
        """How many minutes lie between an agent's heartbeats, by its own setting, if it has one; 0: it has none."""
        return self._rhythm.minutes if own is None else own

    async def people_were_there(
        self, transaction: Transaction, agent: Agent, origin: Origin, now: datetime
    ) -> datetime | None:
        """Let an agent's heart beat a while after a turn of people, if it does at all; returns when."""
        minutes = self.minutes_of(agent.heartbeat_minutes)
        if not minutes:
            return None
        due = now + self._pause(minutes)
        person, platform = owner_of(agent.scope) or "", origin.address.platform
        timer = NewTimer(kind=HEARTBEAT, due_at=due, origin=to_json(origin), platform=platform, person=person)
        await self._timers.set(transaction, agent.id, timer, now)
        return due

    async def people_talked(self, transaction: Transaction, agent: Agent, now: datetime) -> None:
        """Put the next one off where people talk with each other; if there is none, that is no reason for one."""
        if minutes := self.minutes_of(agent.heartbeat_minutes):
            self._timers.put_off(transaction, agent.id, HEARTBEAT, now + self._pause(minutes))

    async def restart(self, transaction: Transaction, agent: Agent, origin: Origin, now: datetime) -> datetime | None:
        """Let an agent's heart beat by what somebody has chosen now; returns when, None if not at all."""
        await self._timers.drop(transaction, agent.id, HEARTBEAT)
        return await self.people_were_there(transaction, agent, origin, now)

    async def are_of_use(self, scope: str) -> bool:
        """Whether the model of a scope's agent can do anything with them; one that only writes text cannot."""
        return await self._thinks(scope)

    async def next_of(self, agent: Agent) -> datetime | None:
        """When the next one is due, if nothing stands against it; None if none is set."""
        timer = await self._timers.find(agent.id, HEARTBEAT)
        return timer.due_at if timer is not None else None

    @property
    def most_minutes(self) -> int:
        """What lies between heartbeats at most: after more than that without people there are none."""
        return most_minutes(self._rhythm.idle)

    @property
    def quiet_told(self) -> str:
        """The quiet hours, for people."""
        return f"{self._rhythm.quiet.start:%H:%M}-{self._rhythm.quiet.end:%H:%M}"

    @property
    def messages_told(self) -> str:
        """How many messages may come of heartbeats in a day, for people."""
        return counted(self._rhythm.messages_a_day, "message")

    async def fire(self, timer: Timer, now: datetime) -> Firing:
        """What becomes of a heartbeat that is due."""
        minutes = self.minutes_of(timer.heartbeat_minutes)
        if not minutes or now - timer.set_at > self._rhythm.idle:
            return Firing(timer, None, None)  # the next turn of people sets it again
        zone = self._zone_of(timer)
        awake = after_quiet(now, zone, self._rhythm.quiet)
        if awake > now:
            return Firing(timer, None, awake + self._pause(minutes) - timedelta(minutes=minutes))
        if timer.not_before is not None and timer.not_before > now:
            return Firing(timer, None, timer.not_before)
        if self._left(timer, now) <= 0:
            return Firing(timer, None, self._tomorrow(now, zone))
        if self._is_busy(timer.scope) or not await self._thinks(timer.scope):
            return Firing(timer, None, now + self._pause(minutes))
        charge = Charge(timer.agent_id, timer.scope, owner_of(timer.scope), is_timed=True)
        if any(used.tokens >= used.cap for used in await self._budgets.used(charge)):
            return Firing(timer, None, self._tomorrow(now, zone))
        event = of_clock(timer, Kind.HEARTBEAT, self._told(timer, now), now)
        return Firing(timer, event, now + self._pause(minutes))

    async def allowance(self, agent_id: int, now: datetime) -> Allowance | None:
        """How many messages a heartbeat of an agent may bring; None: as many as it likes, as somebody set it off."""
        timer = await self._timers.find(agent_id, HEARTBEAT)
        if timer is None:
            return None
        if not _may_write(timer):
            return Allowance(0, "They have not asked to be written to unasked (`/agent heartbeat on` does that).")
        return Allowance(self._left(timer, now), "You have written enough unasked for one day.")

    async def note_said(self, transaction: Transaction, agent: Agent, count: int, now: datetime) -> None:
        """Count messages that a heartbeat brought."""
        await self._timers.note_said(transaction, agent.id, HEARTBEAT, _day(now, agent.zone), count)

    def _pause(self, minutes: int) -> timedelta:
        return timedelta(minutes=minutes) * (1 + JITTER * self._chance())

    def _zone_of(self, timer: Timer) -> ZoneInfo:
        return ZoneInfo(timer.zone) if timer.zone is not None else self._zone

    def _left(self, timer: Timer, now: datetime) -> int:
        said = timer.said if timer.said_on == _day(now, self._zone_of(timer)) else 0
        return self._rhythm.messages_a_day - said

    def _tomorrow(self, now: datetime, zone: ZoneInfo) -> datetime:
        day = now.astimezone(zone).date() + timedelta(days=1)
        midnight = datetime.combine(day, time(), zone)
        return after_quiet(midnight, zone, self._rhythm.quiet) + timedelta(hours=1) * self._chance()

    def _told(self, timer: Timer, now: datetime) -> str:
        quiet_for = now - timer.set_at
        hours, minutes = divmod(int(quiet_for.total_seconds()) // 60, 60)
        told = f"Nobody has written for {counted(hours, 'hour') if hours else counted(minutes, 'minute')}."
        if not _may_write(timer):
            return f"{told} You may think, and put your memory in order; they have not asked to be written to."
        return f"{told} You may think, put your memory in order, or write if there is something worth it."


def most_minutes(idle: timedelta) -> int:
    """What may lie between heartbeats where there are none after so long without people."""
    return int(idle / timedelta(minutes=1 + JITTER))


def _may_write(timer: Timer) -> bool:
    """Whether messages may come of it: in a channel where there are heartbeats, to a person who asked for them."""
    return owner_of(timer.scope) is None or bool(timer.heartbeat_minutes)


def _day(now: datetime, zone: ZoneInfo) -> str:
    return now.astimezone(zone).date().isoformat()
