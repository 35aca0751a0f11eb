"""Lanes: what concerns one agent happens strictly in order, and no agent waits for another's."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Job = Callable[[], Awaitable[None]]

Ended = asyncio.Future[None]
"""Is done when a job has ended, with its exception if it raised one. Cancelling it cancels the job."""


@dataclass(eq=False, slots=True)
class _Lane:
    """A busy agent: what is still to be done, and the task that does it."""

    jobs: deque[tuple[Job, Ended]] = field(default_factory=deque)
    task: "asyncio.Task[None] | None" = None
    running: "asyncio.Task[None] | None" = None
    """The job at hand, in a task of its own, so that cancelling it is not the end of the lane."""


class Lanes:
    """A lane for each busy agent, gone when it is idle: an idle agent costs nothing."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def submit(self, scope: str, job: Job) -> Ended:
        """Run a job after all that was submitted before it for this scope.

        Cancelling what is returned cancels the job, whether it runs or waits; the lane goes on when it has cleaned up.
        """
        ended: Ended = asyncio.get_running_loop().create_future()
        lane = self._lanes.get(scope)
        if lane is None:
            lane = self._lanes[scope] = _Lane()
            lane.task = asyncio.create_task(self._run(scope, lane), name=f"lane {scope}")
        lane.jobs.append((job, ended))
        return ended

    def is_busy(self, scope: str) -> bool:
        """Whether there is something to be done in a scope."""
        return scope in self._lanes

    async def idle(self) -> None:
        """Wait until every lane has run empty."""
        while tasks := self._tasks():
            await asyncio.wait(tasks)

    async def close(self, grace_s: float) -> None:
        """Wait until every lane has run empty, so many seconds at most; what is not done then is cancelled."""
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=grace_s)
        while tasks := self._tasks():
            for lane in list(self._lanes.values()):
                for _, ended in lane.jobs:
                    ended.cancel()
                if lane.running is not None:
                    lane.running.cancel()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    def _tasks(self) -> "list[asyncio.Task[None]]":
        return [lane.task for lane in self._lanes.values() if lane.task is not None]

    async def _run(self, scope: str, lane: _Lane) -> None:
        while lane.jobs:
            job, ended = lane.jobs.popleft()
            if ended.cancelled():
                continue
            lane.running = asyncio.ensure_future(_awaited(job))
            ended.add_done_callback(_canceller(lane.running))
            await asyncio.wait([lane.running])
            if not ended.done():
                _pass_on(lane.running, ended)
            lane.running = None
        del self._lanes[scope]


async def _awaited(job: Job) -> None:
    await job()


def _canceller(running: "asyncio.Task[None]") -> Callable[[Ended], None]:
    def cancel(ended: Ended) -> None:
        if ended.cancelled():
            running.cancel()

    return cancel


def _pass_on(task: "asyncio.Task[None]", ended: Ended) -> None:
    if task.cancelled():
        ended.cancel()
    elif (error := task.exception()) is not None:
        ended.set_exception(error)
    else:
        ended.set_result(None)
