"""Delivers replies: in order at each address, once, however often the platform, the network or the process fails."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.ports.errors import CannotTell, DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Address
from adapters.ports.platform import ChatPlatform, Sought, TakesReactions, TellsConnection
from bot.metering.metrics import NO_METRICS, Metrics
from memory.sqlite.database import Transaction
from memory.turns.outbox import OpenReply, OutboxStore, Reaction

logger = logging.getLogger(__name__)

GIVEN_UP_AFTER = timedelta(hours=24)
"""A reply that fails when it is this old is not tried again."""

CLOCKS_DIFFER_BY = timedelta(minutes=10)
"""At most, ours and the platform's: so much earlier a reply may have been posted than it was decided."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
"""Pauses between tries double from the one to the other."""

MAX_BROKEN_TRIES = 10
"""How often in a row an adapter may break over a reply, in a way that no adapter should."""

ANSWERS_WITHIN_S = 300.0
"""A platform that says nothing for so long is left; far longer than an adapter's own time limits."""


@dataclass(frozen=True, slots=True)
class _BackOff:
    """A pause of our own before the next try, on a platform that tells its connection: a new one ends it."""

    reply_id: int
    until: datetime
    tries: int
    """How many have failed since the last one."""


@dataclass(eq=False, slots=True)
class _Line:
    """A busy address, and the task that delivers there."""

    address: Address
    handed: tuple[OpenReply, ...] = ()
    """All that is open there, as it was just written: the first is marked as being sent."""
    task: "asyncio.Task[None] | None" = None
    is_woken: bool = False
    """Something was added since the task last looked."""
    pause: "asyncio.Future[None] | None" = None
    at_rest: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing is due: all is done, or waits for a later try."""
    broken_tries: int = 0
    """In a row, over the reply that comes first."""
    storage_faults: int = 0
    """In a row."""
    cut_since: datetime | None = None
    """Since when it waits for the platform's connection."""
    is_reconnected: bool = False
    """The platform was connected anew since the last try began."""
    back_off: _BackOff | None = None

    def not_before(self, reply: OpenReply) -> datetime | None:
        """When a reply may be tried again."""
        return self.back_off.until if self.back_off and self.back_off.reply_id == reply.id else reply.next_try_at

    def tries_of(self, reply: OpenReply) -> int:
        """How often in a row it has failed on this connection."""
        return self.back_off.tries if self.back_off and self.back_off.reply_id == reply.id else 0

    def stir(self) -> None:
        """Have the task look again at what is due."""
        self.is_woken = True
        if self.pause is not None:  # what it waits for may be gone
            self.at_rest.clear()
            self.pause.cancel()


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a reply was not delivered; `is_unsure`: it may have been posted all the same."""

    fault: str
    is_unsure: bool
    is_final: bool = False
    retry_after: float | None = None
    bug: Exception | None = None


class Outbox:
    """One task for each address where something is to be delivered; an idle address has none."""

    def __init__(
        self,
        store: OutboxStore,
        platforms: Mapping[str, ChatPlatform],
        now: Callable[[], datetime],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        metrics: Metrics = NO_METRICS,
        *,
        compares: Collection[str] = (),
    ) -> None:
        """An outbox that delivers nothing before it is woken.

        Args:
            store: what is to be delivered.
            platforms: those that are served, by name; what is for another stays.
            now: the clock.
            wait: waits a number of seconds.
            metrics: takes note of what becomes of replies.
            compares: the platforms that tell later what was deleted and edited while nobody listened.
        """
        self._store = store
        self._platforms = platforms
        self._now = now
        self._wait = wait
        self._metrics = metrics
        self._lines: dict[Address, _Line] = {}
        self._behind: dict[str, set[Address]] = {platform: set() for platform in compares}
        """Where an earlier process left replies, on platforms of which that is not known yet."""
        self._is_closing = False

    async def add(
        self,
        transaction: Transaction,
        agent_id: int,
        turn_id: int,
        address: Address,
        texts: Sequence[str | Reaction],
        reply_to: str | None = None,
    ) -> tuple[OpenReply, ...]:
        """Keep replies with the step that decided them; returns what `wake` is to be called with after the commit.

        Each is kept as the messages that the platform can show it in, so that each of these is delivered once.
        """
        place = (address.platform, address.channel, address.thread)
        # Where nothing else is to be delivered the first goes out at once: no commit more to say so, no look for it.
        is_sending = address not in self._lines and self._delivers_to(address) and self._is_connected(address)
        if (platform := self._platforms.get(address.platform)) is not None:
            texts = [part for text in texts for part in _parts_of(text, platform)]
        added = await self._store.add(
            transaction, agent_id, turn_id, *place, texts, self._now(), reply_to=reply_to, is_sending=is_sending
        )
        return added if is_sending else ()

    def takes_reactions(self, address: Address) -> bool:
        """Whether messages at an address can be reacted to."""
        return isinstance(self._platforms.get(address.platform), TakesReactions)

    async def resume(self, serves: Callable[[Address], bool]) -> None:
        """Take up what an earlier process left at the addresses that this one serves.

        On a platform that compares histories it goes out when that is done (`caught_up`): what it answers may be gone.
        """
        for place in await self._store.addresses():
            if serves(address := Address(*place)):
                if address.platform in self._behind:
                    self._behind[address.platform].add(address)
                self.wake(address)

    def caught_up(self, platform: str) -> None:
        """See `adapters.ports.CaughtUp`."""
        for address in self._behind.pop(platform, ()):
            self.wake(address)

    def wake(self, address: Address, handed: tuple[OpenReply, ...] = ()) -> None:
        """Deliver what was added for an address; called after the commit, with what `add` returned."""
        if not self._delivers_to(address):
            return
        line = self._lines.get(address)
        if line is None:
            line = self._lines[address] = _Line(address, handed)
            line.task = asyncio.create_task(self._run(line), name=f"outbox {address.platform}:{address.channel}")
            return
        line.stir()

    def connected(self, platform: str) -> None:
        """A platform that tells its connection has a new one: what waited for it, or for the end of a pause, goes out.

        Only what the platform itself asked us to wait for is still waited for.
        """
        for address, line in self._lines.items():
            if address.platform == platform:
                line.back_off, line.is_reconnected = None, True
                line.stir()

    async def settled(self, address: Address) -> None:
        """Wait until nothing is due at an address: all is sent, given up, or put off for later."""
        if (line := self._lines.get(address)) is not None:
            await line.at_rest.wait()

    async def close(self, grace: float) -> None:
        """Begin nothing more, and give what is being sent so many seconds to end; the rest is for the next start."""
        self._is_closing = True
        for line in self._lines.values():
            if line.pause is not None:
                line.pause.cancel()
        tasks = [line.task for line in self._lines.values() if line.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.wait(tasks)

    def _delivers_to(self, address: Address) -> bool:
        is_held = address in self._behind.get(address.platform, ())
        return not self._is_closing and address.platform in self._platforms and not is_held

    def _is_connected(self, address: Address) -> bool:
        platform = self._platforms[address.platform]
        return not isinstance(platform, TellsConnection) or platform.is_connected

    # ── an address ───────────────────────────────────────────────────────────────────────────────────

    async def _run(self, line: _Line) -> None:
        try:
            while not self._is_closing:
                line.is_woken = line.is_woken and bool(line.handed)  # what was handed is not what came after it
                pause_s = await self._deliver_due(line)
                if pause_s is not None:
                    await self._pause(line, pause_s)
                elif not line.is_woken:
                    return
        finally:
            del self._lines[line.address]
            line.at_rest.set()

    async def _pause(self, line: _Line, seconds: float) -> None:
        """Wait, but no longer than until the next wake."""
        if line.is_woken or self._is_closing:
            return
        line.pause = asyncio.ensure_future(self._wait(seconds))
        line.at_rest.set()
        try:
            await asyncio.wait([line.pause])
        finally:
            line.pause.cancel()
            line.pause = None
            line.at_rest.clear()

    async def _deliver_due(self, line: _Line) -> float | None:
        """Deliver what is due; returns in how many seconds more will be, None if nothing is left."""
        address = line.address
        try:
            handed, line.handed = line.handed, ()
            replies = handed or await self._store.open_of(address.platform, address.channel, address.thread)
            pause_s = await self._deliver(line, replies, is_marked=bool(handed))
        except Exception:
            # Of the database: what the platform raises never gets here. What was sent and could not be marked will be
            # looked for.
            logger.exception("the outbox cannot be read or written")
            line.storage_faults += 1
            return pause_after(line.storage_faults - 1, None)
        line.storage_faults = 0
        return pause_s

    async def _deliver(self, line: _Line, replies: Sequence[OpenReply], *, is_marked: bool) -> float | None:
        """Deliver in order, as far as it goes; returns as `_deliver_due` does.

        Args:
            line: the address.
            replies: what is open there.
            is_marked: the first is marked as being sent; as later ones are together with the one before.
        """
        for at, reply in enumerate(replies):
            if not is_marked and self._is_closing:
                return None
            now = self._now()
            if not self._is_connected(line.address):
                if is_marked:  # the connection went in this very moment
                    await self._store.hold(reply.id)
                    is_marked = False
                pause_s = await self._cut_off(line, reply, now)
                if pause_s is not None:
                    return pause_s
                continue
            line.cut_since = None
            if (not_before := line.not_before(reply)) is not None and not_before > now:
                return (not_before - now).total_seconds()
            if not is_marked and not reply.is_unsure and not await self._store.sending(reply.id):
                continue  # its agent was erased, or its turn taken back
            line.is_reconnected = False
            outcome = await self._try(line.address, reply)
            if isinstance(outcome, _Failure):
                pause_s, is_marked = await self._failed(line, reply, outcome), False
                if pause_s is not None:
                    return pause_s
                continue
            line.broken_tries = 0
            following = None if self._is_closing else _fresh(replies[at + 1 : at + 2])
            is_marked = await self._store.sent(reply.id, outcome or None, self._now(), following)
            self._metrics.delivered("sent")
        return None

    # ── a reply ──────────────────────────────────────────────────────────────────────────────────────

    async def _try(self, address: Address, reply: OpenReply) -> str | _Failure:
        """Have the platform show a reply, unless it shows it already; returns its name for it, empty if it has none."""
        platform = self._platforms[address.platform]
        is_unsure = reply.is_unsure
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                if reply.is_reaction:  # one that stands there already is as good, so nobody looks for it
                    return await _react(platform, address, reply)
                found = (
                    await platform.find_sent(address, reply.key, await self._sought(address, reply))
                    if is_unsure
                    else None
                )
                is_unsure = False
                if found is not None:
                    return found
                return await platform.send(address, reply.text, reply.key, reply_to=reply.reply_to) or ""
        except PlatformUnavailable as error:
            return _Failure(str(error), is_unsure or error.may_be_posted, retry_after=error.retry_after)
        except DeliveryRefused as error:
            return _Failure(str(error), is_unsure, is_final=True)
        except CannotTell as error:
            return _Failure(str(error), is_unsure=True, is_final=True)
        except TimeoutError:
            return _Failure("no answer from the platform", is_unsure=True)
        except Exception as error:  # an adapter must not raise it; the reply gets a few more chances
            return _Failure(type(error).__name__, is_unsure=True, bug=error)

    async def _sought(self, address: Address, reply: OpenReply) -> Sought:
        """What else is known of a reply that may have been posted.

        It is looked for by the platform's clock; what is known was noted by ours, so that reaches back further.
        """
        since = reply.created_at - CLOCKS_DIFFER_BY
        known = await self._store.sent_since(address.platform, address.channel, since - CLOCKS_DIFFER_BY)
        return Sought(reply.text, since, known)

    async def _failed(self, line: _Line, reply: OpenReply, failure: _Failure) -> float | None:
        """Put a reply off, or give it up; returns in how many seconds it may be tried again, None if it is given up."""
        now = self._now()
        left_s = (reply.created_at + GIVEN_UP_AFTER - now).total_seconds()
        line.broken_tries = line.broken_tries + 1 if failure.bug else 0
        if failure.is_final or left_s <= 0 or line.broken_tries >= MAX_BROKEN_TRIES:
            await self._give_up(line, reply, failure, now)
            return None
        tells = isinstance(self._platforms[line.address.platform], TellsConnection)
        tries, asked_s = line.tries_of(reply) if tells else reply.attempts, min(failure.retry_after or 0.0, left_s)
        # A connection that came during the try may be the cure of what the try failed of.
        pause_s = asked_s if line.is_reconnected else min(pause_after(tries, asked_s), left_s)
        if line.broken_tries == 1:
            logger.error("an adapter broke over reply %d", reply.id, exc_info=failure.bug)
        else:
            logger.warning("reply %d was put off for %.0f s: %s", reply.id, pause_s, failure.fault)
        self._metrics.retried("delivery")
        kept_s = pause_s
        if tells:  # what we add of our own ends with the next connection, so the next process need not know of it
            line.back_off = _BackOff(reply.id, now + timedelta(seconds=pause_s), tries + 1)
            kept_s = asked_s
        later = now + timedelta(seconds=kept_s) if kept_s else None
        await self._store.put_off(reply.id, later, failure.fault, is_unsure=failure.is_unsure)
        return pause_s

    async def _cut_off(self, line: _Line, reply: OpenReply, now: datetime) -> float | None:
        """Let a reply wait for the connection, or give it up once it is too old; returns as `_failed` does.

        One that was too old already when the wait began, as no process was there to send it, waits as long from then.
        """
        line.cut_since = line.cut_since or now
        ends_at = reply.created_at + GIVEN_UP_AFTER
        if ends_at <= line.cut_since:
            ends_at = line.cut_since + GIVEN_UP_AFTER
        if ends_at > now:  # `connected` ends the pause
            return (ends_at - now).total_seconds()
        await self._give_up(line, reply, _Failure("the platform is not connected", reply.is_unsure), now)
        return None

    async def _give_up(self, line: _Line, reply: OpenReply, failure: _Failure, now: datetime) -> None:
        line.broken_tries = 0
        if failure.is_unsure and not reply.is_reaction:
            await self._store.doubtful(reply.id, failure.fault, now)
            self._metrics.delivered("doubtful")
            logger.error("nobody knows whether reply %d was posted; given up: %s", reply.id, failure.fault)
        else:
            await self._store.dead(reply.id, failure.fault, now)
            self._metrics.delivered("dead")
            logger.error("reply %d could not be delivered; given up: %s", reply.id, failure.fault)


def _parts_of(text: str | Reaction, platform: ChatPlatform) -> Sequence[str | Reaction]:
    return (text,) if isinstance(text, Reaction) else platform.parts_of(text)


async def _react(platform: ChatPlatform, address: Address, reply: OpenReply) -> str:
    """Returns the platform's name for the reaction: it has none."""
    if not isinstance(platform, TakesReactions) or reply.reply_to is None:
        raise DeliveryRefused("this platform knows no reactions")
    await platform.react(address, reply.reply_to, reply.text)
    return ""


def pause_after(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next try, when so many had failed before this one; never less than the platform asked for.

    Up to a quarter less by chance, so that what an outage held up does not come back all at once.
    """
    doubled = min(FIRST_PAUSE_S * 2.0 ** min(attempts, 20), LONGEST_PAUSE_S)
    return max(doubled * random.uniform(0.75, 1.0), retry_after or 0.0)


def _fresh(following: Sequence[OpenReply]) -> int | None:
    """The next reply's id, if nothing stands against sending it at once."""
    return next((reply.id for reply in following if not reply.is_unsure and reply.next_try_at is None), None)
