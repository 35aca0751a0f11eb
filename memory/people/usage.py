"""What the calls of the model took, a row each, and the sums of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select

from memory.sqlite.database import Database, Transaction, finish
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import agents, usage

_ADD = Prepared(
    insert(usage),
    "agent_id person model is_timed prompt_tokens cached_tokens completion_tokens cost at".split(),
)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of the model that was answered.

    Attributes:
        agent_id: whose prompt it was.
        person: who wrote; None if nobody did.
        model: its name.
        is_timed: whether nobody but the clock asked for it.
        prompt_tokens: of the prompt, the cached ones among them.
        cached_tokens: of these, what the server had kept from an earlier prompt.
        completion_tokens: of the answer.
        cost: in US dollars; None where the price is not known.
    """

    agent_id: int
    person: str | None
    model: str
    is_timed: bool
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class UsageSum:
    """Calls and their tokens; `cost` is that of the `priced` calls, in US dollars."""

    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    priced: int
    cost: float


class Of(StrEnum):
    """Whose usage is told apart."""

    SCOPES = "scopes"
    PEOPLE = "people"


_SUMS = (
    func.count(),
    func.coalesce(func.sum(usage.c.prompt_tokens), 0),
    func.coalesce(func.sum(usage.c.cached_tokens), 0),
    func.coalesce(func.sum(usage.c.completion_tokens), 0),
    func.count(usage.c.cost),
    func.coalesce(func.sum(usage.c.cost), 0.0),
)


def _of_all(*columns: ColumnElement[Any], since: datetime) -> Select[Any]:
    """From the agents to the calls of each: the index of these begins with the agent."""
    is_new = (usage.c.agent_id == agents.c.id) & (usage.c.at >= since)
    return select(*columns).select_from(agents.join(usage, is_new))


class UsageStore:
    """The calls of all agents."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owed: list[tuple[ModelCall, datetime]] = []

    @property
    def owes(self) -> bool:
        """Whether there are calls that could not be kept yet."""
        return bool(self._owed)

    async def save(self, transaction: Transaction, calls: Sequence[ModelCall], now: datetime) -> None:
        """Keep calls, together with what came of them."""
        if calls:
            _ADD.later(transaction, [asdict(call) | {"at": now} for call in calls])

    async def keep(self, calls: Sequence[ModelCall], now: datetime) -> None:
        """Keep calls of which nothing came that had to be written, in a transaction of their own.

        If this raises, they are kept with those of the next time: they were made and paid.
        """
        if calls or self._owed:
            await finish(self._keep(calls, now))

    def forget(self, person: str) -> None:
        """Calls that are not noted yet name that person no more."""
        self._owed = [(replace(call, person=None) if call.person == person else call, at) for call, at in self._owed]

    async def sum(self, agent_id: int, since: datetime | None = None) -> UsageSum:
        """What an agent has used, from a moment on or in all."""
        counts = select(*_SUMS).where(usage.c.agent_id == agent_id)
        if since is not None:
            counts = counts.where(usage.c.at >= since)
        async with self._database.read() as connection:
            return UsageSum(*(await connection.execute(counts)).one())

    async def sum_of_all(self, since: datetime) -> UsageSum:
        """What all agents have used from a moment on."""
        async with self._database.read() as connection:
            return UsageSum(*(await connection.execute(_of_all(*_SUMS, since=since))).one())

    async def most(self, of: Of, since: datetime, limit: int) -> tuple[tuple[str, int], ...]:
        """The scopes, or the people, that have used most from a moment on, each with its tokens."""
        name = agents.c.scope if of is Of.SCOPES else usage.c.person
        tokens = func.sum(usage.c.prompt_tokens + usage.c.completion_tokens).label("tokens")
        dearest = (
            _of_all(name, tokens, since=since)
            .where(name.is_not(None))
            .group_by(name)
            .order_by(tokens.desc(), name)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return tuple((name, tokens) for name, tokens in await connection.execute(dearest))

    async def _keep(self, calls: Sequence[ModelCall], now: datetime) -> None:
        owed, self._owed = self._owed, []
        try:
            still_there = await self._agents_of(owed)
            async with self._database.write() as transaction:
                for call, at in owed:
                    if call.agent_id in still_there:
                        await self.save(transaction, [call], at)
                await self.save(transaction, calls, now)
        except BaseException:
            self._owed = [*owed, *((call, now) for call in calls), *self._owed]
            raise

    async def _agents_of(self, owed: Sequence[tuple[ModelCall, datetime]]) -> frozenset[int]:
        """Whose calls these are, without those that were erased since."""
        if not owed:
            return frozenset()
        ids = {call.agent_id for call, _ in owed}
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(select(agents.c.id).where(agents.c.id.in_(ids))))
