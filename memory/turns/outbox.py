"""Replies that were decided: kept with the step that decided them, until the platform has them."""

import asyncio
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    ColumnElement,
    TextClause,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    text,
    update,
)

from memory.ports import Kind
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.ids import next_ids
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import messages, outbox, turns
from memory.turns.turn_journal import LEAVES_NOTHING

AT_ONCE = 2
"""Addresses that read or write at a time: after an outage there are thousands, and a turn's commit waits for two."""

Place = tuple[str, str, str | None]
"""Where a reply goes: platform, channel, thread."""

_PURGED_AT_ONCE = 1000

_OF_IT = (turns.c.agent_id == outbox.c.agent_id, turns.c.id == outbox.c.turn_id)
_IS_PASSING = exists().where(*_OF_IT, turns.c.progress[LEAVES_NOTHING].as_boolean())
_GIVEN_UP = {"text": case((_IS_PASSING, null()), else_=outbox.c.text)}
"""The text of a reply that was given up stays, but for one of a turn of which nothing is kept."""

# As text, for SQLite takes a partial index only where its condition stands in the query word for word.
_IS_OPEN = text("state in ('waiting', 'sending')")
_IS_LOST = text("state in ('dead', 'doubtful')")

_PLACE = (outbox.c.platform, outbox.c.channel, outbox.c.thread)

_ADD = Prepared(
    insert(outbox),
    "id agent_id turn_id platform channel thread state created_at text is_reaction reply_to key".split(),
)
_OPEN_ONE = update(outbox).where(outbox.c.id == bindparam("of_id"), _IS_OPEN)
_SENDING = _OPEN_ONE.values(state="sending")
_SENT = Prepared(_OPEN_ONE.values(state="sent", text=None, sent_id=bindparam("their_id"), done_at=bindparam("now")))


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji to be put on the message that a turn answers."""

    emoji: str


@dataclass(frozen=True, slots=True)
class OpenReply:
    """A reply that is still to be delivered."""

    id: int
    agent_id: int
    text: str
    key: str
    is_unsure: bool
    """It may have been posted already: it was being sent when the process ended, or nobody heard the answer."""
    attempts: int
    next_try_at: datetime | None
    created_at: datetime
    reply_to: str | None = None
    """The platform's name for the message that it answers, or reacts to."""
    is_reaction: bool = False
    """It is no text but a reaction, and its text is the emoji."""


@dataclass(frozen=True, slots=True)
class LostReply:
    """A reply that was given up; `is_doubtful`: it may have been posted all the same."""

    id: int
    place: Place
    text: str
    is_doubtful: bool
    fault: str
    created_at: datetime
    lost_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a reply has come: its state, how often it was tried in vain, and what the platform last said."""

    state: str
    attempts: int
    fault: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many replies are still to be delivered, and when the oldest of them was made; None if there is none."""

    count: int
    oldest: datetime | None


class OutboxStore:
    """The replies of all agents, in order for each place."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._few = asyncio.Semaphore(AT_ONCE)

    async def add(
        self,
        transaction: Transaction,
        agent_id: int,
        turn_id: int | None,
        platform: str,
        channel: str,
        thread: str | None,
        texts: Sequence[str | Reaction],
        now: datetime,
        *,
        reply_to: str | None = None,
        is_sending: bool = False,
    ) -> tuple[OpenReply, ...]:
        """Keep replies in order; each gets a key of 16 letters and digits of its own.

        Args:
            transaction: that of the step that decided them.
            agent_id: whose they are.
            turn_id: in the journal.
            platform: where they go.
            channel: there.
            thread: there.
            texts: of the replies; a reaction stands among them in its order.
            now: the time.
            reply_to: what the first of them answers, and what is reacted to.
            is_sending: the first one is sent as soon as this is committed, and so marked already.

        Returns:
            The replies; that one knows of the first that it has not been tried.
        """
        if not texts:
            return ()
        where = {"agent_id": agent_id, "turn_id": turn_id, "platform": platform, "channel": channel, "thread": thread}
        given: dict[str, Any] = {**where, "state": "waiting", "created_at": now}
        rows = [{**given, "key": secrets.token_hex(8), **_shown(text)} for text in texts]
        first = next((row for row in rows if not row["is_reaction"]), None)
        for row in rows:
            row["reply_to"] = reply_to if row is first or row["is_reaction"] else None
        if is_sending:
            rows[0]["state"] = "sending"
        for id_, row in zip(await next_ids(transaction, outbox, len(rows)), rows, strict=True):
            row["id"] = id_
        _ADD.later(transaction, rows)
        return tuple(
            OpenReply(
                row["id"], agent_id, row["text"], row["key"], False, 0, None, now, row["reply_to"], row["is_reaction"]
            )
            for row in rows
        )

    # ── what is still to be delivered ────────────────────────────────────────────────────────────────

    async def open_of(self, platform: str, channel: str, thread: str | None) -> tuple[OpenReply, ...]:
        """What is still to be delivered at a place, in order."""
        is_there = (
            outbox.c.platform == platform,
            outbox.c.channel == channel,
            outbox.c.thread.is_not_distinct_from(thread),
        )
        async with self._few, self._database.read() as connection:
            rows = await connection.execute(select(outbox).where(*is_there, _IS_OPEN).order_by(outbox.c.id))
        return tuple(_open_reply(row) for row in rows)

    async def sent_since(self, platform: str, channel: str, since: datetime) -> frozenset[str]:
        """The platform's names of what was sent to a channel and its threads since a moment."""
        is_there = (outbox.c.platform == platform, outbox.c.channel == channel)
        was_sent = (outbox.c.state == "sent", outbox.c.done_at >= since, outbox.c.sent_id.is_not(None))
        async with self._few, self._database.read() as connection:
            return frozenset(await connection.scalars(select(outbox.c.sent_id).where(*is_there, *was_sent)))

    async def addresses(self) -> tuple[Place, ...]:
        """The places where something is still to be delivered."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(*_PLACE).where(_IS_OPEN).distinct())
        return tuple((row.platform, row.channel, row.thread) for row in rows)

    # ── what becomes of a reply ──────────────────────────────────────────────────────────────────────

    async def sending(self, id_: int) -> bool:
        """Mark a reply as being sent; False: it is no longer to be delivered."""
        return await finish(self._sending(id_))

    async def _sending(self, id_: int) -> bool:
        async with self._few, self._database.write() as transaction:
            return await _is_marked_as_sending(transaction, id_)

    async def sent(self, id_: int, sent_id: str | None, now: datetime, then: int | None = None) -> bool:
        """Mark a reply as sent, and forget its text.

        Args:
            id_: the reply.
            sent_id: the platform's name for it.
            now: the time.
            then: the next reply, to be marked in the same transaction as being sent.

        Returns:
            Whether `then` is marked; False if it is no longer to be delivered.
        """
        return await finish(self._sent(id_, sent_id, now, then))

    async def _sent(self, id_: int, sent_id: str | None, now: datetime, then: int | None) -> bool:
        async with self._few, self._database.write() as transaction:
            _SENT.later(transaction, [{"of_id": id_, "their_id": sent_id, "now": now}])
            return then is not None and await _is_marked_as_sending(transaction, then)

    async def hold(self, id_: int) -> None:
        """Take back the mark of a reply that surely nobody has tried to send."""
        await finish(self._write(id_, state="waiting"))

    async def put_off(self, id_: int, next_try_at: datetime | None, fault: str, *, is_unsure: bool) -> None:
        """Keep a reply for a later try.

        Args:
            id_: the reply.
            next_try_at: not before then; None if no later process need wait.
            fault: why.
            is_unsure: it may have been posted, and is to be looked for first.
        """
        state = "sending" if is_unsure else "waiting"
        await finish(
            self._write(id_, state=state, attempts=outbox.c.attempts + 1, next_try_at=next_try_at, fault=fault)
        )

    async def dead(self, id_: int, fault: str, now: datetime) -> None:
        """Give up a reply that was not posted; its text stays, if anything of its turn does."""
        await finish(self._write(id_, state="dead", fault=fault, done_at=now, **_GIVEN_UP))

    async def doubtful(self, id_: int, fault: str, now: datetime) -> None:
        """Give up a reply that may have been posted; its text stays, if anything of its turn does."""
        await finish(self._write(id_, state="doubtful", fault=fault, done_at=now, **_GIVEN_UP))

    async def _write(self, id_: int, **values: Any) -> None:
        async with self._few, self._database.write() as transaction:
            await transaction.execute(_OPEN_ONE.values(values), {"of_id": id_})

    # ── what is told of it ───────────────────────────────────────────────────────────────────────────

    async def lost_of(self, agent_id: int) -> tuple[LostReply, ...]:
        """An agent's replies that were given up, oldest first."""
        async with self._database.read() as connection:
            found = select(outbox).where(outbox.c.agent_id == agent_id, _IS_LOST).order_by(outbox.c.id)
            rows = await connection.execute(found)
        return tuple(_lost_reply(row) for row in rows)

    async def waiting_of(self, agent_id: int) -> Backlog:
        """An agent's replies that are still to be delivered."""
        waiting = select(func.count(), func.min(outbox.c.created_at)).where(_IS_OPEN, outbox.c.agent_id == agent_id)
        async with self._database.read() as connection:
            return Backlog(*(await connection.execute(waiting)).one())

    async def deliveries_of(self, turn_ids: Collection[int]) -> dict[int, tuple[Delivery, ...]]:
        """How the replies of turns stand, in order; those that were delivered long ago are forgotten."""
        found = select(outbox.c.turn_id, outbox.c.state, outbox.c.attempts, outbox.c.fault)
        of_turns: dict[int, tuple[Delivery, ...]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(found.where(outbox.c.turn_id.in_(turn_ids)).order_by(outbox.c.id)):
                delivery = Delivery(row.state, row.attempts, row.fault)
                of_turns[row.turn_id] = (*of_turns.get(row.turn_id, ()), delivery)
        return of_turns

    async def unheard_at(self, agent_id: int, place: Place, most: int) -> int:
        """How many turns in a row, up to the newest, said something at a place of which nothing could be delivered.

        Of those since a person last wrote to the agent; no more than `most` are counted.
        """
        platform, channel, thread = place
        of_people = (messages.c.agent_id == agent_id, messages.c.kind == Kind.USER_MESSAGE)
        last = select(messages.c.created_at).where(*of_people).order_by(messages.c.id.desc()).limit(1)
        found = (
            select(func.min(outbox.c.state == "dead").label("is_unheard"))
            .where(
                outbox.c.agent_id == agent_id,
                outbox.c.platform == platform,
                outbox.c.channel == channel,
                outbox.c.thread.is_not_distinct_from(thread),
                outbox.c.state.in_(["sent", "dead", "doubtful"]),
                outbox.c.is_reaction.is_(False),
                outbox.c.created_at > func.coalesce(last.scalar_subquery(), literal_column("0")),
            )
            .group_by(outbox.c.turn_id)
            .order_by(func.max(outbox.c.id).desc())
            .limit(most)
        )
        async with self._database.read() as connection:
            newest = (await connection.scalars(found)).all()
        return len(list(takewhile(bool, newest)))

    async def purge(self, before: datetime) -> int:
        """Forget some of what was sent before a moment; returns how many replies, 0 once there are none left."""
        return await finish(self._purge(outbox.c.state == "sent", before))

    async def purge_lost(self, before: datetime) -> int:
        """Forget some of what was given up before a moment, text and all; returns as `purge` does."""
        return await finish(self._purge(_IS_LOST, before))

    async def _purge(self, is_of_state: ColumnElement[bool] | TextClause, before: datetime) -> int:
        old = select(outbox.c.id).where(is_of_state, outbox.c.done_at < before)
        some = delete(outbox).where(outbox.c.id.in_(old.order_by(outbox.c.id).limit(_PURGED_AT_ONCE)))
        async with self._database.write(alone=True) as transaction:
            return (await transaction.execute(some)).rowcount


async def _is_marked_as_sending(transaction: Transaction, id_: int) -> bool:
    """Mark a reply that is still to be delivered; False if it is none."""
    return (await transaction.execute(_SENDING, {"of_id": id_})).rowcount > 0


def _shown(text: str | Reaction) -> dict[str, Any]:
    """The columns of what is to be shown."""
    if isinstance(text, Reaction):
        return {"text": text.emoji, "is_reaction": True}
    return {"text": text, "is_reaction": False}


def _open_reply(row: Any) -> OpenReply:
    return OpenReply(
        id=row.id,
        agent_id=row.agent_id,
        text=row.text,
        key=row.key,
        is_unsure=row.state == "sending",
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        created_at=row.created_at,
        reply_to=row.reply_to,
        is_reaction=row.is_reaction,
    )


def _lost_reply(row: Any) -> LostReply:
    return LostReply(
        id=row.id,
        place=(row.platform, row.channel, row.thread),
        text=row.text or "",
        is_doubtful=row.state == "doubtful",
        fault=row.fault,
        created_at=row.created_at,
        lost_at=row.done_at,
    )
