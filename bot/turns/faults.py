"""What an error of a turn means, and to whom it is told: here, and here alone, a turn's errors end."""

import logging

from adapters.ports.errors import ModelError, ModelUnavailable
from bot.errors import BudgetSpent, ContextTooSmall, TurnGivenUp
from bot.slash.command import WENT_WRONG
from bot.turns.agenda import Agenda, Next
from bot.turns.endings import Endings
from bot.turns.open_turn import OpenTurn
from bot.turns.without_model import WithoutModel
from bot.turns.woken import UNASKED, Woken
from memory.sqlite.database import is_passing
from memory.turns.turn_journal import DONE

logger = logging.getLogger(__name__)


class Faults:
    """Judges them."""

    def __init__(self, agenda: Agenda, endings: Endings, without_model: WithoutModel) -> None:
        self._agenda = agenda
        self._endings = endings
        self._without_model = without_model

    async def ended_by(self, woken: Woken, turn: OpenTurn | None, error: Exception) -> Next:
        """What comes of a turn that an error broke off."""
        try:
            return await self._judged(woken, turn, error)
        except Exception as fault:  # the database cannot even take that: the event stays, for another time
            logger.error("turn broke", exc_info=error)
            logger.error("what became of it could not be written down", exc_info=fault)
            if turn is not None:
                self._agenda.goes_on(woken.scope, turn.id)
            return Next.STUCK

    async def _judged(self, woken: Woken, turn: OpenTurn | None, error: Exception) -> Next:
        """Whom an error is told to, and what becomes of the turn."""
        is_expected = isinstance(error, (ModelError, BudgetSpent, TurnGivenUp, ContextTooSmall))
        if turn is not None and woken.is_promised and not (isinstance(error, ModelUnavailable) or is_passing(error)):
            logger.warning("said by code, as the model was of no use: %s", error, exc_info=not is_expected)
            await self._endings.remind(woken, turn)
            return Next.ENDED
        is_unasked = turn is not None and (not turn.event.is_addressed or turn.event.kind in UNASKED)
        if turn is not None and is_unasked and is_expected:
            # Nobody waits for an answer, and one that comes late is of no use: it is as if it had only been heard.
            logger.info("nothing said, unasked: %s", error.detail if isinstance(error, ModelError) else error)
            await self._endings.end(woken, turn, DONE, "given_up")
            return Next.ENDED
        if isinstance(error, ModelUnavailable) and turn is not None:
            is_new = woken.record is None or woken.record.failing_since is None
            logger.log(logging.WARNING if is_new else logging.INFO, "no answer from the model: %s", error.detail)
            return await self._without_model.put_off(woken, turn, error)
        if is_passing(error):  # what the model said is lost, but not the message
            logger.error("the database takes nothing; the turn goes on later", exc_info=error)
            if turn is not None:
                self._agenda.goes_on(woken.scope, turn.id)
            return Next.STUCK
        if isinstance(error, TurnGivenUp):
            logger.warning("turn given up: %s", error)
            await self._endings.end(woken, turn, DONE, "given_up", tells=str(error))
        elif isinstance(error, BudgetSpent):
            logger.warning("turn ended early: %s", error)
            await self._endings.put_aside(woken, turn, str(error), tells=None if woken.is_timed else error)
        elif isinstance(error, (ModelError, ContextTooSmall)):
            logger.warning("turn ended early: %s", error.detail if isinstance(error, ModelError) else error)
            await self._endings.put_aside(woken, turn, str(error), tells=str(error))
        else:  # the last line: the log has it all, the person is told, the process lives
            logger.error("turn broke", exc_info=error)
            told = None if is_unasked else WENT_WRONG
            await self._endings.put_aside(woken, turn, "something went wrong; the log says what", "broken", tells=told)
        return Next.ENDED
