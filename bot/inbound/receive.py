"""From a person's message to the turn it starts: kept first, then handed to the lane of its agent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from adapters.ports.messages import Address, InboundMessage, LastHeard, Origin
from bot import events
from bot.admission import Admission
from bot.delivery.notices import Notices
from bot.delivery.outbox import Outbox
from bot.inbound.attention import Attention, attend
from bot.inbound.lanes import Lanes
from bot.inbound.one_by_one import OneByOne
from bot.inbound.told_zones import ToldZones
from bot.inbound.waiting import Waiting
from bot.log import of_scope
from bot.origins import of_json
from bot.scopes import person_of, scope_of
from bot.timed.few_at_a_time import FewAtATime
from bot.turns.agenda import Agenda, Next
from bot.turns.conductor import Conductor
from bot.turns.outage import Wait
from bot.turns.outage_told import OutageTold
from memory.erasing.floors import Floors
from memory.ports import NewMessage
from memory.sqlite.database import finish
from memory.stores import Stores
from memory.turns.inbox import WaitingEvent
from memory.turns.turn_journal import TurnRecord

logger = logging.getLogger(__name__)

STUCK_S = 30.0
"""After so long a scope is tried again for which the database took nothing."""

CALM_S = 10.0
"""So long after the start a turn is let go that may be what ended the process: what is innocent has come further."""


class Receiver:
    """Keeps events, and wakes the agents that they are for."""

    def __init__(
        self,
        stores: Stores,
        waiting: Waiting,
        admission: Admission,
        outbox: Outbox,
        notices: Notices,
        floors: Floors,
        agenda: Agenda,
        conductor: Conductor,
        outage_told: OutageTold,
        lanes: Lanes,
        zones: ToldZones,
        now: Callable[[], datetime],
        wait: Wait,
        *,
        compares: Collection[str] = (),
    ) -> None:
        """`compares`: the platforms that tell later what was deleted and edited while nobody listened."""
        self._stores = stores
        self._admission = admission
        self._outbox = outbox
        self._notices = notices
        self._floors = floors
        self._agenda = agenda
        self._conductor = conductor
        self._outage_told = outage_told
        self._lanes = lanes
        self._zones = zones
        self._now = now
        self._wait = wait
        self._waiting = waiting
        self._arriving = OneByOne()
        self._stuck: dict[str, asyncio.Task[None]] = {}
        self._letting_go: asyncio.Task[None] | None = None
        self._of_clocks = FewAtATime(self.go_on)
        self._behind = {platform: asyncio.Event() for platform in compares}
        """The platforms of which that is not known yet."""
        self._waiting_for_changes: dict[str, list[str]] = {}
        """By platform, the scopes that wait for it to be known."""

    async def receive(self, message: InboundMessage) -> Awaitable[None]:
        """See `adapters.ports.Receive`."""
        return await finish(self._receive(message))  # whoever is cancelled here: what is kept is answered

    async def wake(self, origin: Origin, /, *events: NewMessage) -> Awaitable[None]:
        """Wake an agent by events that no platform tells; replies go to where the origin is. Else as `receive`."""
        return await finish(self._wake(origin, events))

    async def resume(self, serves: Callable[[Address], bool]) -> None:
        """Take up what an earlier process left: unfinished turns, and events that wait.

        On a platform that compares histories it goes on when that is done (`caught_up`): what waits there may say
        something else by now, or be gone. Where only a clock has something to say, agents go on a few at a time.

        Args:
            serves: whether replies to an address can be delivered by this process.
        """
        scopes: dict[str, str] = {}
        held: list[TurnRecord] = []
        for record in await self._stores.journal.unfinished():
            if serves(address := of_json(record.origin).address):
                scopes[record.scope] = address.platform
                if self._agenda.take_up(record):
                    held.append(record)
        for event in await self._stores.inbox.waiting():
            if serves(address := of_json(event.origin).address):
                self._waiting.note(event)
                scopes[event.scope] = address.platform
        for scope, platform in scopes.items():
            if platform in self._behind:
                self._agenda.wait_for_changes(scope)
                self._waiting_for_changes.setdefault(platform, []).append(scope)
        self._go_on_with([scope for scope, platform in scopes.items() if platform not in self._behind])
        if held:
            self._letting_go = asyncio.create_task(self._let_go(held), name="let go one by one")

    def caught_up(self, platform: str) -> None:
        """See `adapters.ports.CaughtUp`."""
        if (level := self._behind.pop(platform, None)) is None:
            return
        level.set()
        scopes = self._waiting_for_changes.pop(platform, ())
        for scope in scopes:
            self._agenda.knows_changes(scope)
        self._go_on_with(scopes)

    def woken(self, scopes: Sequence[str]) -> None:
        """A clock has something to say to the agents of scopes: run what waits there, a few of them at a time."""
        self._of_clocks.add(scopes)

    def go_on_after_outage(self, scope: str) -> None:
        """The model is to be tried for a scope whose turn waited for it, or answers again."""
        if self._agenda.is_of_clock(scope) and not self._waiting.people(scope):
            self._of_clocks.add([scope])
        else:
            self.go_on(scope)

    def go_on(self, scope: str) -> asyncio.Future[None]:
        """Run all turns that a scope has waiting."""

        async def job() -> None:
            with of_scope(scope):
                while await self._next_turn(scope) is Next.ENDED:
                    pass

        return self._lanes.submit(scope, job)

    async def last_heard(self, platform: str, within: timedelta) -> Sequence[LastHeard]:
        """See `adapters.ports.Hear`."""
        since = self._now() - within
        in_places = map(_last_heard, await self._stores.inbox.last_heard(platform, since))
        in_channels = map(_last_heard, await self._stores.inbox.last_heard_outside_threads(platform, since))
        places = {place.address: place for place in in_places}
        for place in in_channels:
            address = replace(place.address, thread=None)
            places[address] = replace(place, address=address)
        return tuple(places.values())

    async def close(self, grace_s: float) -> None:
        """Begin no more turns, and let those that run end after their step; after the grace, cut it off.

        What is not over goes on at the next start.
        """
        self._agenda.is_closing = self._of_clocks.is_closing = True
        for task in (*self._stuck.values(), self._letting_go):
            if task is not None:
                task.cancel()
        await self._lanes.close(grace_s)

    def _go_on_with(self, scopes: Sequence[str]) -> None:
        """Take up what waits in scopes; where nobody waits for it, and nothing was begun, a few at a time."""
        of_clocks = dict.fromkeys(scope for scope in scopes if self._is_of_clocks(scope))
        for scope in scopes:
            if scope not in of_clocks:
                self.go_on(scope)
        self._of_clocks.add(of_clocks)

    def _is_of_clocks(self, scope: str) -> bool:
        return self._waiting.is_of_clocks(scope) and not self._agenda.is_under_way(scope)

    async def _receive(self, message: InboundMessage) -> Awaitable[None]:
        scope = scope_of(message.origin)
        with of_scope(scope):
            async with self._arriving.of(scope):
                return await self._kept(message)

    async def _kept(self, message: InboundMessage) -> Awaitable[None]:
        if not await self._admission.admits(message.origin):
            return await self._refused(message.origin)
        if message.is_missed and not await self._admission.admitted_at(message.origin, message.sent_at):
            return _Later(_no_turn)  # it was refused when it was written
        attended = await attend(message, self._stores.channels)
        if attended.attention is Attention.IGNORE:
            return _Later(_no_turn)
        message, awaits = await self._quoting_whom_it_may(attended.message), attended.attention is not Attention.HEAR
        now, origin = self._now(), message.origin
        if self._was_erased(origin, message.sent_at):
            logger.info("an event from before its writer was erased is not taken in")
            return _Later(_no_turn)
        is_addressed = attended.attention is Attention.ANSWER
        event = events.user_message(message, is_addressed=is_addressed, awaits_answer=awaits)
        if (fault := events.fault_of(message, now)) is not None:
            if fault in (events.EMPTY, events.LATE) and not is_addressed:
                return _Later(_no_turn)  # a picture, perhaps, or what the platform does not show us; nobody waits
            if await self._stores.inbox.add(event, now, fault=fault) is not None:
                logger.warning("event put aside: %s", fault)
            return _Later(_no_turn)
        if is_addressed and origin.address.thread is not None:
            await self._stores.channels.join(event.scope, origin.address.thread, now)
        await self._zones.note(origin)
        waits = await self._stores.inbox.add(event, now)
        if waits is None and is_addressed:
            waits = await self._stores.inbox.mean(event, now)
        if waits is None:
            logger.info("event known already")
            return _Later(_no_turn)
        self._waiting.note(waits)
        if not awaits:
            self._hear(event.scope)
            return _Later(_no_turn)
        return self._answered([waits.id], origin, tells=is_addressed)

    async def _quoting_whom_it_may(self, message: InboundMessage) -> InboundMessage:
        """The message; nothing is kept of what it replies to if who wrote that is not let in, or erased."""
        said = message.replying_to
        if said is None or said.author is None:
            return message
        writer = replace(message.origin, person=said.author)
        if await self._admission.admits(writer) and not self._was_erased(writer, said.sent_at):
            return message
        return replace(message, replying_to=None)

    def _was_erased(self, origin: Origin, moment: datetime) -> bool:
        """Whether what somebody wrote there at that moment was erased, and is not to come back."""
        return self._floors.hides(person_of(origin), scope_of(origin), moment)

    async def _refused(self, origin: Origin) -> Awaitable[None]:
        """Nothing of what they wrote is kept; they are told why, once in a while."""
        notice = await self._admission.notice(origin)
        if notice is None:
            return _Later(_no_turn)
        logger.info("somebody who is not let in is told so")
        return self._lanes.submit(scope_of(origin), lambda: self._told(origin, notice))

    async def _told(self, origin: Origin, notice: str) -> None:
        await self._notices.say(origin, notice)

    async def _wake(self, origin: Origin, woken_by: Sequence[NewMessage]) -> Awaitable[None]:
        if not await self._admission.admits(origin):
            return _Later(_no_turn)
        async with self._arriving.of(scope_of(origin)):
            added = [await self._stores.inbox.add(events.of_ours(origin, event), self._now()) for event in woken_by]
            waiting = [event for event in added if event is not None]
            for event in waiting:  # once all are kept, so that no turn takes some of them alone
                self._waiting.note(event)
        return self._answered([event.id for event in waiting], origin) if waiting else _Later(_no_turn)

    def _hear(self, scope: str) -> None:
        """Have the agent take note of what was said; it wakes for no turn, and nobody waits for it."""

        async def job() -> None:
            with of_scope(scope):
                while (outcome := await self._conductor.hear(scope)) is Next.ENDED:
                    pass
                if outcome is Next.STUCK:
                    self._go_on_later(scope)

        self._lanes.submit(scope, job)

    def _answered(self, ids: Sequence[int], origin: Origin, *, tells: bool = True) -> Awaitable[None]:
        """The turn of an event, or of several that came together, to be awaited.

        `tells`: should the model be down, whoever wrote is told.
        """
        scope, id_ = scope_of(origin), ids[-1]

        async def job() -> None:
            with of_scope(scope):
                while self._waiting.holds(scope, id_):
                    try:
                        outcome = await self._next_turn(scope, id_)
                    except asyncio.CancelledError:
                        self.go_on(scope)  # a turn that came before theirs was cut off with it
                        raise
                    if outcome is not Next.ENDED:
                        if tells:
                            await self._outage_told.tell(origin)
                        return

        turn = self._lanes.submit(scope, job)

        async def answered() -> None:
            try:
                await turn
            except asyncio.CancelledError:
                waiting = () if self._agenda.is_closing else [id_ for id_ in ids if self._waiting.holds(scope, id_)]
                for id_ in waiting:
                    self._waiting.forget(scope, id_)
                for id_ in waiting:
                    await self._stores.inbox.withdraw(id_)
                raise
            await self._outbox.settled(origin.address)
            await self._notices.settled(origin.address.platform)

        return _Later(answered)

    async def _next_turn(self, scope: str, for_event: int | None = None) -> Next:
        outcome = await self._conductor.next_turn(scope, for_event)
        if outcome is Next.STUCK:
            self._go_on_later(scope)
        return outcome

    def _go_on_later(self, scope: str) -> None:
        async def later() -> None:
            await self._wait(STUCK_S)
            self._stuck.pop(scope)
            self.go_on(scope)

        if scope not in self._stuck:
            self._stuck[scope] = asyncio.create_task(later(), name=f"go on later with {scope}")

    async def _let_go(self, held: Iterable[TurnRecord]) -> None:
        """One by one, the least suspect first: should the process end again, it was the one that was let go last."""

        def is_level(record: TurnRecord) -> asyncio.Event | None:
            return self._behind.get(of_json(record.origin).address.platform)

        await self._wait(CALM_S)
        for record in sorted(held, key=lambda record: (is_level(record) is not None, record.resumed)):
            if (level := is_level(record)) is not None:
                await level.wait()
                await self._wait(CALM_S)
            self._agenda.let_go(record.scope)
            await asyncio.wait([self.go_on(record.scope)])


def _last_heard(event: WaitingEvent) -> LastHeard:
    origin = of_json(event.origin)
    return LastHeard(origin.address, origin.is_direct, origin.space, event.message_id or "", event.sent_at)


class _Later:
    """Something that may be awaited, and costs nothing if nobody does."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, None, None]:
        return self._work().__await__()


async def _no_turn() -> None:
    """Nothing to wait for."""
