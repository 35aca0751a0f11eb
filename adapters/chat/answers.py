"""How what comes of a command reaches whoever gave it: where they gave it, or directly when that took too long."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

from adapters.ports.commands import Announcement, AnswerFile, CommandReply

CONFIRMED_WITHIN_S = 600.0

MOST_PARTS = 3
"""A private answer longer than that is told otherwise."""

STILL_AT_IT = (
    "This takes longer than {platform} lets me answer here. I am still at it, and will write you directly what comes "
    "of it."
)
TOO_LATE_TO_ASK = (
    "It took so long that I cannot ask you any more whether to go on. Nothing was changed: please give the command "
    "again."
)
FILE_TOO_LARGE = (
    "It came to {size:.0f} MB, and {platform} takes no more than {limit:.0f} MB from me. Whoever runs me can give it "
    "to you: `python -m bot export`."
)
FILE_IN_PARTS = (
    "It came to {size:.0f} MB, and {platform} takes no more than {limit:.0f} MB in one file, so it comes in {count}: "
    "keep all of them."
)
FILE_REFUSED = "{platform} does not take the file from me ({fault}). Whoever runs me can give it to you."
OUT_OF_DATE = "That is out of date by now, and nothing was changed. Please give the command again."
NOTHING_CHANGED = "Nothing was changed."
YES, NO = "Yes, do it", "No"


class Asker(Protocol):
    """Whoever gave a command, or pressed a button, at the place where they did."""

    async def tell(self, reply: CommandReply) -> bool:
        """Tell them alone, there; False if it cannot be told there any more."""
        ...

    async def tell_of_delay(self) -> None:
        """Tell them alone, there, that it takes longer; never raises what a platform does."""
        ...

    async def tell_directly(self, text: str, file: AnswerFile | None = None) -> None:
        """Write to them directly, perhaps with a file; never raises what a platform does."""
        ...

    async def announce(self, text: str) -> datetime | None:
        """Tell all who are in the channel; returns when that stood there, None if it cannot be."""
        ...


class Answers:
    """The answers of one connection.

    Args:
        answered_within_s: so long a platform takes answers after a command; less what telling that takes.
        wait: lets so many seconds pass.
    """

    def __init__(self, answered_within_s: float, wait: Callable[[float], Awaitable[None]]) -> None:
        self._answered_within_s = answered_within_s
        self._wait = wait
        self._turns: set[asyncio.Task[None]] = set()

    async def give(self, asker: Asker, work: Awaitable[CommandReply]) -> None:
        """Tell what comes of a command, of which the platform knows already that it has arrived."""
        working = asyncio.ensure_future(_announced(asker, work))
        try:
            if not await self._is_in_time(working):
                await asker.tell_of_delay()
                await _tell_directly(asker, await working)
            elif not await asker.tell(working.result()):
                await _tell_directly(asker, working.result())
        finally:
            working.cancel()
            if working.done() and not working.cancelled() and working.exception() is None:
                _remove(working.result().file)
        if (turn := working.result().turn) is not None:
            task = asyncio.ensure_future(_awaited(turn))
            self._turns.add(task)
            task.add_done_callback(self._turns.discard)

    def close(self) -> None:
        """Nobody waits any more."""
        for task in self._turns:
            task.cancel()

    async def _is_in_time(self, working: "asyncio.Future[CommandReply]") -> bool:
        alarm: asyncio.Future[Any] = asyncio.ensure_future(self._wait(self._answered_within_s))
        try:
            await asyncio.wait((working, alarm), return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        return working.done()


async def _announced(asker: Asker, work: Awaitable[CommandReply]) -> CommandReply:
    """What comes of the work, once all who are in the channel were told of it where they are to be."""
    reply = await work
    announcement: Announcement | None = reply.announcement
    if announcement is None:
        return reply
    if (at := await asker.announce(announcement.text)) is None:
        return CommandReply(announcement.unsaid)
    return await announcement.announced(at=at)


async def _tell_directly(asker: Asker, reply: CommandReply) -> None:
    await asker.tell_directly((reply.text if reply.confirmed is None else TOO_LATE_TO_ASK) or "Done.", reply.file)


def _remove(file: AnswerFile | None) -> None:
    """At once: whoever gives an answer may be cancelled a second time."""
    if file is not None:
        file.path.unlink(missing_ok=True)


async def _awaited(turn: Awaitable[None]) -> None:
    await turn
