"""Agents that a clock woke think a few at a time: people do not queue behind all the others."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

MOST_AT_WORK = 32
"""Agents that a clock has woken and that think at the same time."""


class FewAtATime:
    """Runs what waits in scopes, in their order.

    Args:
        go_on: runs what waits in one.
    """

    def __init__(self, go_on: Callable[[str], "asyncio.Future[None]"]) -> None:
        self._go_on = go_on
        self._line: deque[str] = deque()
        self._at_work = 0
        self.is_closing = False
        """From now on nothing begins."""

    def add(self, scopes: Iterable[str]) -> None:
        """Have these come next, behind those that wait."""
        self._line.extend(scopes)
        self._begin()

    def _begin(self) -> None:
        while self._line and self._at_work < MOST_AT_WORK and not self.is_closing:
            self._at_work += 1
            self._go_on(self._line.popleft()).add_done_callback(self._ended)

    def _ended(self, turn: "asyncio.Future[None]") -> None:
        self._at_work -= 1
        if not turn.cancelled() and turn.exception() is not None:
            logger.error("an agent that was woken broke", exc_info=turn.exception())
        self._begin()
