"""What the process itself wakes for: APScheduler runs the sweep when a timer is due, and what is to be done daily.

There is one job for all timers, which are rows (`memory/turns/timers.py`): it is set to the moment at which the next of
them is due. It also looks at least once a minute, for a computer that slept wakes with its clock moved on, and one that
is put right may have its clock put back.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.timed.sweep import Sweep

logger = logging.getLogger(__name__)

LOOKS_EVERY = timedelta(minutes=1)


class Scheduler:
    """Runs the sweep in time.

    Args:
        sweep: hands over what is due.
        now: the clock by which timers are due.
        daily: what is to be done at once, and then every day; it does not raise.
    """

    def __init__(
        self, sweep: Sweep, now: Callable[[], datetime], daily: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self._sweep = sweep
        self._now = now
        self._daily = daily
        self._scheduler: Any = None
        self._job: Any = None
        self._watch: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._upkeep: asyncio.Future[object] | None = None
        self._sooner: datetime | None = None
        self._is_awake = False

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[None]:
        """Inside, what is due is handed over; at the end a sweep that is under way is let finish."""
        self._is_awake = True
        self._sweep.on_sooner = self._expect
        self._running = asyncio.create_task(self._swept(), name="sweep")
        if self._daily is not None:
            self._begin()
            self._scheduler.add_job(self._keep_up, "interval", days=1, next_run_time=datetime.now(UTC))
        try:
            yield
        finally:
            self._is_awake = False
            if self._watch is not None:
                self._watch.cancel()
            if self._scheduler is not None:
                self._scheduler.shutdown(wait=False)
                await asyncio.sleep(0)  # it shuts down in the loop's next round
            if self._upkeep is not None:
                self._upkeep.cancel()
            await asyncio.wait([task for task in (self._running, self._upkeep) if task is not None])

    def _begin(self) -> None:
        """Start APScheduler, once there is something to wait for: who sets no timer pays nothing for it."""
        if self._scheduler is not None:
            return
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=options)
        self._job = self._scheduler.add_job(self._look, "interval", seconds=LOOKS_EVERY.total_seconds())
        self._scheduler.start()
        self._mind_the_clock()

    def _mind_the_clock(self) -> None:
        """APScheduler goes by the wall clock: if that is put back by an hour, it would not look for an hour."""
        latest = datetime.now(UTC) + LOOKS_EVERY
        if self._job.next_run_time is not None and self._job.next_run_time > latest:
            self._job.modify(next_run_time=datetime.now(UTC))
        self._watch = asyncio.get_running_loop().call_later(LOOKS_EVERY.total_seconds(), self._mind_the_clock)

    async def _look(self) -> None:
        # In a task of its own, as all that is done: APScheduler passes over a job that is due while it runs, and calls
        # one an error that ends with the program.
        if self._running is not None and not self._running.done():
            self._expect(self._now())
        else:
            self._running = asyncio.create_task(self._swept(), name="sweep")

    async def _keep_up(self) -> None:
        if self._daily is not None:
            self._upkeep = asyncio.ensure_future(self._daily())

    async def _swept(self) -> None:
        self._sooner = None
        try:
            due = await self._sweep()
        except Exception:  # the database is locked, perhaps
            logger.exception("what is due could not be handed over")
            due = self._now() + LOOKS_EVERY
        moments = [moment for moment in (due, self._sooner) if moment is not None]
        if moments:
            self._set(min(moments))

    def _expect(self, due: datetime) -> None:
        if self._running is not None and not self._running.done():
            self._sooner = due if self._sooner is None else min(due, self._sooner)
        else:
            self._set(due)

    def _set(self, due: datetime) -> None:
        """Look at a moment, unless it is looked at before."""
        if not self._is_awake:
            return
        self._begin()
        at = datetime.now(UTC) + min(max(due - self._now(), timedelta()), LOOKS_EVERY)
        if self._job.next_run_time is None or at < self._job.next_run_time:
            self._job.modify(next_run_time=at)
