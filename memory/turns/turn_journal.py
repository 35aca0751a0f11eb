"""The journal of turns: how far each has come, so that after a crash it goes on from its last committed step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, exists, func, insert, select, text, update

from memory.ports import Kind
from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import agents, messages, turns

RUNNING, DONE, STOPPED, PARKED = "running", "done", "stopped", "parked"

_PURGED_AT_ONCE = 1000

LEAVES_NOTHING = "leaves_nothing"
"""In a turn's progress: nothing of it is kept once it is over."""

IS_PROMISED = "is_promised"
"""In a turn's progress: it is about a follow-up."""

IS_RUNNING = text("state = 'running'")  # as text, for the partial index
IS_PASSING = and_(IS_RUNNING, turns.c.progress[LEAVES_NOTHING].as_boolean())
"""Of a turn under way: nothing of it will be kept."""

_RUNNING = select(turns, agents.c.scope).join(agents).where(turns.c.state == RUNNING)
_BEGIN = Prepared(
    insert(turns),
    "id agent_id state origin is_timed message_ids progress begun_at changed_at".split(),
)
_STEP = Prepared(
    update(turns)
    .where(turns.c.id == bindparam("of_id"))
    .values(
        state=bindparam("to_state"),
        progress=bindparam("so_far"),
        changed_at=bindparam("now"),
        resumed=0,
        failing_since=None,
    )
)


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A turn that is not over.

    Attributes:
        id: its own: that of its first event in recall storage.
        agent_id: whose.
        scope: the agent's.
        origin: JSON that says where its event came from and where replies go.
        is_timed: whether a clock set it off, and nobody wrote.
        message_ids: the events that it is about, in recall storage.
        progress: how far it has come, as `bot.turns.step` writes it.
        resumed: how often it was begun again since its last step.
        failing_since: since when the model gives no answer; None if it does.
        was_told: whether the person knows of that.
        changed_at: when it took its last step, or began.
    """

    id: int
    agent_id: int
    scope: str
    origin: Mapping[str, Any]
    is_timed: bool
    message_ids: tuple[int, ...]
    progress: Mapping[str, Any]
    resumed: int = 0
    failing_since: datetime | None = None
    was_told: bool = False
    changed_at: datetime | None = None


class TurnJournal:
    """The turns of all agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        transaction: Transaction,
        agent_id: int,
        *,
        turn_id: int,
        origin: Mapping[str, Any],
        is_timed: bool,
        message_ids: Sequence[int],
        progress: Mapping[str, Any],
        now: datetime,
    ) -> None:
        """Write down that a turn begins; its id is that of its first event in recall storage."""
        row = {
            "id": turn_id,
            "agent_id": agent_id,
            "state": RUNNING,
            "origin": dict(origin),
            "is_timed": is_timed,
            "message_ids": list(message_ids),
            "progress": dict(progress),
            "begun_at": now,
            "changed_at": now,
        }
        _BEGIN.later(transaction, [row])

    def step(
        self, transaction: Transaction, turn_id: int, progress: Mapping[str, Any], now: datetime, *, is_last: bool
    ) -> None:
        """Write down how far it has come with a step: what belongs to the step is in the same transaction."""
        values = {"of_id": turn_id, "so_far": dict(progress), "now": now, "to_state": DONE if is_last else RUNNING}
        _STEP.later(transaction, [values])

    async def end(
        self, transaction: Transaction, turn_id: int, state: str, now: datetime, reason: str | None = None
    ) -> None:
        """Write down that it is over: `DONE`, `STOPPED` by the person, or `PARKED`."""
        change = update(turns).where(turns.c.id == turn_id)
        await transaction.execute(change.values(state=state, reason=reason, changed_at=now))

    async def leave_nothing(self, transaction: Transaction, agent_id: int) -> None:
        """Nothing will be kept of the turns of an agent that are under way."""
        of_agent = (turns.c.agent_id == agent_id, turns.c.state == RUNNING)
        marked = func.json_set(turns.c.progress, f"$.{LEAVES_NOTHING}", func.json("true"))
        await transaction.execute(update(turns).where(*of_agent).values(progress=marked))

    async def resume(self, turn_id: int) -> None:
        """Count that it is begun again; it is done before anything else, as that may be what kills the process."""
        await self._change(turn_id, resumed=turns.c.resumed + 1)

    async def pause(self, turn_id: int) -> None:
        """It is left as it is for the next start, and not because it broke anything."""
        await self._change(turn_id, resumed=0)

    async def put_off(self, turn_id: int, failing_since: datetime, *, was_told: bool) -> None:
        """The model gives no answer; the turn goes on once it does."""
        await self._change(turn_id, resumed=0, failing_since=failing_since, was_told=was_told)

    async def find(self, turn_id: int) -> TurnRecord | None:
        """A turn that is not over, as its last step left it."""
        found = _RUNNING.where(turns.c.id == turn_id)
        async with self._database.read() as connection:
            row = (await connection.execute(found)).first()
        return _record(row) if row is not None else None

    async def running(self, transaction: Transaction, agent_id: int) -> int | None:
        """The turn of an agent that is not over, as it stands in an open transaction; a reflection is none."""
        reflects = exists().where(messages.c.agent_id == turns.c.agent_id, messages.c.id == turns.c.id)
        reflects = reflects.where(messages.c.kind == Kind.REFLECTION)
        runs = select(turns.c.id).where(turns.c.agent_id == agent_id, turns.c.state == RUNNING, ~reflects)
        found: int | None = await transaction.scalar(runs.order_by(turns.c.id.desc()).limit(1))
        return found

    async def failing_since(self, agent_id: int) -> datetime | None:
        """Since when a turn of an agent waits for the model; None if none does."""
        waits = (turns.c.agent_id == agent_id, turns.c.state == RUNNING)
        async with self._database.read() as connection:
            since: datetime | None = await connection.scalar(select(func.min(turns.c.failing_since)).where(*waits))
        return since

    async def unfinished(self) -> tuple[TurnRecord, ...]:
        """Every turn that is not over, oldest first."""
        async with self._database.read() as connection:
            return tuple(_record(row) for row in await connection.execute(_RUNNING.order_by(turns.c.id)))

    async def purge(self, before: datetime) -> int:
        """Forget some of the turns that were over before a moment; returns how many, 0 once there are none left."""
        return await self._purge((DONE, STOPPED), before)

    async def purge_parked(self, before: datetime) -> int:
        """Forget some of the turns that were put aside before a moment; returns as `purge` does."""
        return await self._purge((PARKED,), before)

    async def _purge(self, states: Sequence[str], before: datetime) -> int:
        over = select(turns.c.id).where(turns.c.state.in_(states), turns.c.changed_at < before)

        async def commit() -> int:
            async with self._database.write() as transaction:
                some = delete(turns).where(turns.c.id.in_(over.order_by(turns.c.id).limit(_PURGED_AT_ONCE)))
                return (await transaction.execute(some)).rowcount

        return await finish(commit())

    async def _change(self, turn_id: int, **values: Any) -> None:
        async def commit() -> None:
            async with self._database.write() as transaction:
                await transaction.execute(update(turns).where(turns.c.id == turn_id).values(**values))

        await finish(commit())


def _record(row: Any) -> TurnRecord:
    return TurnRecord(
        id=row.id,
        agent_id=row.agent_id,
        scope=row.scope,
        origin=row.origin,
        is_timed=row.is_timed,
        message_ids=tuple(row.message_ids),
        progress=row.progress,
        resumed=row.resumed,
        failing_since=row.failing_since,
        was_told=row.was_told,
        changed_at=row.changed_at,
    )
