"""The inbox: every event that a platform handed in, kept before the platform is told that it has arrived."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, delete, exists, func, null, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from memory.ports import Kind, Quote
from memory.recall.quotes import columns_of, follow, quote_of
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import agents, inbox, turns

_PURGED_AT_ONCE = 1000

_WAITING, _TAKEN, _DONE, _PARKED, _SHOWN = "waiting", "taken", "done", "parked", "shown"
_SAYS_NOTHING = {"text": None, "attachments": None, "replying_to": None, "quote": None}

_IS_PAUSED = exists().where(agents.c.scope == inbox.c.scope, agents.c.paused_at.is_not(None))
_OF_PAUSED = {name: case((_IS_PAUSED, null()), else_=inbox.c[name]) for name in _SAYS_NOTHING}
"""What is put aside keeps its words, as they stand nowhere else, but while its agent's memory is paused."""

# Whatever the event shares with one that is here (its own id, or that of its message), it is not kept again.
_ADD = Prepared(
    insert(inbox).on_conflict_do_nothing().returning(inbox.c.id),
    "platform event_id message_key scope kind is_timed origin author text sent_at received_at state reason "
    "message_id is_addressed awaits_answer attachments replying_to quote".split(),
)
_TAKE = Prepared(
    update(inbox)
    .where(
        inbox.c.id == bindparam("of_id"), inbox.c.state == _WAITING, inbox.c.is_addressed == bindparam("as_addressed")
    )
    .values(state=_TAKEN)
    .returning(inbox.c.text)
)
_GIVE = Prepared(update(inbox).where(inbox.c.id == bindparam("of_id")).values(turn_id=bindparam("to_turn")))
_FINISH = Prepared(
    update(inbox)
    .where(inbox.c.turn_id == bindparam("of_turn"))
    .values(state=_DONE, text=None, attachments=null(), replying_to=None, quote=null())
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event as a platform tells it.

    `event_id` and `message_key` are those of `InboundMessage`; `origin` is JSON that says where it came from and where
    a reply goes; `author` is the id of the person who wrote, or empty. `message_id` is the platform's name for the
    message, `is_addressed` whether the bot is meant, `awaits_answer` whether a turn is wanted; `attachments` is JSON;
    `quote` is of the message that it replies to.
    """

    platform: str
    event_id: str
    message_key: str | None = None
    scope: str
    kind: Kind
    is_timed: bool
    origin: Mapping[str, Any]
    author: str
    text: str
    sent_at: datetime
    message_id: str | None = None
    is_addressed: bool = True
    awaits_answer: bool = True
    attachments: Sequence[Mapping[str, Any]] = ()
    quote: Quote | None = None


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that no turn has taken yet."""

    id: int
    scope: str
    kind: Kind
    is_timed: bool
    origin: Mapping[str, Any]
    author: str
    text: str
    sent_at: datetime
    message_id: str | None = None
    is_addressed: bool = True
    awaits_answer: bool = True
    attachments: Sequence[Mapping[str, Any]] = ()
    received_at: datetime | None = None
    quote: Quote | None = None

    @classmethod
    def of(cls, id_: int, new: NewEvent, now: datetime) -> "WaitingEvent":
        """An event as it was kept under an id at that time."""
        return cls(
            id_,
            new.scope,
            new.kind,
            new.is_timed,
            new.origin,
            new.author,
            new.text,
            new.sent_at,
            new.message_id,
            new.is_addressed,
            new.awaits_answer,
            new.attachments,
            now,
            new.quote,
        )


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event that was put aside, with the reason."""

    received_at: datetime
    reason: str


class Inbox:
    """The events of all scopes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, event: NewEvent, now: datetime, *, fault: str | None = None) -> WaitingEvent | None:
        """Keep an event; one with a fault is put aside. Returns it as it is kept, or None if it is here already."""
        row = _row(event, now) | {"state": _PARKED if fault else _WAITING, "reason": fault}

        async def commit() -> WaitingEvent | None:
            async with self._database.write() as transaction:
                added = _ADD.later(transaction, [row])
                if fault:
                    it = (inbox.c.platform == event.platform, inbox.c.event_id == event.event_id)
                    await transaction.execute(update(inbox).where(*it, inbox.c.state == _PARKED).values(_OF_PAUSED))
            return WaitingEvent.of(added[0], event, now) if added else None

        return await finish(commit())

    async def put(
        self, transaction: Transaction, events: Sequence[NewEvent], now: datetime
    ) -> tuple[WaitingEvent, ...]:
        """Keep events together with what brings them about; returns those that were not here already."""
        rows = [_row(event, now) | {"state": _WAITING, "reason": None} for event in events]
        ids = await _ADD.run_each(transaction, rows)
        return tuple(
            WaitingEvent.of(id_, event, now) for id_, event in zip(ids, events, strict=True) if id_ is not None
        )

    async def mean(self, event: NewEvent, now: datetime) -> WaitingEvent | None:
        """Have a message answered that is here already, as another event of it was only heard or could not be used.

        Args:
            event: tells of that message that the bot is meant.
            now: the time.

        Returns:
            What waits for a turn now; None if the message has its turn, or had it.
        """

        async def commit() -> WaitingEvent | None:
            async with self._database.write() as transaction:
                is_it = (inbox.c.platform == event.platform, inbox.c.message_key == event.message_key)
                twin = (await transaction.execute(select(inbox).where(*is_it))).first()
                if twin is None or twin.event_id == event.event_id:
                    return None
                was_heard = twin.state == _WAITING and not twin.is_addressed
                was_faulty = twin.state == _PARKED and twin.turn_id is None
                if was_heard or was_faulty:
                    meant = _row(event, now) | {"state": _WAITING, "reason": None, "event_id": twin.event_id}
                    await transaction.execute(update(inbox).where(inbox.c.id == twin.id).values(meant))
                    return WaitingEvent.of(twin.id, event, now)
                if twin.is_addressed or twin.state not in (_TAKEN, _DONE):
                    return None
                # What was taken note of cannot be taken back, so the agent has it twice: better than not to answer.
                again = _row(event, now) | {"state": _WAITING, "reason": None, "message_key": None}
                added = await _ADD.run(transaction, [again])
                return WaitingEvent.of(added[0], event, now) if added else None

        return await finish(commit())

    def place(self, transaction: Transaction, event: NewEvent, now: datetime) -> None:
        """Keep where a message stands that the agent knows although nobody handed it in: that alone.

        It is an event of its own: should the message be handed in after all, that is no news of something known.
        """
        stands = _row(event, now) | {"state": _SHOWN, "reason": None, **_SAYS_NOTHING}
        _ADD.later(transaction, [stands | {"event_id": f"{_SHOWN}-{event.event_id}", "message_key": None}])

    async def waiting(self) -> tuple[WaitingEvent, ...]:
        """Every event that waits, oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(inbox).where(inbox.c.state == _WAITING).order_by(inbox.c.id))
            return tuple(_event(row) for row in rows)

    async def take(self, transaction: Transaction, events: Sequence[WaitingEvent]) -> tuple[WaitingEvent, ...]:
        """Take events for a turn, as they are now: they may have been edited since they were read.

        Returns:
            Those that still waited, and for the same; give them to the turn once it has an id.
        """
        taken = []
        for event in events:
            if texts := await _TAKE.run(transaction, [{"of_id": event.id, "as_addressed": event.is_addressed}]):
                taken.append(replace(event, text=texts[0] or ""))
        had_more = [event.id for event in taken if event.attachments or event.quote is not None]
        if not had_more:
            return tuple(taken)
        found = select(inbox.c.id, inbox.c.attachments, inbox.c.replying_to, inbox.c.quote)
        rows = {row.id: row for row in await transaction.execute(found.where(inbox.c.id.in_(had_more)))}
        return tuple(
            replace(event, attachments=tuple(rows[event.id].attachments or ()), quote=quote_of(rows[event.id]))
            if event.id in rows
            else event
            for event in taken
        )

    def give(self, transaction: Transaction, events: Sequence[WaitingEvent], turn_id: int) -> None:
        """Say which turn has taken these events."""
        _GIVE.later(transaction, [{"of_id": event.id, "to_turn": turn_id} for event in events])

    async def files_of(self, turn_id: int) -> tuple[tuple[int, Sequence[Mapping[str, Any]]], ...]:
        """The events of a turn, in order, each with what is written down of the files that came with it."""
        of_turn = select(inbox.c.id, inbox.c.attachments).where(inbox.c.turn_id == turn_id).order_by(inbox.c.id)
        async with self._database.read() as connection:
            return tuple((row.id, tuple(row.attachments or ())) for row in await connection.execute(of_turn))

    async def save_files(self, transaction: Transaction, id_: int, files: Sequence[Mapping[str, Any]]) -> None:
        """Write down what is left to do about the files of an event."""
        left = [dict(file) for file in files] or None
        await transaction.execute(update(inbox).where(inbox.c.id == id_).values(attachments=left))

    async def forget_files(self, transaction: Transaction, turn_id: int) -> None:
        """Nothing is left to do about the files of a turn's events."""
        await transaction.execute(update(inbox).where(inbox.c.turn_id == turn_id).values(attachments=None))

    async def finish(self, transaction: Transaction, turn_id: int) -> None:
        """The turn of these events is over; what they said stands in recall storage."""
        _FINISH.later(transaction, [{"of_turn": turn_id}])

    async def let_pass(self, transaction: Transaction, events: Sequence[WaitingEvent]) -> None:
        """Nothing comes of these events, and nothing of them is kept."""
        ids = [event.id for event in events]
        await transaction.execute(update(inbox).where(inbox.c.id.in_(ids)).values(state=_DONE, **_SAYS_NOTHING))

    async def park(self, transaction: Transaction, turn_id: int, reason: str) -> None:
        """The turn of these events cannot be brought to an end."""
        of_turn = update(inbox).where(inbox.c.turn_id == turn_id)
        await transaction.execute(of_turn.values(state=_PARKED, reason=reason, **_SAYS_NOTHING))

    async def put_aside(self, transaction: Transaction, ids: Sequence[int], reason: str) -> None:
        """These events cannot come to be a turn."""
        these = update(inbox).where(inbox.c.id.in_(ids), inbox.c.state == _WAITING)
        await transaction.execute(these.values(state=_PARKED, reason=reason, **_OF_PAUSED))

    async def change(
        self,
        transaction: Transaction,
        scope: str,
        ids: Sequence[int],
        text: str | None,
        files: Collection[str] | None = None,
    ) -> tuple[WaitingEvent, ...]:
        """Whoever wrote these events wrote them anew, or took them back (`text` None).

        Of those that are over there is no text to change. `files` are the ids of the files that they have now; None if
        that is not known.

        Returns:
            Those that still wait, or would.
        """
        these = (inbox.c.scope == scope, inbox.c.id.in_(ids), inbox.c.kind == Kind.USER_MESSAGE)
        rows = (await transaction.execute(select(inbox).where(*these, inbox.c.state == _WAITING))).all()
        if text is not None:
            await transaction.execute(update(inbox).where(*these, inbox.c.text.is_not(None)).values(text=text))
            if files is not None:
                await self._keep_files(transaction, ids, files)
                rows = (await transaction.execute(select(inbox).where(*these, inbox.c.state == _WAITING))).all()
            return tuple(replace(_event(row), text=text) for row in rows)
        await transaction.execute(update(inbox).where(*these).values(**_SAYS_NOTHING))
        await transaction.execute(update(inbox).where(*these, inbox.c.state == _WAITING).values(state=_DONE))
        return tuple(_event(row) for row in rows)

    async def _keep_files(self, transaction: Transaction, ids: Sequence[int], left: Collection[str]) -> None:
        """Of the files of these events keep those that are left."""
        had = select(inbox.c.id, inbox.c.attachments).where(inbox.c.id.in_(ids), inbox.c.attachments.is_not(None))
        for row in (await transaction.execute(had)).all():
            await self.save_files(transaction, row.id, [file for file in row.attachments if file["id"] in left])

    async def requote(
        self, transaction: Transaction, scope: str, message_ids: Collection[str], text: str | None
    ) -> tuple[WaitingEvent, ...]:
        """Events quote messages that say something else now, or are gone (`text` None).

        Returns:
            Those that still wait.
        """
        changed = await follow(transaction, inbox, inbox.c.scope == scope, message_ids, text)
        if not changed:
            return ()
        waiting = select(inbox).where(inbox.c.id.in_(changed), inbox.c.state == _WAITING)
        return tuple(_event(row) for row in await transaction.execute(waiting))

    async def named(self, scope: str, message_ids: Collection[str]) -> tuple[int, ...]:
        """The events of a scope that are messages of these names."""
        these = select(inbox.c.id).where(inbox.c.scope == scope, inbox.c.message_id.in_(message_ids))
        async with self._database.read() as connection:
            return tuple(await connection.scalars(these))

    async def under_way(self, scope: str, message_ids: Collection[str]) -> frozenset[str]:
        """Of the messages of these names those that wait, or that a turn has taken which is not over."""
        these = (inbox.c.scope == scope, inbox.c.message_id.in_(message_ids), inbox.c.state.in_([_WAITING, _TAKEN]))
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(select(inbox.c.message_id).where(*these)))

    async def scopes_of(self, platform: str, message_ids: Collection[str]) -> frozenset[str]:
        """Where the messages of these names stand, on a platform that names no two messages alike."""
        those = (inbox.c.platform == platform, inbox.c.message_id.in_(message_ids))
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(select(inbox.c.scope).where(*those).distinct()))

    async def withdraw(self, id_: int) -> None:
        """Whoever wrote it does not want it answered any more."""

        async def commit() -> None:
            async with self._database.write() as transaction:
                waits = (inbox.c.id == id_, inbox.c.state == _WAITING)
                await transaction.execute(update(inbox).where(*waits).values(state=_DONE, **_SAYS_NOTHING))

        await finish(commit())

    async def withdraw_named(self, transaction: Transaction, event_ids: Collection[str]) -> tuple[str, ...]:
        """Nothing comes of these events; returns those that still waited."""
        waits = (inbox.c.event_id.in_(event_ids), inbox.c.state == _WAITING)
        ended = update(inbox).where(*waits).values(state=_DONE, **_SAYS_NOTHING).returning(inbox.c.event_id)
        return tuple(await transaction.scalars(ended)) if event_ids else ()

    async def parked_of(self, scope: str) -> tuple[ParkedEvent, ...]:
        """What was put aside in a scope, newest first."""
        parked = select(inbox.c.received_at, inbox.c.reason).where(inbox.c.scope == scope, inbox.c.state == _PARKED)
        async with self._database.read() as connection:
            rows = await connection.execute(parked.order_by(inbox.c.id.desc()))
            return tuple(ParkedEvent(row.received_at, row.reason) for row in rows)

    async def last_heard(self, platform: str, since: datetime) -> tuple[WaitingEvent, ...]:
        """The newest message of each place (each thread, too) of a platform that was heard of since a moment."""
        channel, thread = _in_address("channel"), _in_address("thread")
        return await self._newest(platform, since, inbox.c.scope, channel, thread)

    async def last_heard_outside_threads(self, platform: str, since: datetime) -> tuple[WaitingEvent, ...]:
        """The newest message that stands in each channel itself; one that has its thread's name begins it, and does."""
        thread = _in_address("thread")
        is_outside = or_(thread.is_(None), thread == inbox.c.message_id)
        return await self._newest(platform, since, inbox.c.scope, _in_address("channel"), only=is_outside)

    async def _newest(
        self, platform: str, since: datetime, *place: ColumnElement[str], only: ColumnElement[bool] | None = None
    ) -> tuple[WaitingEvent, ...]:
        were_told = (inbox.c.platform == platform, inbox.c.message_id.is_not(None), inbox.c.received_at >= since)
        newest = select(func.max(inbox.c.id)).where(*were_told, inbox.c.state != _SHOWN).group_by(*place)
        if only is not None:
            newest = newest.where(only)
        async with self._database.read() as connection:
            rows = await connection.execute(select(inbox).where(inbox.c.id.in_(newest)))
            return tuple(_event(row) for row in rows)

    async def purge(self, before: datetime) -> int:
        """Forget some of the events that were over before a moment; returns how many, 0 once there are none left."""
        is_over = inbox.c.state.in_([_DONE, _SHOWN])
        return await self._purge(select(inbox.c.id).where(is_over, inbox.c.received_at < before))

    async def purge_parked(self, before: datetime) -> int:
        """Forget some of the events that were put aside before a moment, text and all; returns as `purge` does."""
        # When its turn was, if it had one; it may have come long before that.
        put_aside_later = select(turns.c.id).where(turns.c.changed_at >= before)
        parked = select(inbox.c.id).where(inbox.c.state == _PARKED, inbox.c.received_at < before)
        is_told_of = inbox.c.turn_id.is_not(None) & inbox.c.turn_id.in_(put_aside_later)
        return await self._purge(parked.where(~is_told_of))

    async def _purge(self, over: Select[Any]) -> int:
        async def commit() -> int:
            async with self._database.write() as transaction:
                some = delete(inbox).where(inbox.c.id.in_(over.order_by(inbox.c.id).limit(_PURGED_AT_ONCE)))
                return (await transaction.execute(some)).rowcount

        return await finish(commit())


def belongs(event: WaitingEvent, other: WaitingEvent, *, whoever: bool = False) -> bool:
    """Whether two events are messages in one place, of one writer (or of `whoever`), and wait for the same."""
    is_of_writer = whoever or (event.author, event.origin) == (other.author, other.origin)
    return (
        is_of_writer
        and event.kind is other.kind is Kind.USER_MESSAGE
        and is_of_place(event, other)
        and (event.is_addressed, event.awaits_answer) == (other.is_addressed, other.awaits_answer)
    )


def is_of_place(event: WaitingEvent, other: WaitingEvent) -> bool:
    """Whether two events came from the same place."""
    same: bool = event.origin["address"] == other.origin["address"]
    return same


def _in_address(name: str) -> ColumnElement[str]:
    found: ColumnElement[str] = inbox.c.origin["address"][name].as_string()
    return found


def _row(event: NewEvent, now: datetime) -> dict[str, Any]:
    return {
        "platform": event.platform,
        "event_id": event.event_id,
        "message_key": event.message_key,
        "scope": event.scope,
        "kind": event.kind.value,
        "is_timed": event.is_timed,
        "origin": dict(event.origin),
        "author": event.author,
        "text": event.text,
        "sent_at": event.sent_at,
        "received_at": now,
        "message_id": event.message_id,
        "is_addressed": event.is_addressed,
        "awaits_answer": event.awaits_answer,
        "attachments": [dict(each) for each in event.attachments] or None,
    } | columns_of(event.quote)


def _event(row: Any) -> WaitingEvent:
    kind = Kind(row.kind)
    return WaitingEvent(
        row.id,
        row.scope,
        kind,
        row.is_timed,
        row.origin,
        row.author,
        row.text or "",
        row.sent_at,
        row.message_id,
        row.is_addressed,
        row.awaits_answer,
        tuple(row.attachments or ()),
        row.received_at,
        quote_of(row),
    )
