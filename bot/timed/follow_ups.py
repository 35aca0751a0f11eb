"""Follow-ups: what an agent is to come back to at a time, once or again and again."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from adapters.ports.messages import Origin
from bot.agent import Agent
from bot.clocks import NotAMoment, When, ZoneUnknown, after_quiet, at_local, read_when
from bot.errors import ToolFailed
from bot.events import local_time, of_clock
from bot.origins import of_json, to_json
from bot.scopes import person_of
from bot.slash.permissions import CONSOLE
from bot.text import clean, one_line
from bot.timed.recurrence import LEAST_BETWEEN, BadRepeat, checked_repeat, next_of
from config.settings import QuietHours
from memory.people.known import People
from memory.ports import Kind, Message
from memory.sqlite.database import Transaction
from memory.turns.outbox import OutboxStore
from memory.turns.timers import FOLLOW_UP, Firing, NewTimer, RunState, Timer, Timers

logger = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=5)
"""What comes later than that says so."""

MOST_AHEAD = timedelta(days=366 * 5)
MAX_NOTE_CHARS = 1000
MOST_MISSED = 30
"""So many missed times of one follow-up are counted, at most: a start may find thousands that were missed for weeks."""

UNHEARD = 3
"""After so many turns in a row that could not be delivered, what repeats asks nothing of the model any more."""

_LATE = "\n[It was due at "

ZONE_UNKNOWN = (
    "Nobody knows in which time zone they live, so this could be the wrong hour. If they named a span of time, such as "
    '"in 20 minutes", count it from the time of their message and call again with the offset that stands there '
    "({example}). If they named a time of day, ask them once in which city they live, and call again with its zone "
    "behind the time, such as {at}[Europe/Lisbon]: it is kept for them. They can set it with `/agent timezone` too."
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A follow-up that can be kept, with what the model is told of it; `zone` is news about the person."""

    timer: NewTimer
    told: dict[str, str]
    zone: str | None = None


class FollowUps:
    """The follow-ups of all agents.

    Args:
        timers: where they are kept.
        replies: tell whether anybody hears what is said.
        people: whose time zones are known.
        zone: that of people who have set none.
        is_everybodys: whether the operator has said that this zone holds for them.
        most: so many may wait for one person.
        most_unasked: so many an agent may set in a day when a clock woke it.
        quiet: hours in which people would rather not hear of anything.
        idle: after so long without people an agent sets no clock by itself.
    """

    def __init__(
        self,
        timers: Timers,
        replies: OutboxStore,
        people: People,
        zone: ZoneInfo,
        *,
        is_everybodys: bool,
        most: int,
        most_unasked: int,
        quiet: QuietHours,
        idle: timedelta,
    ) -> None:
        self.timers = timers
        self._replies = replies
        self._people = people
        self._zone = zone
        self._is_everybodys = is_everybodys
        self._most = most
        self._most_unasked = most_unasked
        self._quiet = quiet
        self._idle = idle

    async def plan(
        self,
        origin: Origin,
        event: Message,
        now: datetime,
        *,
        agent: Agent,
        when: str,
        note: str,
        repeat: str | None,
        drafted: Sequence[NewTimer] = (),
        cancelled: Collection[int] = (),
    ) -> Planned:
        """Make a follow-up of what the model asks for.

        Args:
            origin: where it is asked for, and for whom.
            event: the message in whose turn it is.
            now: the time.
            agent: who asks.
            when: as the model wrote it.
            note: the same.
            repeat: the same.
            drafted: those that are planned already and not kept yet.
            cancelled: the ids of those that are to go.

        Raises:
            ToolFailed: it cannot be; says why, and what to do.
        """
        if not note.strip() or len(note) > MAX_NOTE_CHARS:
            raise ToolFailed(f"The note should say what it is about, in at most {MAX_NOTE_CHARS} characters.")
        person, named = person_of(origin), await self._zone_of(origin)
        try:
            asked = read_when(when, named)
        except ZoneUnknown:
            at = one_line(when, 40)
            example = f"{at}+00:00" if self._zone.key == "UTC" else local_time(now, self._zone)
            raise ToolFailed(ZONE_UNKNOWN.format(example=example, at=at)) from None
        except NotAMoment as fault:
            raise ToolFailed(f"{fault} Give a local ISO 8601 time, such as 2026-03-02T09:00.") from None
        zone = asked.zone or named or self._zone
        self._check_moment(asked, now, zone)
        if event.kind.is_timed:
            if repeat and repeat.strip():
                raise ToolFailed("What comes again is set when somebody asks for it. Leave out repeat.")
            self._check_is_wanted(agent, asked, now)
            await self._check_is_seldom(agent, zone, now, len(drafted))
        kept_repeat = self._repeat(repeat, zone, now)
        is_elsewhere = None not in (asked.zone, named) and asked.zone != named
        if is_elsewhere and kept_repeat is not None:
            raise ToolFailed(f"What comes again goes by their own clock, {named}: give the time in that zone.")
        waiting = [timer for timer in await self.timers.waiting_of(person) if timer.id not in cancelled]
        if len(waiting) + len(drafted) >= self._most:
            raise ToolFailed(
                f"{len(waiting) + len(drafted)} follow-ups wait for this person already, and no more may. Cancel one "
                "with cancel_follow_up, or tell them."
            )
        timer = NewTimer(
            kind=FOLLOW_UP,
            due_at=asked.moment,
            origin=to_json(origin),
            platform=origin.address.platform,
            person=person,
            note=clean(note.strip()),
            repeat=kept_repeat,
            local=None if is_elsewhere else asked.local,
            source_message_id=event.id,
        )
        news = asked.zone.key if asked.zone is not None and named is None else None
        told = {"due": local_time(asked.moment, zone), "zone": zone.key}
        if asked.moment >= after_quiet(asked.moment, zone, self._quiet):
            return Planned(timer, told, news)
        told["note"] = f"That is within their quiet hours ({self._quiet.start:%H:%M}-{self._quiet.end:%H:%M})."
        return Planned(timer, told, news)

    async def learn_zone(self, transaction: Transaction, origin: Origin, zone: str) -> None:
        """Keep the time zone that somebody has named."""
        await self._people.learn_timezone(transaction, person_of(origin), zone)

    async def fire(self, timer: Timer, now: datetime) -> Firing:
        """What becomes of a follow-up that is due: it is delivered, however late, once for all times it was missed.

        One whose last time nobody has heard of yet (the model is down, perhaps) does not come once more beside it, and
        one that cannot be heard where it goes does not come.
        """
        zone = ZoneInfo(timer.zone) if timer.zone is not None else self._zone
        next_due, missed = self._following(timer, zone, now)
        if next_due is not None and timer.fires and await self._is_under_way(timer):
            return Firing(timer, None, next_due)
        if next_due is not None and await self.rests(timer):
            logger.info("a follow-up rests, as nothing can be delivered there timer=%d", timer.id)
            return Firing(timer, None, next_due)
        text = timer.note
        if now - timer.due_at > LATE_AFTER:
            text += f"{_LATE}{local_time(timer.due_at, zone)}: say that it comes late."
            text += f" It was missed {_times(missed)} since.]" if missed else "]"
        return Firing(timer, of_clock(timer, Kind.FOLLOW_UP, text, now), next_due)

    async def moved(self, person: str, zone: ZoneInfo, now: datetime) -> int:
        """Let a person's follow-ups go by the clock of another zone; returns how many have another time now."""
        due: list[tuple[Timer, datetime]] = []
        for timer in await self.timers.waiting_of(person):
            if timer.local is not None and not timer.fires:
                due.append((timer, at_local(datetime.fromisoformat(timer.local), zone)))
            elif timer.repeat is not None and timer.due_at > now:
                due.append((timer, next_of(timer.repeat, zone, now) or timer.due_at))
        await self.timers.move(due)
        return len(due)

    async def rests(self, timer: Timer) -> bool:
        """Whether a follow-up that repeats does not come, as nothing could be delivered there, until somebody writes.

        What could not be delivered is forgotten after a while, and then it is tried again.
        """
        if timer.repeat is None or timer.fires < UNHEARD:
            return False
        to = of_json(timer.origin).address
        place = (to.platform, to.channel, to.thread)
        return await self._replies.unheard_at(timer.agent_id, place, UNHEARD) == UNHEARD

    async def _is_under_way(self, timer: Timer) -> bool:
        """Whether its last time is still to be heard of."""
        run = (await self.timers.runs_of([timer])).get(timer.id)
        return run is not None and run.state in (RunState.WAITING, RunState.TAKEN)

    def _following(self, timer: Timer, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, int]:
        """When it is due again after now, and how often it was in between."""
        if timer.repeat is None:
            return None, 0
        missed, moment = 0, timer.due_at
        try:
            while (following := next_of(timer.repeat, zone, moment)) is not None and following <= now:
                missed, moment = missed + 1, following
                if missed == MOST_MISSED:
                    return next_of(timer.repeat, zone, now), missed
        except BadRepeat as fault:  # of another version, or an import
            logger.warning("a follow-up does not come again: %s", fault)
            return None, 0
        return following, missed

    async def _zone_of(self, origin: Origin) -> ZoneInfo | None:
        """A person's time zone, if it is known. At the terminal the operator is the person."""
        name = await self._people.timezone(person_of(origin))
        if name is not None:
            return ZoneInfo(name)
        return self._zone if self._is_everybodys or origin.address.platform == CONSOLE else None

    def _check_moment(self, asked: When, now: datetime, zone: ZoneInfo) -> None:
        if asked.moment <= now:
            raise ToolFailed(
                f"{local_time(asked.moment, zone)} is past: it is {local_time(now, zone)} now. Choose a later time."
            )
        if asked.moment - now > MOST_AHEAD:
            raise ToolFailed("That is more than five years ahead. Keep it in archival storage instead.")

    def _check_is_wanted(self, agent: Agent, asked: When, now: datetime) -> None:
        """An agent that a clock woke sets the clock anew only where people are about: else it would never sleep."""
        seen = (it.message.created_at for it in reversed(agent.queue) if it.message.kind is Kind.USER_MESSAGE)
        last_seen = next(seen, None)
        if last_seen is None or now - last_seen > self._idle:
            raise ToolFailed("Nobody has written for long. Set no new follow-up until somebody does.")
        if asked.moment - now < LEAST_BETWEEN:
            minutes = int(LEAST_BETWEEN.total_seconds() // 60)
            raise ToolFailed(f"As nobody asks for it now, choose a time at least {minutes} minutes ahead.")

    async def _check_is_seldom(self, agent: Agent, zone: ZoneInfo, now: datetime, drafted: int) -> None:
        """What it sets so is heard unasked, too: of that there is only so much a day."""
        today = datetime.combine(now.astimezone(zone).date(), time(), zone)
        if await self.timers.set_by_clocks(agent.id, today) + drafted >= self._most_unasked:
            raise ToolFailed("You have set enough follow-ups of your own accord today. Set none before somebody asks.")

    def _repeat(self, repeat: str | None, zone: ZoneInfo, now: datetime) -> str | None:
        if repeat is None or not repeat.strip():
            return None
        try:
            return checked_repeat(clean(repeat), zone, now)
        except BadRepeat as fault:
            raise ToolFailed(str(fault)) from None


def _times(missed: int) -> str:
    at_least = "at least " if missed == MOST_MISSED else ""
    return f"{at_least}{missed} more {'time' if missed == 1 else 'times'}"


def reminder_of(event: Message) -> str:
    """What is said of a follow-up by code, where the model says nothing that can be heard."""
    note, _, late = (event.text or "").partition(_LATE)
    was_due = f" (it was due at {late.split(': ')[0]})" if late else ""
    return f"A reminder{was_due}: {note}"
