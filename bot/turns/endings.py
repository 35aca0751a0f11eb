"""How turns end that do not end with their last step: what is written down of it, and what the person is told."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.ports.messages import Origin
from bot.agents import Agents
from bot.delivery.notices import Notices
from bot.errors import BudgetSpent
from bot.metering.budgets import Budgets
from bot.metering.metrics import Metrics, TurnOutcome
from bot.scopes import person_of
from bot.turns.agenda import Agenda, Next
from bot.turns.open_turn import OpenTurn
from bot.turns.outage import Outage
from bot.turns.turn import Turns
from bot.turns.woken import Woken
from bot.turns.written_step import remove_passing
from memory.sqlite.database import Transaction, finish
from memory.stores import Stores
from memory.turns.turn_journal import DONE, LEAVES_NOTHING, PARKED, STOPPED

logger = logging.getLogger(__name__)


class Endings:
    """Ends turns."""

    def __init__(
        self,
        stores: Stores,
        agents: Agents,
        turns: Turns,
        agenda: Agenda,
        outage: Outage,
        notices: Notices,
        budgets: Budgets,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._stores = stores
        self._agents = agents
        self._turns = turns
        self._agenda = agenda
        self._outage = outage
        self._notices = notices
        self._budgets = budgets
        self._now = now
        self._metrics = metrics

    async def end(
        self,
        woken: Woken,
        turn: OpenTurn | None,
        state: str,
        outcome: TurnOutcome = "stopped",
        reason: str | None = None,
        *,
        tells: str | BudgetSpent | None = None,
    ) -> None:
        """Write down that a turn is over, and tell the person what there is to tell of it."""
        id_ = turn.id if turn is not None else woken.record.id if woken.record is not None else 0
        agent_id = _passing_for(woken, turn)
        async with self._stores.database.write() as transaction:
            await self._stores.journal.end(transaction, id_, state, self._now(), reason)
            if state == PARKED:
                await self._stores.inbox.park(transaction, id_, reason or "")
            else:
                await self._stores.inbox.finish(transaction, id_)
            if agent_id is not None:
                await remove_passing(transaction, self._stores, agent_id, id_)
            await self._keep_notice(transaction, woken, turn, tells)
        if agent_id is not None and (await self._agents.get(woken.scope)).paused_at is None:
            self._agents.let_go(woken.scope)
        self._agenda.over(woken.scope, id_)
        self._outage.over(woken.scope, waits_on=self._agenda.wants_turn(woken.scope))
        self._metrics.turn_ended(outcome, woken.seconds)
        if tells is not None:
            self._notices.wake(woken.origin.address.platform)

    async def put_aside(
        self,
        woken: Woken,
        turn: OpenTurn | None,
        reason: str,
        outcome: TurnOutcome = "parked",
        *,
        tells: str | BudgetSpent | None = None,
    ) -> None:
        """Nothing more comes of it; the inbox keeps the reason, and the person is told what there is to tell."""
        if turn is not None or woken.record is not None:
            await self.end(woken, turn, PARKED, outcome, reason, tells=tells)
            return
        async with self._stores.database.write() as transaction:  # it never came to be a turn
            await self._stores.inbox.put_aside(transaction, [event.id for event in woken.events], reason)
            await self._keep_notice(transaction, woken, turn, tells)
        if tells is not None:
            self._notices.wake(woken.origin.address.platform)

    async def let_pass(self, woken: Woken) -> None:
        """Nothing comes of what a clock set off."""
        if woken.record is not None:
            await self.end(woken, None, DONE, "given_up")
            return
        async with self._stores.database.write() as transaction:
            await self._stores.inbox.let_pass(transaction, woken.events)
        self._agenda.taken(woken)

    async def remind(self, woken: Woken, turn: OpenTurn) -> None:
        """Say by code what a follow-up was about."""
        await self._turns.remind(turn, await self._agents.get(woken.scope), self._agents.keep)
        self._agenda.over(woken.scope, turn.id)
        self._outage.over(woken.scope, waits_on=self._agenda.wants_turn(woken.scope))
        self._metrics.turn_ended("given_up", woken.seconds)

    async def cancelled(self, woken: Woken, turn: OpenTurn | None, *, is_theirs: bool) -> None:
        """A turn was cut off: for good if the events are of whoever did that, unless the program is about to end."""
        if turn is None:
            return
        if is_theirs and not self._agenda.is_closing:
            await self.end(woken, turn, STOPPED)
            return
        self._agenda.goes_on(woken.scope, turn.id)
        self._agenda.taken(woken)
        await self._stores.journal.pause(turn.id)

    async def surely(self, woken: Woken, ending: Awaitable[None], turn: OpenTurn | None = None) -> Next:
        """Write down how a turn ended; if the database does not take that, it comes to its end later."""
        try:
            await finish(ending)
        except Exception:
            logger.exception("what became of it could not be written down")
            if turn is not None:
                self._agenda.goes_on(woken.scope, turn.id)
            return Next.STUCK
        return Next.ENDED

    async def _keep_notice(
        self, transaction: Transaction, woken: Woken, turn: OpenTurn | None, told: str | BudgetSpent | None
    ) -> None:
        """For each of those who wrote; None: there is nothing to tell. Of a limit each is told once a day."""
        for origin in origins_of(woken, turn) if told is not None else ():
            if not isinstance(told, BudgetSpent) or await self._budgets.is_news(transaction, told, person_of(origin)):
                await self._notices.add(transaction, origin, str(told))


def origins_of(woken: Woken, turn: OpenTurn | None) -> Sequence[Origin]:
    """Where each of those wrote whom a turn is for."""
    people = (turn.people if turn is not None else ()) or (woken.origin.person,)
    return [replace(woken.origin, person=person) for person in people]


def _passing_for(woken: Woken, turn: OpenTurn | None) -> int | None:
    """Whose turn it is, if nothing of it is kept."""
    if turn is not None:
        return turn.progress.agent.id if turn.progress.leaves_nothing else None
    record = woken.record
    return record.agent_id if record is not None and record.progress.get(LEAVES_NOTHING) else None
