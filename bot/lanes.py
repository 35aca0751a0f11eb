"""Lanes: what concerns one agent happens strictly in order, and no agent waits for another's."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]


class Lanes:
    """A lock for each busy agent, taken in the order of arrival; an idle agent costs nothing."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._jobs: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, scope: str, job: Job) -> asyncio.Task[None]:
        """Run a job after all that was submitted before it for this scope.

        Returns:
            A task that ends with the job, with its exception if it raises one. Cancelling it cancels the job, whether
            it runs or waits; the lane goes on when the job has cleaned up.
        """
        task = asyncio.create_task(self._run(scope, job), name=f"lane {scope}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def idle(self) -> None:
        """Wait until every lane has run empty."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, scope: str, job: Job) -> None:
        self._jobs[scope] += 1
        try:
            async with self._locks.setdefault(scope, asyncio.Lock()):
                await job()
        finally:
            self._jobs[scope] -= 1
            if not self._jobs[scope]:
                del self._jobs[scope], self._locks[scope]
