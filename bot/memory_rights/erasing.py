"""Erasing a person while others are served, and going on with what an earlier process left undone."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from adapters.ports.messages import Origin
from bot.agents import Agents
from bot.delivery.notices import Notices
from bot.inbound.lanes import Lanes
from bot.inbound.waiting import Waiting
from bot.origins import of_json, to_json
from bot.scopes import owner_of, person_of, scope_of
from bot.text import counted
from memory.erasing.erased_files import BACKUPS_KEPT
from memory.erasing.erasure import Erased, Erasure, Preview, Request
from memory.erasing.floors import Floors
from memory.erasing.whose import Whose
from memory.stores import Stores
from memory.turns.inbox import WaitingEvent

logger = logging.getLogger(__name__)

BROKEN_OFF = (
    "I could not erase all of it just now. What is left goes as soon as I am started the next time; until then nothing "
    "of it comes back, and whoever runs me can see in the log what was in the way."
)


class Erasing:
    """Runs erasures, one after the other.

    Args:
        erasure: what does it; it is to hold agents by `held`.
        floors: what says of what nothing is taken in again.
        stores: what is still at hand of people, and of calls to be noted.
        lanes: where agents are at work.
        agents: those at hand.
        waiting: the events at hand.
        notices: tells whoever waits no longer.
    """

    def __init__(
        self,
        erasure: Erasure,
        floors: Floors,
        stores: Stores,
        lanes: Lanes,
        agents: Agents,
        waiting: Waiting,
        notices: Notices,
    ) -> None:
        self._erasure = erasure
        self._floors = floors
        self._stores = stores
        self._lanes = lanes
        self._agents = agents
        self._waiting = waiting
        self._notices = notices
        self._running: set[asyncio.Task[str]] = set()

    async def preview(self, origin: Origin) -> Preview:
        """What there is of a person, in numbers."""
        return await self._erasure.preview(Whose(person_of(origin)))

    def was_erased(self, origin: Origin, moment: datetime) -> bool:
        """Whether what somebody wrote at a place and at that moment is not to be taken in again."""
        return self._floors.hides(person_of(origin), scope_of(origin), moment)

    async def erase(self, origin: Origin, given_at: datetime) -> str:
        """Erase whoever wants it, everywhere; returns the receipt. It goes on if nobody waits for it any more."""

        async def work() -> str:
            whose = Whose(person_of(origin))
            return await self._carried_out(await self._erasure.ask_for_person(whose, given_at, to_json(origin)))

        task = asyncio.create_task(work(), name="erase a person")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(lambda done: self._tell_later(origin, done))
            raise

    async def resume(self) -> None:
        """Before anything else: erase what an earlier process left, and what a database that was put back holds again.

        Those who asked for it are told.
        """
        await self._erasure.ask_again()
        for request in await self._erasure.pending():
            logger.info("an erasure goes on that was not done")
            told = await self._carried_out(request)
            if request.origin is not None:
                await self._tell(of_json(request.origin), told)

    async def close(self) -> None:
        """Leave what is not done for the next start."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def held(self, scope: str, job: Callable[[], Awaitable[None]]) -> None:
        """Do something about an agent between two of its turns; what waited for it from before is not answered."""

        async def work() -> None:
            self._agents.let_go(scope)
            try:
                await job()
            finally:
                self._agents.let_go(scope)

        await self._lanes.submit(scope, work)

    async def _carried_out(self, request: Request) -> str:
        try:
            self._let_go(request)
            try:
                erased = await self._erasure.run(request)
            finally:
                self._let_go(request)
        except Exception:  # it is written down, so it is not lost
            logger.exception("an erasure broke off; it goes on at the next start")
            return BROKEN_OFF
        logger.info("erased rows=%d found=%d", erased.rows.total(), erased.found.total())
        return receipt(erased)

    def _let_go(self, request: Request) -> None:
        """What stands in memory of it."""

        def is_theirs(event: WaitingEvent) -> bool:
            of_them = request.person in (event.author, person_of(of_json(event.origin)))
            return (of_them or event.scope == request.scope) and event.sent_at <= request.until

        self._waiting.forget_those(is_theirs)
        self._stores.people.let_go()
        if request.person is not None:
            self._stores.usage.forget(request.person)

    def _tell_later(self, origin: Origin, done: "asyncio.Task[str]") -> None:
        if done.cancelled():
            return
        if (fault := done.exception()) is not None:  # it could not be written down
            logger.error("an erasure that nobody waits for was not begun", exc_info=fault)
            return
        task = asyncio.create_task(self._told(origin, done.result()), name="tell that somebody was erased")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _told(self, origin: Origin, text: str) -> str:
        await self._tell(origin, text)
        return text

    async def _tell(self, origin: Origin, text: str) -> None:
        async with self._stores.database.write() as transaction:
            await self._notices.add(transaction, origin, text)
        self._notices.wake(origin.address.platform)


def whose_agent(scope: str) -> Whose | None:
    """The person who goes with the agent of a scope."""
    person = owner_of(scope)
    return Whose(person) if person is not None else None


def receipt(erased: Erased) -> str:
    """What a person is told of their erasure, in Markdown."""
    gone = [counted(erased.rows[table], what) for table, what in _WORDS.items() if erased.rows[table]]
    lines = [f"removed: {', '.join(gone) or 'nothing, for there was nothing'}"]
    if erased.channels:
        lines.append(
            f"in {counted(erased.channels, 'channel')}: your messages, the turns about them and what came of these; "
            f"{counted(erased.lines, 'line')} of core memory; {counted(erased.rewritten, 'message')} of mine that held "
            "your words say less now; summaries are made anew"
        )
    if erased.vectors:
        lines.append(f"the index of meanings was written anew, without {counted(erased.vectors, 'vector')} of yours")
    files = len(erased.files) + erased.checkpoints
    if files:
        lines.append(f"{counted(files, 'file')} beside the database removed, or written anew without you")
    if erased.blanked["usage"]:
        lines.append(f"{counted(erased.blanked['usage'], 'call')} of the model stay as numbers that name nobody")
    found = ", ".join(f"{place}: {count}" for place, count in erased.found.items()) or "nothing"
    words = f" and for {counted(erased.words, 'word')} that only you had used" if erased.words else ""
    lines += [
        f"searched again for your id{words}, in {counted(len(erased.searched), 'place')} (every table, the indexes, "
        f"the files). Found: {found}"
    ]
    if erased.backups:
        lines.append(
            f"{counted(len(erased.backups), 'backup')} of the database from before an upgrade may still hold you; "
            f"I remove each when it is {BACKUPS_KEPT // timedelta(days=1)} days old"
        )
    lines.append("out of my reach: exports and backups that whoever runs me made elsewhere, and what other people said")
    head = "Done: you are erased." if erased.is_clean else f"Not all of it is gone yet. {BROKEN_OFF}"
    body = "\n".join(f"- {line}" for line in lines)
    return f"{head}\n\n{body}\n\nWhat you write from now on is new to me."


_WORDS = {
    "messages": "message",
    "passages": "note",
    "documents": "document",
    "blocks": "core memory block",
    "block_edits": "memory edit",
    "inbox": "inbox event",
    "outbox": "outbox row",
    "turns": "turn",
}
