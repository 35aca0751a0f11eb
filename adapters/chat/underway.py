"""What is under way of a platform, so that it ends before what it works on is closed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Underway:
    """The tasks of one kind of work."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    def begun(self, task: asyncio.Future[Any]) -> None:
        """A task that does nothing else; it is forgotten when it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Around the work, in a task that a platform's library made and that may go on with something else."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def end(self, within_s: float = 0.0) -> None:
        """Wait so many seconds for it, cancel what is left, and wait until that has ended."""
        if self._tasks and within_s:
            await asyncio.wait(self._tasks, timeout=within_s)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
