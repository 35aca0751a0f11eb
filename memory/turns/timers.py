"""Timers: when agents are to wake by themselves. They are rows, so they outlive the process; one sweep looks for all.

A timer that is due becomes an event of the inbox in the transaction that says so. So it fires once, whoever looks at
the same time, and whenever the process is killed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, literal_column, select, text, update
from sqlalchemy.dialects.sqlite import insert

from memory.people.channels import Mode
from memory.ports import Kind
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.ids import next_ids
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import agents, channels, inbox, messages, people, timers
from memory.turns.inbox import Inbox, NewEvent, WaitingEvent

FOLLOW_UP = "follow_up"
"""Somebody is to hear of something, or the agent wants to look after it: of these it has any number."""

HEARTBEAT = "heartbeat"

REFLECTION = "reflection"

WAITING, FIRED, CANCELLED = "waiting", "fired", "cancelled"

_PURGED_AT_ONCE = 1000
_NAMED = "timer-{id}-{number}"

_IS_WAITING = text("timers.state = 'waiting'")  # as text, for the partial index
_COLUMNS = (
    "id agent_id kind state due_at set_at platform person origin note repeat local source_message_id fires said".split()
)

_ADD = insert(timers)
_ADD_ONE = Prepared(_ADD, _COLUMNS)
_SET = Prepared(
    _ADD.on_conflict_do_update(
        index_elements=["agent_id", "kind"],
        index_where=text("kind <> 'follow_up'"),
        set_={
            "due_at": func.max(_ADD.excluded.due_at, func.coalesce(timers.c.not_before, literal_column("0"))),
            "state": WAITING,
            **{name: _ADD.excluded[name] for name in ("set_at", "platform", "person", "origin", "note")},
        },
    ),
    _COLUMNS,
)
_AS_IT_WAS = (
    timers.c.id == bindparam("of_id"),
    timers.c.state == WAITING,
    timers.c.due_at == bindparam("was_due", type_=timers.c.due_at.type),
)
_FIRE = Prepared(
    update(timers)
    .where(*_AS_IT_WAS)
    .values(
        state=bindparam("to_state"),
        due_at=bindparam("to_due", type_=timers.c.due_at.type),
        fires=timers.c.fires + 1,
        fired_at=bindparam("now", type_=timers.c.due_at.type),
    )
    .returning(timers.c.id)
)
_MOVE = Prepared(update(timers).where(*_AS_IT_WAS).values(due_at=bindparam("to_due", type_=timers.c.due_at.type)))
_PUT_OFF = Prepared(
    update(timers)
    .where(timers.c.agent_id == bindparam("of_agent"), timers.c.kind == bindparam("of_kind"))
    .values(due_at=func.max(timers.c.due_at, bindparam("until", type_=timers.c.due_at.type)))
)
_DROP = Prepared(delete(timers).where(*_AS_IT_WAS))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTimer:
    """A timer about to be kept.

    Attributes:
        kind: `FOLLOW_UP`, `HEARTBEAT`, or whatever else its owner fires; of every kind but the first an agent has one.
        due_at: when.
        origin: JSON that says where replies go, and for whom.
        platform: that of the origin.
        person: for whom, by the id that `people` has; their time zone holds.
        note: what about.
        repeat: a cron expression; None: once.
        local: the wall clock that it was set for, ISO 8601 without an offset, which moves with the person's zone; None
            where a moment was named.
        source_message_id: the event in whose turn it was set: it goes with that.
    """

    kind: str
    due_at: datetime
    origin: Mapping[str, Any]
    platform: str
    person: str
    note: str = ""
    repeat: str | None = None
    local: str | None = None
    source_message_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer(NewTimer):
    """A timer as it is kept.

    `scope` is the agent's; `zone` is the person's, if it is known; `set_at` of a heartbeat is when people were last
    there; `heartbeat_minutes` as in `agents`. `said` messages came of it unasked on the day `said_on`.
    """

    id: int
    agent_id: int
    scope: str
    state: str
    set_at: datetime
    zone: str | None
    fires: int
    fired_at: datetime | None
    not_before: datetime | None
    heartbeat_minutes: int | None
    said_on: str | None
    said: int

    @property
    def event_id(self) -> str:
        """What the inbox knows its next firing by."""
        return _NAMED.format(id=self.id, number=self.fires + 1)

    @property
    def last_event_id(self) -> str:
        """The same of its last one."""
        return _NAMED.format(id=self.id, number=self.fires)


class RunState(StrEnum):
    """How far an event of a timer has come."""

    WAITING = "waiting"
    TAKEN = "taken"
    DONE = "done"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a firing: how far its event has come, the turn about it, if there is one, and why it is parked."""

    state: RunState
    turn_id: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Firing:
    """What becomes of a timer that is due.

    `event` is what wakes the agent; None: nothing, this time. `next_due` is when it is due again; None: never.
    """

    timer: Timer
    event: NewEvent | None
    next_due: datetime | None


class Timers:
    """The timers of all agents."""

    def __init__(self, database: Database, inbox: Inbox) -> None:
        self._database = database
        self._inbox = inbox

    # ── set and cancelled ────────────────────────────────────────────────────────────────────────────

    async def add(self, transaction: Transaction, agent_id: int, new: Sequence[NewTimer], now: datetime) -> None:
        """Keep follow-ups, in the transaction of the step that decided them."""
        if new:
            ids = await next_ids(transaction, timers, len(new))
            _ADD_ONE.later(transaction, [_row(timer, agent_id, id_, now) for id_, timer in zip(ids, new, strict=True)])

    async def set(self, transaction: Transaction, agent_id: int, timer: NewTimer, now: datetime) -> None:
        """Keep the one timer of its kind, in the place of what there is; not before the agent wants it (`hold`)."""
        (id_,) = await next_ids(transaction, timers, 1)
        _SET.later(transaction, [_row(timer, agent_id, id_, now)])

    def put_off(self, transaction: Transaction, agent_id: int, kind: str, until: datetime) -> None:
        """Let the one timer of a kind, if there is one, not be due before a moment."""
        _PUT_OFF.later(transaction, [{"of_agent": agent_id, "of_kind": kind, "until": until}])

    async def hold(self, transaction: Transaction, agent_id: int, kind: str, until: datetime) -> None:
        """Let the one timer of a kind not fire before a moment, whatever sets it meanwhile."""
        of_kind = (timers.c.agent_id == agent_id, timers.c.kind == kind)
        due = func.max(timers.c.due_at, bindparam("until", until, type_=timers.c.due_at.type))
        await transaction.execute(update(timers).where(*of_kind).values(not_before=until, due_at=due))

    async def cancel(
        self,
        transaction: Transaction,
        agent_id: int,
        ids: Collection[int],
        now: datetime,
        ended_by: int | None = None,
    ) -> frozenset[int]:
        """Let follow-ups fire no more; those that have, and whose turn has not begun, wait no more.

        Args:
            transaction: of the step, or of the command.
            agent_id: whose; others stay.
            ids: which.
            now: the time.
            ended_by: the event in whose turn that was decided, if one was: it comes back with that (`take_back`).

        Returns:
            Those that there were.
        """
        if not ids:
            return frozenset()
        these = (timers.c.agent_id == agent_id, timers.c.kind == FOLLOW_UP, timers.c.id.in_(ids))
        waiting = update(timers).where(*these, timers.c.state == WAITING)
        ended = waiting.values(state=CANCELLED, ended_by=ended_by, ended_at=now)
        found = set(await transaction.scalars(ended.returning(timers.c.id)))
        fired = select(timers.c.id, timers.c.fires).where(*these, timers.c.fires > 0)
        names = {_NAMED.format(id=id_, number=fires): id_ for id_, fires in await transaction.execute(fired)}
        withdrawn = [names[name] for name in await self._inbox.withdraw_named(transaction, list(names))]
        if withdrawn:
            over = (
                update(timers)
                .where(*these, timers.c.id.in_(withdrawn))
                .values(state=CANCELLED, ended_by=None, ended_at=now)
            )
            await transaction.execute(over.where(timers.c.state == FIRED))
        return frozenset({*found, *withdrawn})

    async def give_back(self, transaction: Transaction, agent_id: int) -> None:
        """Let follow-ups that have fired, and whose turn has not begun, wait as if they had not."""
        these = (timers.c.agent_id == agent_id, timers.c.kind == FOLLOW_UP, timers.c.fires > 0)
        fired = select(timers.c.id, timers.c.fires).where(*these, timers.c.state != CANCELLED)
        names = {_NAMED.format(id=id_, number=fires): id_ for id_, fires in await transaction.execute(fired)}
        back = [names[name] for name in await self._inbox.withdraw_named(transaction, list(names))]
        if back:
            again = update(timers).where(timers.c.agent_id == agent_id, timers.c.id.in_(back))
            await transaction.execute(again.values(state=WAITING, due_at=func.min(timers.c.due_at, timers.c.fired_at)))

    async def end(self, agent_id: int, ids: Collection[int], now: datetime) -> frozenset[int]:
        """Cancel follow-ups for somebody, in a transaction of its own; returns as `cancel` does."""

        async def commit() -> frozenset[int]:
            async with self._database.write() as transaction:
                return await self.cancel(transaction, agent_id, ids, now)

        return await finish(commit())

    async def drop(self, transaction: Transaction, agent_id: int, kind: str) -> None:
        """Forget the one timer of a kind; if it has fired, and its turn has not begun, nothing comes of that."""
        of_kind = (timers.c.agent_id == agent_id, timers.c.kind == kind)
        gone = await transaction.execute(delete(timers).where(*of_kind).returning(timers.c.id, timers.c.fires))
        await self._inbox.withdraw_named(transaction, [_NAMED.format(id=id_, number=fires) for id_, fires in gone])

    async def take_back(self, transaction: Transaction, agent_id: int, message_ids: Collection[int]) -> None:
        """Undo what turns did: the follow-ups that they set go, those that they cancelled are there again."""
        of_agent = timers.c.agent_id == agent_id
        made = select(timers.c.id).where(of_agent, timers.c.source_message_id.in_(message_ids))
        await self.forget(transaction, agent_id, list(await transaction.scalars(made)))
        ended = (of_agent, timers.c.state == CANCELLED, timers.c.ended_by.in_(message_ids))
        await transaction.execute(update(timers).where(*ended).values(state=WAITING, ended_by=None, ended_at=None))

    async def forget(self, transaction: Transaction, agent_id: int, ids: Collection[int] | None = None) -> int:
        """Remove follow-ups, or all of an agent's (None), as if they had never been; returns how many waited."""
        these = [timers.c.agent_id == agent_id, timers.c.kind == FOLLOW_UP]
        these += [timers.c.id.in_(ids)] if ids is not None else []
        found = (await transaction.execute(select(timers.c.id, timers.c.fires, timers.c.state).where(*these))).all()
        names = [_NAMED.format(id=row.id, number=row.fires) for row in found if row.fires]
        await self._inbox.withdraw_named(transaction, names)
        if found:
            await transaction.execute(delete(timers).where(*these))
        return sum(row.state == WAITING for row in found)

    async def made_in(
        self, transaction: Transaction, agent_id: int, message_ids: Collection[int]
    ) -> tuple[tuple[int, int, str], ...]:
        """The follow-ups that were set in the turns of some events: id, event, and note of each."""
        made = select(timers.c.id, timers.c.source_message_id, timers.c.note)
        of_them = (timers.c.agent_id == agent_id, timers.c.source_message_id.in_(message_ids))
        return tuple(
            (row.id, row.source_message_id, row.note) for row in await transaction.execute(made.where(*of_them))
        )

    async def name_source(
        self, transaction: Transaction, agent_id: int, source_message_id: int, instead: int | None
    ) -> None:
        """Let follow-ups that came from one message name another one, or none."""
        of_it = (timers.c.agent_id == agent_id, timers.c.source_message_id == source_message_id)
        await transaction.execute(update(timers).where(*of_it).values(source_message_id=instead))

    async def move(self, moved: Sequence[tuple[Timer, datetime]]) -> None:
        """Let timers be due at another time, as whose clock they go by has changed; not one that has fired since."""

        async def commit() -> None:
            async with self._database.write() as transaction:
                _MOVE.later(transaction, [_as_it_was(timer) | {"to_due": due} for timer, due in moved])

        if moved:
            await finish(commit())

    async def note_said(self, transaction: Transaction, agent_id: int, kind: str, day: str, count: int) -> None:
        """Count messages that came of the one timer of a kind, unasked, on a day."""
        of_kind = (timers.c.agent_id == agent_id, timers.c.kind == kind)
        so_far = func.iif(timers.c.said_on == day, timers.c.said, 0)
        await transaction.execute(update(timers).where(*of_kind).values(said_on=day, said=so_far + count))

    # ── what is due ──────────────────────────────────────────────────────────────────────────────────

    async def due(
        self,
        now: datetime,
        limit: int,
        platforms: Collection[str],
        kinds: Collection[str],
        scopes: Collection[str] | None = None,
    ) -> tuple[Timer, ...]:
        """Timers that are due, the longest first; not those of agents that are paused, or whose channel is off.

        Args:
            now: the time.
            limit: so many at most.
            platforms: only of these.
            kinds: only of these.
            scopes: only of these, if not None.
        """
        found = _served(_ALL, platforms, kinds, scopes).where(
            _IS_WAITING, timers.c.due_at <= now, agents.c.paused_at.is_(None), ~_IS_OFF
        )
        async with self._database.read() as connection:
            rows = await connection.execute(found.order_by(timers.c.due_at, timers.c.id).limit(limit))
            return tuple(_timer(row) for row in rows)

    async def next_due(
        self,
        after: datetime | None,
        platforms: Collection[str],
        kinds: Collection[str],
        scopes: Collection[str] | None = None,
    ) -> datetime | None:
        """When the next one is due after a moment (None: or was, that of one that rests as well); None: none is."""
        first = select(timers.c.due_at)
        if scopes is not None:
            first = first.join(agents, agents.c.id == timers.c.agent_id)
        found = _served(first, platforms, kinds, scopes).where(_IS_WAITING)
        if after is not None:
            found = found.where(timers.c.due_at > after)
        async with self._database.read() as connection:
            moment: datetime | None = await connection.scalar(found.order_by(timers.c.due_at).limit(1))
        return moment

    async def hand_over(self, firings: Sequence[Firing], now: datetime) -> tuple[WaitingEvent, ...]:
        """Write what becomes of timers that are due, their events with it, in one transaction.

        Of a timer that was changed, cancelled or fired since it was read, nothing is written.

        Returns:
            The events that wait now.
        """
        firing = [each for each in firings if each.event is not None]
        moved = [each for each in firings if each.event is None and each.next_due is not None]
        dropped = [each for each in firings if each.event is None and each.next_due is None]

        async def commit() -> tuple[WaitingEvent, ...]:
            async with self._database.write(alone=True) as transaction:
                fired = await _FIRE.run_each(transaction, [_fired(each, now) for each in firing])
                hot = [each.event for each, id_ in zip(firing, fired, strict=True) if id_ is not None and each.event]
                events = await self._inbox.put(transaction, hot, now)
                _MOVE.later(transaction, [_as_it_was(each.timer) | {"to_due": each.next_due} for each in moved])
                _DROP.later(transaction, [_as_it_was(each.timer) for each in dropped])
            return events

        return await finish(commit()) if firings else ()

    # ── what is told of them ─────────────────────────────────────────────────────────────────────────

    async def find(self, agent_id: int, kind: str) -> Timer | None:
        """The one timer of a kind."""
        found = _ALL.where(timers.c.agent_id == agent_id, timers.c.kind == kind)
        async with self._database.read() as connection:
            row = (await connection.execute(found)).first()
        return _timer(row) if row is not None else None

    async def follow_ups(self, agent_id: int) -> tuple[Timer, ...]:
        """An agent's follow-ups that wait, in order, then those that have fired lately."""
        found = _ALL.where(timers.c.agent_id == agent_id, timers.c.kind == FOLLOW_UP, timers.c.state != CANCELLED)
        in_order = found.order_by(timers.c.state.desc(), timers.c.due_at, timers.c.id)
        async with self._database.read() as connection:
            return tuple(_timer(row) for row in await connection.execute(in_order))

    async def waiting_of(self, person: str) -> tuple[Timer, ...]:
        """The follow-ups of a person that wait, whatever agent has them."""
        of_person = (timers.c.person == person, timers.c.kind == FOLLOW_UP, _IS_WAITING)
        async with self._database.read() as connection:
            return tuple(_timer(row) for row in await connection.execute(_ALL.where(*of_person)))

    async def set_by_clocks(self, agent_id: int, since: datetime) -> int:
        """How many follow-ups an agent has set since a moment when a clock woke it, whatever has come of them."""
        of_agent = (timers.c.agent_id == agent_id, timers.c.kind == FOLLOW_UP, timers.c.set_at >= since)
        events = (messages.c.id == timers.c.source_message_id, messages.c.kind.in_([Kind.HEARTBEAT, Kind.FOLLOW_UP]))
        async with self._database.read() as connection:
            found = select(func.count()).select_from(timers).join(messages, and_(*events)).where(*of_agent)
            return await connection.scalar(found) or 0

    async def runs_of(self, fired: Sequence[Timer]) -> dict[int, Run]:
        """What came of the last firing of timers, by their ids; what was over long ago is forgotten, and not named."""
        ids = {timer.last_event_id: timer.id for timer in fired if timer.fires}
        found = select(inbox.c.event_id, inbox.c.state, inbox.c.turn_id, inbox.c.reason)
        async with self._database.read() as connection:
            rows = await connection.execute(found.where(inbox.c.event_id.in_(ids)))
            return {ids[row.event_id]: Run(RunState(row.state), row.turn_id, row.reason) for row in rows}

    async def purge(self, before: datetime) -> int:
        """Forget some of those that fired for the last time, or were cancelled, before a moment; returns how many."""
        has_fired = (timers.c.state == FIRED) & (timers.c.fired_at < before)
        is_over = has_fired | (timers.c.state == CANCELLED) & (timers.c.ended_at < before)
        some = delete(timers).where(timers.c.id.in_(select(timers.c.id).where(is_over).limit(_PURGED_AT_ONCE)))

        async def commit() -> int:
            async with self._database.write() as transaction:
                return (await transaction.execute(some)).rowcount

        return await finish(commit())


_ZONE = func.coalesce(people.c.timezone, people.c.told_timezone).label("zone")
_IS_OFF = agents.c.scope.in_(select(channels.c.scope).where(channels.c.mode == Mode.OFF.value))
_ALL = (
    select(timers, agents.c.scope, agents.c.heartbeat_minutes, _ZONE)
    .join(agents, agents.c.id == timers.c.agent_id)
    .outerjoin(people, people.c.id == timers.c.person)
)


def _served(
    found: Select[Any], platforms: Collection[str], kinds: Collection[str], scopes: Collection[str] | None
) -> Select[Any]:
    where: list[ColumnElement[bool]] = [timers.c.platform.in_(platforms), timers.c.kind.in_(kinds)]
    where += [agents.c.scope.in_(scopes)] if scopes is not None else []
    return found.where(and_(*where))


def _row(timer: NewTimer, agent_id: int, id_: int, now: datetime) -> dict[str, Any]:
    return {
        "id": id_,
        "agent_id": agent_id,
        "kind": timer.kind,
        "state": WAITING,
        "due_at": timer.due_at,
        "set_at": now,
        "platform": timer.platform,
        "person": timer.person,
        "origin": dict(timer.origin),
        "note": timer.note,
        "repeat": timer.repeat,
        "local": timer.local,
        "source_message_id": timer.source_message_id,
        "fires": 0,
        "said": 0,
    }


def _as_it_was(timer: Timer) -> dict[str, Any]:
    return {"of_id": timer.id, "was_due": timer.due_at}


def _fired(firing: Firing, now: datetime) -> dict[str, Any]:
    is_over = firing.next_due is None
    state, due = (FIRED, firing.timer.due_at) if is_over else (WAITING, firing.next_due)
    return _as_it_was(firing.timer) | {"to_state": state, "to_due": due, "now": now}


def _timer(row: Any) -> Timer:
    return Timer(
        id=row.id,
        agent_id=row.agent_id,
        scope=row.scope,
        kind=row.kind,
        state=row.state,
        due_at=row.due_at,
        set_at=row.set_at,
        origin=row.origin,
        platform=row.platform,
        person=row.person,
        zone=row.zone,
        note=row.note,
        repeat=row.repeat,
        local=row.local,
        source_message_id=row.source_message_id,
        fires=row.fires,
        fired_at=row.fired_at,
        not_before=row.not_before,
        heartbeat_minutes=row.heartbeat_minutes,
        said_on=row.said_on,
        said=row.said,
    )
