"""Lanes: what concerns one agent happens strictly in order, and no agent waits for another's."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

logger = logging.getLogger(__name__)

Job = Callable[[], Awaitable[None]]


class Lanes:
    """One task per busy agent; an idle agent costs nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[tuple[Job, asyncio.Future[None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, scope: str, job: Job) -> asyncio.Future[None]:
        """Run a job after all that was submitted before it for this scope.

        Returns:
            A future that ends with the job, with its exception if it raises one. Cancelling it cancels the job.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if scope in self._waiting:
            self._waiting[scope].append((job, done))
        else:
            self._waiting[scope] = deque([(job, done)])
            task = asyncio.create_task(self._run(scope), name=f"lane {scope}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return done

    async def close(self) -> None:
        """Wait until every lane has run empty."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, scope: str) -> None:
        waiting = self._waiting[scope]
        while waiting:
            job, done = waiting.popleft()
            if done.done():  # cancelled while it waited
                continue
            work = asyncio.ensure_future(job())
            done.add_done_callback(partial(_cancel_too, work))
            await asyncio.wait([work])
            if done.done():
                continue
            if work.cancelled():
                done.cancel()
            elif (error := work.exception()) is not None:
                done.set_exception(error)
            else:
                done.set_result(None)
        del self._waiting[scope]


def _cancel_too(work: asyncio.Future[None], done: asyncio.Future[None]) -> None:
    if done.cancelled():
        work.cancel()
