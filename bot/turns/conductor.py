"""The next turn of a scope, from what woke it to its end; and the one place where a turn's errors end."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from adapters.ports.errors import ModelError, ModelUnavailable
from adapters.ports.messages import Address, Origin
from adapters.ports.platform import ChatPlatform
from bot.admission import Admission
from bot.agents import Agents
from bot.delivery.notices import Notices
from bot.errors import BudgetSpent, ContextTooSmall, TurnGivenUp
from bot.inbound.waiting import Waiting
from bot.metering.budgets import Budgets
from bot.metering.charges import Charge, charged_to
from bot.metering.metrics import Metrics, TurnOutcome
from bot.origins import of_json
from bot.scopes import person_of
from bot.slash.command import WENT_WRONG
from bot.timed.reflection import Reflections, is_reflection
from bot.turns.outage import Outage
from bot.turns.turn import Ended, Observe, OpenTurn, Turns
from memory.people.told import Told
from memory.people.usage import ModelCall, UsageStore
from memory.ports import ChangedMeanwhile, Kind
from memory.sqlite.database import Database, Transaction, finish, is_passing
from memory.turns.inbox import Inbox, WaitingEvent
from memory.turns.turn_journal import DONE, IS_PROMISED, LEAVES_NOTHING, PARKED, STOPPED, TurnJournal, TurnRecord

logger = logging.getLogger(__name__)

BESIDE_OTHERS, BY_ITSELF = 2, 1
"""So often a turn is begun again without getting a step further: it may be what ends the process.

At first with all others that were under way, any of which may be it; then without them, so that who is blamed is it.
"""

KEPT = "I have kept your message and will answer it when I can."
NO_ANSWER_OF_MODEL = "the language model gave no answer"
OUTAGE = "the model is down"
"""What somebody was told of, once an outage."""

UNASKED = (Kind.HEARTBEAT, Kind.REFLECTION)
"""Events of which nobody counts on anything coming."""

LATE_AFTER = timedelta(minutes=5)
"""A heartbeat that has waited longer, for the process to start again perhaps, comes no more: by now it may be night."""

TRY_AGAIN = "Please try again in a while."


class Next(StrEnum):
    """What came of asking for the next turn of a scope."""

    NOTHING = "nothing"
    """Nothing waits."""
    ENDED = "ended"
    PUT_OFF = "put off"
    """It waits for something, and so does all that comes after it."""
    STUCK = "stuck"
    """The database takes nothing; it is to be tried later."""


@dataclass(frozen=True, slots=True)
class Woken:
    """What a turn is about: events that wait, or the record of a turn that was left unfinished."""

    scope: str
    origin: Origin
    is_timed: bool
    events: tuple[WaitingEvent, ...] = ()
    record: TurnRecord | None = None
    is_heard: bool = False
    """The events are only taken note of; nobody waits for an answer to them."""
    since: float = field(default_factory=time.monotonic)

    @property
    def is_addressed(self) -> bool:
        """Whether somebody may expect an answer, and is to see that it is on its way."""
        return not self.is_timed and (not self.events or self.events[0].is_addressed)

    @property
    def is_promised(self) -> bool:
        """Whether somebody counts on hearing of it, although nobody is there: a follow-up."""
        if self.record is not None:
            return bool(self.record.progress.get(IS_PROMISED))
        return bool(self.events) and self.events[0].kind is Kind.FOLLOW_UP

    def is_late(self, now: datetime) -> bool:
        """Whether it is a heartbeat that was to be long ago, or to go on."""
        if not self.is_timed or self.is_promised:
            return False
        if self.record is not None:
            is_heartbeat, since = not self.record.progress.get(LEAVES_NOTHING), self.record.changed_at
        else:
            is_heartbeat, since = self.events[0].kind is Kind.HEARTBEAT, self.events[0].received_at
        return is_heartbeat and since is not None and now - since > LATE_AFTER

    @property
    def seconds(self) -> float:
        """How long ago it was woken."""
        return time.monotonic() - self.since


class Conductor:
    """Runs one turn after the other, each in the lane of its scope."""

    def __init__(
        self,
        database: Database,
        agents: Agents,
        turns: Turns,
        reflections: Reflections,
        waiting: Waiting,
        inbox: Inbox,
        journal: TurnJournal,
        outage: Outage,
        notices: Notices,
        usage: UsageStore,
        budgets: Budgets,
        told: Told,
        admission: Admission,
        platforms: Mapping[str, ChatPlatform],
        observe: Callable[[str], Observe | None],
        *,
        retries_for: timedelta,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._agents = agents
        self._turns = turns
        self._reflections = reflections
        self._waiting = waiting
        self._inbox = inbox
        self._journal = journal
        self._outage = outage
        self._notices = notices
        self._usage = usage
        self._budgets = budgets
        self._told = told
        self._admission = admission
        self._platforms = platforms
        self._observe = observe
        self._retries_for = retries_for
        self._now = now
        self._metrics = metrics
        self._unfinished: dict[str, list[int]] = {}
        """The turns that are to go on, in order; more than one of a scope were left by an earlier process only."""
        self._of_clocks: set[str] = set()
        """Scopes that wait for the model with a turn that a clock set off."""
        self._held: set[str] = set()
        """Scopes whose turn may be what ended earlier processes."""
        self._behind: set[str] = set()
        """Scopes of which it is not known yet what people deleted and edited while nobody listened."""
        self.is_closing = False
        """From now on no turn begins, and those that run end after their step."""

    def take_up(self, record: TurnRecord) -> bool:
        """Go on with a turn that an earlier process left, when its scope is next asked for.

        Returns:
            Whether it is held until `let_go`, as it may be what ended that process, and others before.
        """
        self._unfinished.setdefault(record.scope, []).append(record.id)
        if record.resumed >= BESIDE_OTHERS:
            self._held.add(record.scope)
        if record.failing_since is not None:
            self._outage.since = min(self._outage.since or record.failing_since, record.failing_since)
        return record.scope in self._held

    def let_go(self, scope: str) -> None:
        """Go on with a turn that was held, when its scope is next asked for."""
        self._held.discard(scope)

    def wait_for_changes(self, scope: str) -> None:
        """Begin no turn of a scope until it is known what was deleted and edited there while nobody listened."""
        self._behind.add(scope)

    def knows_changes(self, scope: str) -> None:
        """That is known now; go on when its scope is next asked for."""
        self._behind.discard(scope)

    def is_of_clock(self, scope: str) -> bool:
        """Whether a clock set off the turn of a scope that waits for the model: nobody is there to wait for it."""
        return scope in self._of_clocks

    def is_under_way(self, scope: str) -> bool:
        """Whether a turn of a scope was begun and is to go on."""
        return scope in self._unfinished

    def _is_held(self, scope: str) -> bool:
        return self.is_closing or scope in self._held or scope in self._behind

    async def next_turn(self, scope: str, for_event: int | None = None) -> Next:
        """Run the turn that was left unfinished, or else one about what waits; to be called in the scope's lane only.

        It never raises but when cancelled. That stops the turn for good if it is one about `for_event`, the event that
        whoever cancels it waits for, unless the program is about to end. Any other turn is left to go on.
        """
        if self._is_held(scope):
            return Next.PUT_OFF
        try:
            woken = await self._woken(scope)
            if woken is not None and await finish(self._let_pass_of_shut_out(woken)):
                return Next.ENDED
            is_heard = woken is not None and (woken.is_heard or await self._is_asleep(woken))
        except Exception:
            logger.exception("the journal cannot be read")
            return Next.STUCK
        if woken is None:
            return Next.NOTHING
        if is_heard:
            return await self._hear(woken)
        if woken.record is not None and woken.record.resumed >= BESIDE_OTHERS + BY_ITSELF:
            logger.error("turn parked: begun %d times without a step turn=%d", woken.record.resumed, woken.record.id)
            told = "the program ended whenever it came to this"
            # Of what a clock set off and leaves nothing, a reflection, nobody knows.
            is_unknown = woken.is_timed and woken.record.progress.get(LEAVES_NOTHING)
            tells = None if is_unknown else WENT_WRONG
            return await self._surely(woken, self._put_aside(woken, None, told, tells=tells))
        if woken.is_late(self._now()):
            return await self._surely(woken, self._let_pass(woken))
        if woken.record is not None and self._gives_way(woken):
            return await self._surely(woken, self._end(woken, None, DONE, "done"))
        if (
            self._outage.is_on
            and self._now() - (since := self._failing_since(woken)) >= self._retries_for > timedelta()
        ):
            return await self._waited_out(woken, since)
        turn: OpenTurn | None = None
        opening: asyncio.Future[OpenTurn | None] | None = None
        try:
            async with self._showing_work(woken.origin.address) if woken.is_addressed else nullcontext():
                opening = asyncio.ensure_future(self._open(woken))
                turn = await finish(opening)
                self._forget(woken)
                is_theirs = turn is not None and await self._is_let_in(woken, turn)
                ended = await self._run(woken, turn) if turn is not None and is_theirs else None
        except asyncio.CancelledError:
            logger.info("turn cancelled")
            if opening is not None and not opening.cancelled() and opening.exception() is None:
                turn = opening.result()  # it was begun, beyond recall, when we were told
            is_theirs = any(event.id == for_event for event in woken.events)
            await finish(self._cancelled(woken, turn, is_theirs=is_theirs))
            raise
        except Exception as error:
            outcome = await finish(self._failed(woken, turn, error))
            if outcome is not Next.STUCK:
                self._forget(woken)
            return outcome
        if ended is Ended.YIELDED and turn is not None:  # its last step was written as such
            self._over(scope, turn.id)
            self._metrics.turn_ended("done", woken.seconds)
        elif ended is Ended.GAVE_WAY:
            return await self._surely(woken, self._end(woken, turn, DONE, "done"), turn)
        elif ended is None:  # its events were taken back, or whoever wrote them was shut out
            return await self._surely(woken, self._end(woken, turn, STOPPED), turn)
        return Next.PUT_OFF if ended is Ended.PAUSED else Next.ENDED

    async def hear(self, scope: str) -> Next:
        """Take note of what was said and wants no turn, as far as no turn comes before it; else as `next_turn`."""
        if self._is_held(scope) or scope in self._unfinished:
            return Next.PUT_OFF
        if not (events := self._waiting.heard(scope)):
            return Next.NOTHING
        woken = self._of(scope, events, is_heard=True)
        try:
            if await finish(self._let_pass_of_shut_out(woken)):
                return Next.ENDED
        except Exception:
            logger.exception("what was said by somebody who was shut out could not be taken out of the inbox")
            return Next.STUCK
        return await self._hear(woken)

    async def tell(self, origin: Origin, text: str) -> None:
        """Tell a person what is of use at this moment alone, as far as that works."""
        await self._notices.say(origin, text)

    async def tell_of_outage(self, origin: Origin) -> None:
        """Tell a person, once an outage, that their answer comes later; nobody waits until that is heard."""
        if self._outage.is_on and self._outage.since is not None:
            await self._tell_of_outage(origin, "I cannot reach my language model right now.", self._outage.since)

    async def _tell_of_outage(self, origin: Origin, sentence: str, since: datetime | None) -> bool:
        """The same of the outage that began at a moment; False if it is over."""
        if since is None or self._outage.since != since:
            return False
        if not self._outage.is_news_to(person_of(origin)):
            return True
        try:  # an earlier process may have told them, of another place
            is_news = await self._told.once_since(origin.address.platform, OUTAGE, person_of(origin), since)
        except Exception:
            logger.exception("that somebody is told of the outage could not be written down")
            is_news = True
        if self._outage.since != since:
            return False
        if is_news:
            self._notices.say_soon(origin, f"{sentence} {KEPT}", lambda: self._outage.since == since)
        return True

    async def _woken(self, scope: str) -> Woken | None:
        while (turn_id := next(iter(self._unfinished.get(scope, ())), None)) is not None:
            if (record := await self._journal.find(turn_id)) is not None:
                return Woken(scope, of_json(record.origin), record.is_timed, record=record)
            self._over(scope, turn_id)  # erased meanwhile
        if events := self._waiting.heard(scope):
            return self._of(scope, events, is_heard=True)
        events = self._waiting.next(scope)
        if not events:
            return None
        # While the model is down, what is not meant for the bot is no reason to try it.
        is_considered = events[0].is_addressed or (not self._outage.is_on and await self._agents.thinks(scope))
        return self._of(scope, events, is_heard=not is_considered)

    def _goes_on(self, scope: str, turn_id: int) -> None:
        """A turn is to go on before anything else of its scope."""
        turns = self._unfinished.setdefault(scope, [])
        if turn_id not in turns:
            turns.insert(0, turn_id)

    def _over(self, scope: str, turn_id: int) -> None:
        self._of_clocks.discard(scope)
        turns = self._unfinished.get(scope, [])
        if turn_id in turns:
            turns.remove(turn_id)
        if not turns:
            self._unfinished.pop(scope, None)

    def _of(self, scope: str, events: tuple[WaitingEvent, ...], *, is_heard: bool) -> Woken:
        return Woken(scope, of_json(events[0].origin), events[0].is_timed, events, is_heard=is_heard)

    async def _hear(self, woken: Woken) -> Next:
        try:
            await self._turns.hear(await self._agents.get(woken.scope), woken.events, self._agents.keep)
        except Exception as error:
            logger.exception("what was said could not be taken note of")
            if is_passing(error):
                return Next.STUCK
            try:
                await self._put_aside(woken, None, "it could not be taken note of; the log says why")
            except Exception:
                logger.exception("what became of it could not be written down")
                return Next.STUCK
        self._forget(woken)
        return Next.ENDED

    @asynccontextmanager
    async def _showing_work(self, address: Address) -> AsyncIterator[None]:
        """Show that an answer is on its way; a platform that cannot costs nobody the answer."""
        try:
            working = self._platforms[address.platform].working(address)
            await working.__aenter__()
        except Exception:
            logger.exception("cannot show that an answer is on its way")
            yield
            return
        try:
            yield
        finally:
            try:
                await working.__aexit__(None, None, None)
            except Exception:
                logger.exception("cannot show that the answer is there")

    async def _is_asleep(self, woken: Woken) -> bool:
        """Whether a clock woke an agent that is paused: then it only takes note, and nothing is left of that either."""
        if not woken.events or not woken.is_timed:
            return False
        return (await self._agents.get(woken.scope)).paused_at is not None

    async def _let_pass_of_shut_out(self, woken: Woken) -> bool:
        """Forget those of the events that waited whose writers were shut out meanwhile; False if there are none."""
        gone = [event for event in woken.events if not await self._admission.admits(of_json(event.origin))]
        if not gone:
            return False
        async with self._database.write() as transaction:
            await self._inbox.let_pass(transaction, gone)
        for event in gone:
            self._waiting.forget(woken.scope, event.id)
        logger.info("nothing comes of what somebody wrote who was shut out since events=%d", len(gone))
        self._outage.over(woken.scope, waits_on=self._waiting.people(woken.scope) > 0)
        return True

    async def _is_let_in(self, woken: Woken, turn: OpenTurn) -> bool:
        """Whether any of those whom a turn is for may still use the bot."""
        for person in turn.people or (woken.origin.person,):
            if await self._admission.admits(replace(woken.origin, person=person)):
                return True
        logger.info("a turn ends unanswered, as whoever wrote was shut out turn=%d", turn.id)
        return False

    async def _open(self, woken: Woken) -> OpenTurn | None:
        agent = await self._agents.get(woken.scope)
        if woken.record is None:
            return await self._turns.begin(agent, woken.events, self._agents.keep)
        await self._journal.resume(woken.record.id)
        self._metrics.retried("turn")
        return await self._turns.resume(agent, woken.record)

    def _forget(self, woken: Woken) -> None:
        for event in woken.events:
            self._waiting.taken(event)

    async def _run(self, woken: Woken, turn: OpenTurn) -> Ended | None:
        # What several people wrote is paid by all together: none of them may be kept from an answer by another's limit.
        # What a channel's agent does by itself is for nobody in particular.
        is_ones = len(turn.people) < 2 and (turn.event.kind not in UNASKED or woken.origin.is_direct)
        person = person_of(woken.origin) if is_ones else None
        charge = Charge(turn.progress.agent.id, woken.scope, person, woken.is_timed)
        with charged_to(charge) as bill:
            try:
                return await self._stepping(woken, turn)
            finally:
                if (calls := bill.take()) or self._usage.owes:  # of steps that were never committed
                    await self._note_usage(calls)

    async def _stepping(self, woken: Woken, turn: OpenTurn) -> Ended | None:
        """Run a turn; None if what it was about is taken back meanwhile.

        While the model answered, people may have changed what it was shown. Nothing of such an answer was kept, or
        said: it is asked again about what stands there now.
        """
        in_vain = 0
        while True:
            try:
                return await self._runner_of(turn).run(
                    turn,
                    self._agents.keep,
                    self._observe(woken.scope),
                    stops=lambda: self._reason_to_stop(woken),
                    worked=partial(self._outage.worked, woken.scope),
                )
            except ChangedMeanwhile:
                in_vain += 1
                logger.info("messages were changed while the model answered; it is asked again")
            agent, record = await self._agents.get(woken.scope), await self._journal.find(turn.id)
            again = await self._turns.resume(agent, record) if record is not None else None
            if again is None:
                return None
            # Each counts as a step, so that it ends.
            turn = replace(again, progress=replace(again.progress, steps=again.progress.steps + in_vain))

    def _runner_of(self, turn: OpenTurn) -> Turns | Reflections:
        return self._reflections if is_reflection(turn) else self._turns

    async def _note_usage(self, calls: Sequence[ModelCall]) -> None:
        try:
            await self._usage.keep(calls, self._now())
        except Exception:  # what is under way is of more weight
            logger.exception("calls of the model could not be noted yet")

    def _reason_to_stop(self, woken: Woken) -> Ended | None:
        if self.is_closing:
            return Ended.PAUSED
        return Ended.GAVE_WAY if self._gives_way(woken) else None

    def _gives_way(self, woken: Woken) -> bool:
        return woken.is_timed and not woken.is_promised and self._waiting.people(woken.scope) > 0

    # ── how it ends otherwise ────────────────────────────────────────────────────────────────────────

    async def _surely(self, woken: Woken, ending: Awaitable[None], turn: OpenTurn | None = None) -> Next:
        """Write down how a turn ended; if the database does not take that, it comes to its end later."""
        try:
            await finish(ending)
        except Exception:
            logger.exception("what became of it could not be written down")
            if turn is not None:
                self._goes_on(woken.scope, turn.id)
            return Next.STUCK
        return Next.ENDED

    async def _failed(self, woken: Woken, turn: OpenTurn | None, error: Exception) -> Next:
        try:
            return await self._judged(woken, turn, error)
        except Exception as fault:  # the database cannot even take that: the event stays, for another time
            logger.error("turn broke", exc_info=error)
            logger.error("what became of it could not be written down", exc_info=fault)
            if turn is not None:
                self._goes_on(woken.scope, turn.id)
            return Next.STUCK

    async def _judged(self, woken: Woken, turn: OpenTurn | None, error: Exception) -> Next:
        """Whom an error is told to, and what becomes of the turn."""
        is_expected = isinstance(error, (ModelError, BudgetSpent, TurnGivenUp, ContextTooSmall))
        if turn is not None and woken.is_promised and not (isinstance(error, ModelUnavailable) or is_passing(error)):
            logger.warning("said by code, as the model was of no use: %s", error, exc_info=not is_expected)
            await self._remind(woken, turn)
            return Next.ENDED
        is_unasked = turn is not None and (not turn.event.is_addressed or turn.event.kind in UNASKED)
        if turn is not None and is_unasked and is_expected:
            # Nobody waits for an answer, and one that comes late is of no use: it is as if it had only been heard.
            logger.info("nothing said, unasked: %s", error.detail if isinstance(error, ModelError) else error)
            await self._end(woken, turn, DONE, "given_up")
            return Next.ENDED
        if isinstance(error, ModelUnavailable) and turn is not None:
            is_new = woken.record is None or woken.record.failing_since is None
            logger.log(logging.WARNING if is_new else logging.INFO, "no answer from the model: %s", error.detail)
            return await self._without_model(woken, turn, error)
        if is_passing(error):  # what the model said is lost, but not the message
            logger.error("the database takes nothing; the turn goes on later", exc_info=error)
            if turn is not None:
                self._goes_on(woken.scope, turn.id)
            return Next.STUCK
        if isinstance(error, TurnGivenUp):
            logger.warning("turn given up: %s", error)
            await self._end(woken, turn, DONE, "given_up", tells=str(error))
        elif isinstance(error, BudgetSpent):
            logger.warning("turn ended early: %s", error)
            await self._put_aside(woken, turn, str(error), tells=None if woken.is_timed else error)
        elif isinstance(error, (ModelError, ContextTooSmall)):
            logger.warning("turn ended early: %s", error.detail if isinstance(error, ModelError) else error)
            await self._put_aside(woken, turn, str(error), tells=str(error))
        else:  # the last line: the log has it all, the person is told, the process lives
            logger.error("turn broke", exc_info=error)
            told = None if is_unasked else WENT_WRONG
            await self._put_aside(woken, turn, "something went wrong; the log says what", "broken", tells=told)
        return Next.ENDED

    async def _remind_late(self, woken: Woken) -> Next:
        """Say by code what a follow-up was about for which the model was down too long."""
        try:
            turn = await finish(self._open(woken))
        except Exception:
            logger.exception("a follow-up that waited cannot be read")
            return Next.STUCK
        self._forget(woken)
        if turn is None:  # it was cancelled
            return await self._surely(woken, self._end(woken, None, STOPPED))
        return await self._surely(woken, self._remind(woken, turn), turn)

    async def _let_pass(self, woken: Woken) -> None:
        """Nothing comes of what a clock set off."""
        if woken.record is not None:
            await self._end(woken, None, DONE, "given_up")
            return
        async with self._database.write() as transaction:
            await self._inbox.let_pass(transaction, woken.events)
        self._forget(woken)

    async def _remind(self, woken: Woken, turn: OpenTurn) -> None:
        """Say by code what a follow-up was about."""
        await self._turns.remind(turn, await self._agents.get(woken.scope), self._agents.keep)
        self._over(woken.scope, turn.id)
        self._outage.over(woken.scope, waits_on=self._waiting.people(woken.scope) > 0)
        self._metrics.turn_ended("given_up", woken.seconds)

    def _failing_since(self, woken: Woken) -> datetime:
        """Since when it waits for the model, should that be down."""
        if woken.record is not None and woken.record.failing_since is not None:
            return woken.record.failing_since
        now = self._now()
        came_at = woken.events[0].received_at if woken.events else None
        return max(self._outage.since or now, came_at or now)

    async def _without_model(self, woken: Woken, turn: OpenTurn, error: ModelUnavailable) -> Next:
        """Put the turn off until the model answers again, or aside if it has waited long enough."""
        record, since = woken.record, self._failing_since(woken)
        if self._now() - since >= self._retries_for:
            if woken.is_promised:
                await self._remind(woken, turn)
                return Next.ENDED
            told = f"{error} {TRY_AGAIN}" if not self._retries_for else None
            await self._put_aside(woken, turn, f"{NO_ANSWER_OF_MODEL}: {error}", "model_down", tells=told)
            return Next.ENDED
        was_told = woken.is_timed or (record is not None and record.was_told)
        self._goes_on(woken.scope, turn.id)
        (self._of_clocks.add if woken.is_timed else self._of_clocks.discard)(woken.scope)
        self._outage.failed(woken.scope, since + self._retries_for, error.retry_after)
        self._metrics.retried("model")
        began = self._outage.since
        await self._journal.put_off(turn.id, since, was_told=True)  # rather never told than twice
        for origin in () if woken.is_timed else _origins(woken, turn):
            if was_told:  # by an earlier process, perhaps
                self._outage.is_news_to(person_of(origin))
            elif not await self._tell_of_outage(origin, str(error), began):
                # It is over, and the turn goes on; should that be in vain, they are told then.
                await self._journal.put_off(turn.id, since, was_told=False)
                break
        return Next.PUT_OFF

    async def _waited_out(self, woken: Woken, since: datetime) -> Next:
        """Put aside what the model was down for as long as it may wait; it is not tried once more for that."""
        logger.warning("put aside, as the model gives no answer since %s", f"{since:%Y-%m-%d %H:%M:%S}")
        if woken.is_promised:
            return await self._remind_late(woken)
        if woken.is_timed:
            return await self._surely(woken, self._let_pass(woken))
        outcome = await self._surely(woken, self._put_aside(woken, None, NO_ANSWER_OF_MODEL, "model_down"))
        if outcome is Next.ENDED:
            self._forget(woken)
        return outcome

    async def _cancelled(self, woken: Woken, turn: OpenTurn | None, *, is_theirs: bool) -> None:
        if turn is None:
            return
        if is_theirs and not self.is_closing:
            await self._end(woken, turn, STOPPED)
            return
        self._goes_on(woken.scope, turn.id)
        self._forget(woken)
        await self._journal.pause(turn.id)

    async def _put_aside(
        self,
        woken: Woken,
        turn: OpenTurn | None,
        reason: str,
        outcome: TurnOutcome = "parked",
        *,
        tells: str | BudgetSpent | None = None,
    ) -> None:
        if turn is not None or woken.record is not None:
            await self._end(woken, turn, PARKED, outcome, reason, tells=tells)
            return
        async with self._database.write() as transaction:  # it never came to be a turn
            await self._inbox.put_aside(transaction, [event.id for event in woken.events], reason)
            await self._keep_notice(transaction, woken, turn, tells)
        if tells is not None:
            self._notices.wake(woken.origin.address.platform)

    async def _end(
        self,
        woken: Woken,
        turn: OpenTurn | None,
        state: str,
        outcome: TurnOutcome = "stopped",
        reason: str | None = None,
        *,
        tells: str | BudgetSpent | None = None,
    ) -> None:
        """Write down that a turn is over, and tell the person what there is to tell of it."""
        id_ = turn.id if turn is not None else woken.record.id if woken.record is not None else 0
        agent_id = _passes(woken, turn)
        async with self._database.write() as transaction:
            await self._journal.end(transaction, id_, state, self._now(), reason)
            if state == PARKED:
                await self._inbox.park(transaction, id_, reason or "")
            else:
                await self._inbox.finish(transaction, id_)
            if agent_id is not None:
                await self._turns.let_pass(transaction, agent_id, id_)
            await self._keep_notice(transaction, woken, turn, tells)
        if agent_id is not None and (await self._agents.get(woken.scope)).paused_at is None:
            self._agents.let_go(woken.scope)
        self._over(woken.scope, id_)
        self._outage.over(woken.scope, waits_on=self._waiting.people(woken.scope) > 0)
        self._metrics.turn_ended(outcome, woken.seconds)
        if tells is not None:
            self._notices.wake(woken.origin.address.platform)

    async def _keep_notice(
        self, transaction: Transaction, woken: Woken, turn: OpenTurn | None, told: str | BudgetSpent | None
    ) -> None:
        """For each of those who wrote; None: there is nothing to tell. Of a limit each is told once a day."""
        for origin in _origins(woken, turn) if told is not None else ():
            if not isinstance(told, BudgetSpent) or await self._budgets.is_news(transaction, told, person_of(origin)):
                await self._notices.add(transaction, origin, str(told))


def _origins(woken: Woken, turn: OpenTurn | None) -> Sequence[Origin]:
    """Where each of those wrote whom a turn is for."""
    people = (turn.people if turn is not None else ()) or (woken.origin.person,)
    return [replace(woken.origin, person=person) for person in people]


def _passes(woken: Woken, turn: OpenTurn | None) -> int | None:
    """Whose turn it is, if nothing of it is kept."""
    if turn is not None:
        return turn.progress.agent.id if turn.progress.leaves_nothing else None
    record = woken.record
    return record.agent_id if record is not None and record.progress.get(LEAVES_NOTHING) else None
