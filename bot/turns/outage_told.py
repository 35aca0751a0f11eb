"""Telling people that the language model is down: each once an outage."""

import logging
from datetime import datetime

from adapters.ports.messages import Origin
from bot.delivery.notices import Notices
from bot.scopes import person_of
from bot.turns.outage import Outage
from memory.people.told import Told

logger = logging.getLogger(__name__)

KEPT = "I have kept your message and will answer it when I can."
OUTAGE = "the model is down"
"""What somebody was told of, once an outage."""


class OutageTold:
    """Tells them."""

    def __init__(self, outage: Outage, told: Told, notices: Notices) -> None:
        self._outage = outage
        self._told = told
        self._notices = notices

    async def tell(self, origin: Origin) -> None:
        """Tell a person, once an outage, that their answer comes later; nobody waits until that is heard."""
        if self._outage.is_on and self._outage.since is not None:
            await self.tell_why(origin, "I cannot reach my language model right now.", self._outage.since)

    async def tell_why(self, origin: Origin, sentence: str, since: datetime | None) -> bool:
        """Tell them what has failed, in the outage that began at a moment; False if that is over."""
        if since is None or self._outage.since != since:
            return False
        if not self._outage.is_news_to(person_of(origin)):
            return True
        try:  # an earlier process may have told them, of another place
            is_news = await self._told.once_since(origin.address.platform, OUTAGE, person_of(origin), since)
        except Exception:
            logger.exception("that somebody is told of the outage could not be written down")
            is_news = True
        if self._outage.since != since:
            return False
        if is_news:
            self._notices.say_soon(origin, f"{sentence} {KEPT}", lambda: self._outage.since == since)
        return True
