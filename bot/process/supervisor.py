"""The supervisor: keeps every platform served, and lets none of them take the others down."""

import asyncio
import logging
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping

from adapters.ports.errors import PlatformUnavailable, ServiceMissing
from adapters.ports.intake import Intake
from adapters.ports.platform import ChatPlatform, TellsConnection
from bot.metering.metrics import Metrics, NoMetrics

logger = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
STEADY_S = 60.0
"""A platform that was served for so long is well: its next fault is taken for the first."""


class Supervisor:
    """Runs platforms, each in a task of its own, and runs again whichever ends."""

    def __init__(
        self,
        platforms: Mapping[str, ChatPlatform],
        intake: Callable[[str], Intake],
        *,
        metrics: Metrics | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Hold what the platforms are run with.

        Args:
            platforms: by name.
            intake: takes what happens there, by a platform's name.
            metrics: is told of each new attempt.
            wait: lets so many seconds pass.
            now: seconds that pass, from any moment on.
            chance: a number from 0 to 1, so that not all bots come back in the same moment.
        """
        self._platforms = platforms
        self._intake = intake
        self._metrics = metrics or NoMetrics()
        self._wait = wait
        self._now = now
        self._chance = chance
        self._running: set[str] = set()
        self._given_up: dict[str, str] = {}
        self._known: set[tuple[object, ...]] = set()

    def connected(self) -> dict[str, bool]:
        """Whether each platform is served at this moment."""
        return {
            name: name in self._running and (not isinstance(platform, TellsConnection) or platform.is_connected)
            for name, platform in self._platforms.items()
        }

    def given_up(self) -> dict[str, str]:
        """The platforms that cannot be served until the operator acts, and why."""
        return dict(self._given_up)

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            ServiceMissing: not one of the platforms can be served.
        """
        tasks = [
            asyncio.create_task(self._keep(name, platform), name=f"platform {name}")
            for name, platform in self._platforms.items()
        ]
        try:
            last = [fault for fault in await asyncio.gather(*tasks) if fault]
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        raise ServiceMissing(last[0] if last else "There is no platform to serve.")

    async def _keep(self, name: str, platform: ChatPlatform) -> str | None:
        """Serve one platform for ever, or until it can never be served.

        Returns:
            Why not, if no other is left: so the end of the process says it, and the log need not.
        """
        failures, was_well = 0, False
        while True:
            begun = self._now()
            fault = await self._attempt(name, platform)
            if self._now() - begun >= STEADY_S:
                failures, was_well = 0, True
            if isinstance(fault, ServiceMissing) and not was_well:
                return self._give_up(name, fault)
            pause = self._pause(failures, fault)
            self._tell(name, fault, pause)
            failures += 1
            await self._wait(pause)
            self._metrics.retried("platform")

    async def _attempt(self, name: str, platform: ChatPlatform) -> BaseException | None:
        self._running.add(name)
        try:
            await platform.run(self._intake(name))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return error  # a library that cancels itself is no order to us
        except Exception as error:  # whatever breaks in one platform, the others go on
            return error
        finally:
            self._running.discard(name)
        return None

    def _give_up(self, name: str, fault: ServiceMissing) -> str | None:
        line = f"{name}: {fault}"
        self._given_up[name] = str(fault)
        if len(self._given_up) == len(self._platforms):
            return line
        logger.error("platform given up until the next start: %s", line)
        return None

    def _pause(self, failures: int, fault: BaseException | None) -> float:
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 20))
        pause = max(FIRST_WAIT_S, longest * (0.75 + 0.25 * self._chance()))
        asked_for = fault.retry_after if isinstance(fault, PlatformUnavailable) else None
        return max(pause, asked_for or 0.0)

    def _tell(self, name: str, fault: BaseException | None, pause: float) -> None:
        if fault is None:
            logger.warning("platform ended by itself, runs again platform=%s in_s=%.1f", name, pause)
            return
        frames = traceback.extract_tb(fault.__traceback__)
        kind = (name, type(fault), *((frames[-1].filename, frames[-1].lineno) if frames else ()))
        is_puzzling = kind not in self._known and not isinstance(fault, PlatformUnavailable)
        self._known.add(kind)
        logger.warning(
            "platform failed, runs again platform=%s in_s=%.1f error=%s: %s",
            name,
            pause,
            type(fault).__name__,
            fault,
            exc_info=fault if is_puzzling else None,
        )
