"""Turns for which the model gives no answer: they wait for it, and are put aside once they have waited long enough."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from adapters.ports.errors import ModelUnavailable
from bot.metering.metrics import Metrics
from bot.scopes import person_of
from bot.turns.agenda import Agenda, Next
from bot.turns.endings import Endings, origins_of
from bot.turns.open_turn import OpenTurn
from bot.turns.opening import Opening
from bot.turns.outage import Outage
from bot.turns.outage_told import OutageTold
from bot.turns.woken import Woken
from memory.sqlite.database import finish
from memory.turns.turn_journal import STOPPED, TurnJournal

logger = logging.getLogger(__name__)

NO_ANSWER_OF_MODEL = "the language model gave no answer"
TRY_AGAIN = "Please try again in a while."


class WithoutModel:
    """Has turns wait."""

    def __init__(
        self,
        agenda: Agenda,
        opening: Opening,
        endings: Endings,
        journal: TurnJournal,
        outage: Outage,
        outage_told: OutageTold,
        *,
        retries_for: timedelta,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        """`retries_for`: so long a turn may wait; if no time at all, it is put aside at once."""
        self._agenda = agenda
        self._opening = opening
        self._endings = endings
        self._journal = journal
        self._outage = outage
        self._outage_told = outage_told
        self._retries_for = retries_for
        self._now = now
        self._metrics = metrics

    def has_waited_out(self, woken: Woken) -> bool:
        """Whether the model is down, and was so for as long as this may wait."""
        if not self._outage.is_on:
            return False
        return self._now() - self._failing_since(woken) >= self._retries_for > timedelta()

    async def put_off(self, woken: Woken, turn: OpenTurn, error: ModelUnavailable) -> Next:
        """Put the turn off until the model answers again, or aside if it has waited long enough."""
        record, since = woken.record, self._failing_since(woken)
        if self._now() - since >= self._retries_for:
            if woken.is_promised:
                await self._endings.remind(woken, turn)
                return Next.ENDED
            told = f"{error} {TRY_AGAIN}" if not self._retries_for else None
            await self._endings.put_aside(woken, turn, f"{NO_ANSWER_OF_MODEL}: {error}", "model_down", tells=told)
            return Next.ENDED
        was_told = woken.is_timed or (record is not None and record.was_told)
        self._agenda.waits_for_model(woken, turn.id)
        self._outage.failed(woken.scope, since + self._retries_for, error.retry_after)
        self._metrics.retried("model")
        began = self._outage.since
        await self._journal.put_off(turn.id, since, was_told=True)  # rather never told than twice
        for origin in () if woken.is_timed else origins_of(woken, turn):
            if was_told:  # by an earlier process, perhaps
                self._outage.is_news_to(person_of(origin))
            elif not await self._outage_told.tell_why(origin, str(error), began):
                # It is over, and the turn goes on; should that be in vain, they are told then.
                await self._journal.put_off(turn.id, since, was_told=False)
                break
        return Next.PUT_OFF

    async def give_up(self, woken: Woken) -> Next:
        """Put aside what the model was down for as long as it may wait; it is not tried once more for that."""
        since = self._failing_since(woken)
        logger.warning("put aside, as the model gives no answer since %s", f"{since:%Y-%m-%d %H:%M:%S}")
        if woken.is_promised:
            return await self._remind_late(woken)
        if woken.is_timed:
            return await self._endings.surely(woken, self._endings.let_pass(woken))
        putting_aside = self._endings.put_aside(woken, None, NO_ANSWER_OF_MODEL, "model_down")
        outcome = await self._endings.surely(woken, putting_aside)
        if outcome is Next.ENDED:
            self._agenda.taken(woken)
        return outcome

    async def _remind_late(self, woken: Woken) -> Next:
        """Say by code what a follow-up was about for which the model was down too long."""
        try:
            turn = await finish(self._opening.open(woken))
        except Exception:
            logger.exception("a follow-up that waited cannot be read")
            return Next.STUCK
        self._agenda.taken(woken)
        if turn is None:  # it was cancelled
            return await self._endings.surely(woken, self._endings.end(woken, None, STOPPED))
        return await self._endings.surely(woken, self._endings.remind(woken, turn), turn)

    def _failing_since(self, woken: Woken) -> datetime:
        """Since when it waits for the model, should that be down."""
        if woken.record is not None and woken.record.failing_since is not None:
            return woken.record.failing_since
        now = self._now()
        came_at = woken.events[0].received_at if woken.events else None
        return max(self._outage.since or now, came_at or now)
