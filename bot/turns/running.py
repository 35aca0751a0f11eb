"""Running an open turn: on whose bill, until when, and once more if people change what the model was shown."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from bot.agents import Agents
from bot.metering.charges import Charge, charged_to
from bot.scopes import person_of
from bot.timed.reflection import Reflections, is_reflection
from bot.turns.agenda import Agenda
from bot.turns.open_turn import Ended, Observe, OpenTurn
from bot.turns.opening import Opening
from bot.turns.outage import Outage
from bot.turns.turn import Turns
from bot.turns.woken import UNASKED, Woken
from memory.people.usage import ModelCall, UsageStore
from memory.ports import ChangedMeanwhile

logger = logging.getLogger(__name__)


class Running:
    """Runs turns and reflections."""

    def __init__(
        self,
        agents: Agents,
        opening: Opening,
        turns: Turns,
        reflections: Reflections,
        agenda: Agenda,
        outage: Outage,
        usage: UsageStore,
        observe: Callable[[str], Observe | None],
        now: Callable[[], datetime],
    ) -> None:
        """`observe`: who is told of an agent's steps, by its scope."""
        self._agents = agents
        self._opening = opening
        self._turns = turns
        self._reflections = reflections
        self._agenda = agenda
        self._outage = outage
        self._usage = usage
        self._observe = observe
        self._now = now

    async def run(self, woken: Woken, turn: OpenTurn) -> Ended | None:
        """Run a turn; None if what it was about is taken back meanwhile."""
        # What several people wrote is paid by all together: none of them may be kept from an answer by another's limit.
        # What a channel's agent does by itself is for nobody in particular.
        is_ones = len(turn.people) < 2 and (turn.event.kind not in UNASKED or woken.origin.is_direct)
        person = person_of(woken.origin) if is_ones else None
        charge = Charge(turn.progress.agent.id, woken.scope, person, woken.is_timed)
        with charged_to(charge) as bill:
            try:
                return await self._stepping(woken, turn)
            finally:
                if (calls := bill.take()) or self._usage.owes:  # of steps that were never committed
                    await self._note_usage(calls)

    async def _stepping(self, woken: Woken, turn: OpenTurn) -> Ended | None:
        """As `run`.

        While the model answered, people may have changed what it was shown. Nothing of such an answer was kept, or
        said: it is asked again about what stands there now.
        """
        runner = self._reflections if is_reflection(turn) else self._turns
        in_vain = 0
        while True:
            try:
                return await runner.run(
                    turn,
                    self._agents.keep,
                    self._observe(woken.scope),
                    stops=lambda: self._reason_to_stop(woken),
                    worked=partial(self._outage.worked, woken.scope),
                )
            except ChangedMeanwhile:
                in_vain += 1
                logger.info("messages were changed while the model answered; it is asked again")
            if (again := await self._opening.again(woken.scope, turn.id)) is None:
                return None
            # Each counts as a step, so that it ends.
            turn = replace(again, progress=replace(again.progress, steps=again.progress.steps + in_vain))

    async def _note_usage(self, calls: Sequence[ModelCall]) -> None:
        try:
            await self._usage.keep(calls, self._now())
        except Exception:  # what is under way is of more weight
            logger.exception("calls of the model could not be noted yet")

    def _reason_to_stop(self, woken: Woken) -> Ended | None:
        if self._agenda.is_closing:
            return Ended.PAUSED
        return Ended.GAVE_WAY if self._agenda.gives_way(woken) else None
