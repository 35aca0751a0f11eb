"""What people wrote who were shut out since: nothing comes of it."""

import logging
from dataclasses import replace

from bot.admission import Admission
from bot.inbound.waiting import Waiting
from bot.origins import of_json
from bot.turns.agenda import Agenda
from bot.turns.open_turn import OpenTurn
from bot.turns.outage import Outage
from bot.turns.woken import Woken
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox

logger = logging.getLogger(__name__)


class ShutOut:
    """Asks once more who may use the bot, when what they wrote has its turn."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        inbox: Inbox,
        waiting: Waiting,
        agenda: Agenda,
        outage: Outage,
    ) -> None:
        self._database = database
        self._admission = admission
        self._inbox = inbox
        self._waiting = waiting
        self._agenda = agenda
        self._outage = outage

    async def let_pass(self, woken: Woken) -> bool:
        """Forget those of the events that waited whose writers were shut out meanwhile; False if there are none."""
        gone = [event for event in woken.events if not await self._admission.admits(of_json(event.origin))]
        if not gone:
            return False
        async with self._database.write() as transaction:
            await self._inbox.let_pass(transaction, gone)
        for event in gone:
            self._waiting.forget(woken.scope, event.id)
        logger.info("nothing comes of what somebody wrote who was shut out since events=%d", len(gone))
        self._outage.over(woken.scope, waits_on=self._agenda.wants_turn(woken.scope))
        return True

    async def lets_in(self, woken: Woken, turn: OpenTurn) -> bool:
        """Whether any of those whom a turn is for may still use the bot."""
        for person in turn.people or (woken.origin.person,):
            if await self._admission.admits(replace(woken.origin, person=person)):
                return True
        logger.info("a turn ends unanswered, as whoever wrote was shut out turn=%d", turn.id)
        return False
