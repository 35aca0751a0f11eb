"""What Slack does not tell, as too much happens: it is read from the histories once it tells everything again.

Of a workspace in which more than 30,000 things happen in an hour it leaves out the rest of each minute, and says so at
its beginning: https://docs.slack.dev/apis/events-api/#rate-limiting
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from adapters.ports.messages import LastHeard
from adapters.slack.told import Json

logger = logging.getLogger(__name__)

OVER_AFTER_S = 90.0
"""So long after Slack said so last it tells everything again."""


class LeftOut:
    """Reads what was left out of one workspace.

    Args:
        last_heard: tells the places to look through.
        look_through: reads them, from the messages that are named on.
        wait: lets so many seconds pass.
    """

    def __init__(
        self,
        last_heard: Callable[[], Awaitable[Sequence[LastHeard]]],
        look_through: Callable[[Sequence[LastHeard]], Awaitable[None]],
        wait: Callable[[float], Awaitable[None]],
    ) -> None:
        self._last_heard = last_heard
        self._look_through = look_through
        self._wait = wait
        self._goes_on = False
        self._reading: asyncio.Task[None] | None = None

    def on_left_out(self, body: Json) -> None:
        """Slack leaves something out from a minute on."""
        minute = body.get("minute_rate_limited")
        logger.warning("Slack leaves out what happens, as it is too much; it is read when that is over")
        self._goes_on = True
        if self._reading is None or self._reading.done():
            since = float(minute) if isinstance(minute, int) and minute > 0 else 0.0
            self._reading = asyncio.create_task(self._read(since), name="what slack left out")

    async def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read(self, since: float) -> None:
        try:
            places = await self._last_heard()  # what is told later need not be the first that happened
            while self._goes_on:
                self._goes_on = False
                await self._wait(OVER_AFTER_S)
            await self._look_through([_from(place, since) for place in places])
        except Exception:  # what can be heard is heard all the same
            logger.exception("what Slack left out could not be read")


def _from(place: LastHeard, since: float) -> LastHeard:
    """The place, to be read from that moment on, or from the newest message if that is older."""
    return replace(place, message_id=f"{since:.6f}") if 0 < since < float(place.message_id) else place
