"""The next turn of a scope, from what woke it to its end."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime

from adapters.ports.platform import ChatPlatform
from bot.agents import Agents
from bot.metering.metrics import Metrics
from bot.slash.command import WENT_WRONG
from bot.turns.agenda import Agenda, Next
from bot.turns.endings import Endings
from bot.turns.faults import Faults
from bot.turns.hearing import Hearing
from bot.turns.open_turn import Ended, OpenTurn
from bot.turns.opening import Opening
from bot.turns.running import Running
from bot.turns.showing_work import showing_work
from bot.turns.shut_out import ShutOut
from bot.turns.without_model import WithoutModel
from bot.turns.woken import Woken, is_blamed
from memory.sqlite.database import finish, is_passing
from memory.turns.turn_journal import DONE, LEAVES_NOTHING, STOPPED, TurnRecord

logger = logging.getLogger(__name__)


class Conductor:
    """Runs one turn after the other, each in the lane of its scope."""

    def __init__(
        self,
        agents: Agents,
        agenda: Agenda,
        hearing: Hearing,
        opening: Opening,
        running: Running,
        endings: Endings,
        faults: Faults,
        without_model: WithoutModel,
        shut_out: ShutOut,
        platforms: Mapping[str, ChatPlatform],
        *,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._agents = agents
        self._agenda = agenda
        self._hearing = hearing
        self._opening = opening
        self._running = running
        self._endings = endings
        self._faults = faults
        self._without_model = without_model
        self._shut_out = shut_out
        self._platforms = platforms
        self._now = now
        self._metrics = metrics

    async def next_turn(self, scope: str, for_event: int | None = None) -> Next:
        """Run the turn that was left unfinished, or else one about what waits; to be called in the scope's lane only.

        It never raises but when cancelled. That stops the turn for good if it is one about `for_event`, the event that
        whoever cancels it waits for, unless the program is about to end. Any other turn is left to go on.
        """
        if self._agenda.is_held(scope):
            return Next.PUT_OFF
        try:
            woken = await self._agenda.next(scope)
            if woken is None:
                return Next.NOTHING
            if await finish(self._shut_out.let_pass(woken)):
                return Next.ENDED
            is_heard = woken.is_heard or await self._is_asleep(woken)
        except Exception:
            logger.exception("the journal cannot be read")
            return Next.STUCK
        if is_heard:
            return await self._hear(woken)
        if (record := woken.record) is not None and is_blamed(record):
            return await self._park(woken, record)
        if woken.is_late(self._now()):
            return await self._endings.surely(woken, self._endings.let_pass(woken))
        if record is not None and self._agenda.gives_way(woken):
            return await self._endings.surely(woken, self._endings.end(woken, None, DONE, "done"))
        if self._without_model.has_waited_out(woken):
            return await self._without_model.give_up(woken)
        return await self._run(woken, for_event)

    async def hear(self, scope: str) -> Next:
        """Take note of what was said and wants no turn, as far as no turn comes before it; else as `next_turn`."""
        if self._agenda.is_held(scope) or self._agenda.is_under_way(scope):
            return Next.PUT_OFF
        if (woken := self._agenda.heard(scope)) is None:
            return Next.NOTHING
        try:
            if await finish(self._shut_out.let_pass(woken)):
                return Next.ENDED
        except Exception:
            logger.exception("what was said by somebody who was shut out could not be taken out of the inbox")
            return Next.STUCK
        return await self._hear(woken)

    async def _is_asleep(self, woken: Woken) -> bool:
        """Whether a clock woke an agent that is paused: then it only takes note, and nothing is left of that either."""
        if not woken.events or not woken.is_timed:
            return False
        return (await self._agents.get(woken.scope)).paused_at is not None

    async def _hear(self, woken: Woken) -> Next:
        try:
            await self._hearing.hear(await self._agents.get(woken.scope), woken.events, self._agents.keep)
        except Exception as error:
            logger.exception("what was said could not be taken note of")
            if is_passing(error):
                return Next.STUCK
            reason = "it could not be taken note of; the log says why"
            try:
                await self._endings.put_aside(woken, None, reason)
            except Exception:
                logger.exception("what became of it could not be written down")
                return Next.STUCK
        self._agenda.taken(woken)
        return Next.ENDED

    async def _park(self, woken: Woken, record: TurnRecord) -> Next:
        """Go on no more with a turn that ends the process."""
        logger.error("turn parked: begun %d times without a step turn=%d", record.resumed, record.id)
        # Of what a clock set off and leaves nothing, a reflection, nobody knows.
        is_unknown = woken.is_timed and record.progress.get(LEAVES_NOTHING)
        tells = None if is_unknown else WENT_WRONG
        reason = "the program ended whenever it came to this"
        return await self._endings.surely(woken, self._endings.put_aside(woken, None, reason, tells=tells))

    async def _run(self, woken: Woken, for_event: int | None) -> Next:
        """Open a turn and run it to its end, whatever that is."""
        turn: OpenTurn | None = None
        opening: asyncio.Future[OpenTurn | None] | None = None
        try:
            async with showing_work(self._platforms, woken.origin.address) if woken.is_addressed else nullcontext():
                opening = asyncio.ensure_future(self._opening.open(woken))
                turn = await finish(opening)
                self._agenda.taken(woken)
                is_let_in = turn is not None and await self._shut_out.lets_in(woken, turn)
                ended = await self._running.run(woken, turn) if turn is not None and is_let_in else None
        except asyncio.CancelledError:
            logger.info("turn cancelled")
            if opening is not None and not opening.cancelled() and opening.exception() is None:
                turn = opening.result()  # it was begun, beyond recall, when we were told
            is_theirs = any(event.id == for_event for event in woken.events)
            await finish(self._endings.cancelled(woken, turn, is_theirs=is_theirs))
            raise
        except Exception as error:
            outcome = await finish(self._faults.ended_by(woken, turn, error))
            if outcome is not Next.STUCK:
                self._agenda.taken(woken)
            return outcome
        return await self._ended(woken, turn, ended)

    async def _ended(self, woken: Woken, turn: OpenTurn | None, ended: Ended | None) -> Next:
        if ended is Ended.PAUSED:
            return Next.PUT_OFF
        if ended is Ended.GAVE_WAY:
            return await self._endings.surely(woken, self._endings.end(woken, turn, DONE, "done"), turn)
        if ended is None or turn is None:  # its events were taken back, or whoever wrote them was shut out
            return await self._endings.surely(woken, self._endings.end(woken, turn, STOPPED), turn)
        self._agenda.over(woken.scope, turn.id)  # its last step was written as such
        self._metrics.turn_ended("done", woken.seconds)
        return Next.ENDED
