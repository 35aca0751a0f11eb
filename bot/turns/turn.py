"""A turn: steps until the agent yields."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from adapters.ports.errors import ContextOverflow, ImagesRefused, ModelError
from adapters.ports.messages import Address, Origin, Person
from adapters.ports.progress import StepReport
from bot import events
from bot.agent import Agent
from bot.delivery.outbox import Outbox
from bot.documents.attached import unseen
from bot.documents.reading import FilesOf, Reading
from bot.errors import ContextTooSmall, TurnGivenUp
from bot.events import heard, message_of
from bot.memory_rights.whose_notes import anything, in_turn
from bot.metering.budget_alert import BudgetAlert
from bot.metering.charges import noted_calls
from bot.metering.metrics import NO_METRICS, Metrics
from bot.minds.mind import Mind, Minds
from bot.origins import of_json
from bot.scopes import person_of
from bot.tiers.ports import Answer
from bot.timed.follow_ups import FollowUps, reminder_of
from bot.timed.heartbeats import Heartbeats
from bot.timed.reflection_timer import ReflectionTimer
from bot.turns.commit import Keep, whole
from bot.turns.executor import Draft, Executor, Shelves, ToolContext, ToolResult, write_changes
from bot.turns.first_message import ATTEMPTS, shows_machinery, would_say
from bot.turns.greeting import Greeting
from bot.turns.step import NOT_DECIDED, NOT_HEARD, Progress, alert_of, bare_reply, judge, kept_messages, report_of
from memory.core.agents import AgentStore
from memory.core.change_journal import ChangeKind
from memory.core.core_memory import CoreMemory
from memory.people.usage import UsageStore
from memory.ports import Kind, Message, NewMessage
from memory.sqlite.database import Database, Transaction
from memory.turns.inbox import Inbox, WaitingEvent
from memory.turns.outbox import OpenReply, Reaction
from memory.turns.timers import HEARTBEAT
from memory.turns.turn_journal import TurnJournal, TurnRecord

logger = logging.getLogger(__name__)

MAX_FAULTY_STEPS = 5
"""Steps in a row in which nothing worked (empty answers, failed calls) before a turn is given up."""

FOLD_AFTER_TOKENS = 400
"""Edits of core memory that may wait, in tokens, before the prompt's prefix is built anew."""

SILENCE = "stay_silent"
"""The tool by which a model says that nothing is to be said."""

NO_WORDS = "I have nothing to say to that. Please put it in other words."
NO_ANSWER = "I could not find an answer this time. Please put it in other words."
NO_GREETING = "I could not find the words for a greeting. Please write to me."

Observe = Callable[[StepReport], None]


class Ended(StrEnum):
    """Why a turn takes no further step."""

    YIELDED = "yielded"
    """The agent is done."""
    GAVE_WAY = "gave way"
    """A person's message came while the agent was busy with itself."""
    PAUSED = "paused"
    """The program is about to end; the turn goes on at its next start."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn that is not over.

    Attributes:
        id: in the journal.
        event: what woke the agent; of several messages taken together the last, with the text of all.
        origin: where that came from, and replies go.
        progress: how far it has come, with the agent as it is.
        person: who wrote, if anybody did.
        messages: what woke the agent.
        files: came with them, and are to be read before the first step, or again.
    """

    id: int
    event: Message
    origin: Origin
    progress: Progress
    person: str | None = None
    messages: tuple[Message, ...] = ()
    files: tuple[FilesOf, ...] = ()

    @property
    def address(self) -> Address:
        """Where replies go."""
        return self.origin.address

    @property
    def people(self) -> tuple[Person, ...]:
        """Who wrote what woke the agent, each once."""
        wrote = {it.author_id: it.author_name or "" for it in self.messages if it.author_id is not None}
        return tuple(Person(id_, name) for id_, name in wrote.items())


def _on() -> Ended | None:
    return None


class Turns:
    """Runs turns; holds what is the same for all agents."""

    def __init__(
        self,
        database: Database,
        agents: AgentStore,
        shelves: Shelves,
        inbox: Inbox,
        journal: TurnJournal,
        outbox: Outbox,
        usage: UsageStore,
        minds: Minds,
        executor: Executor,
        greeting: Greeting,
        *,
        follow_ups: FollowUps,
        heartbeats: Heartbeats,
        reflection_timer: ReflectionTimer | None = None,
        expect: Callable[[datetime | None], None],
        budget_alert: BudgetAlert,
        long_absence: timedelta,
        max_steps: int,
        verifies_first: bool,
        now: Callable[[], datetime],
        reading: Reading | None = None,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._database = database
        self._agents = agents
        self._shelves = shelves
        self._inbox = inbox
        self._journal = journal
        self._outbox = outbox
        self._usage = usage
        self._minds = minds
        self._executor = executor
        self._greeting = greeting
        self._follow_ups = follow_ups
        self._heartbeats = heartbeats
        self._reflection_timer = reflection_timer
        self._expect = expect
        self._budget_alert = budget_alert
        self._long_absence = long_absence
        self._max_steps = max_steps
        self._verifies_first = verifies_first
        self._now = now
        self._reading = reading
        self._metrics = metrics

    async def begin(self, agent: Agent, events: Sequence[WaitingEvent], keep: Keep) -> OpenTurn | None:
        """Take events out of the inbox and into the agent's queue: the beginning of a turn. None if they are gone."""
        is_new = not agent.summary and not any(queued.message.kind is Kind.ASSISTANT for queued in agent.queue)
        is_passing = agent.paused_at is not None or events[0].kind is Kind.REFLECTION
        progress = Progress(
            agent,
            is_verified=not (self._verifies_first and is_new),
            leaves_nothing=is_passing,
            has_files=any(event.attachments for event in events),
            is_promised=events[0].kind is Kind.FOLLOW_UP,
        )
        first = events[0]
        begun: list[tuple[int, tuple[Message, ...], tuple[FilesOf, ...]]] = []

        async def commit() -> Agent:
            async with self._database.write() as transaction:
                taken = sorted(await self._inbox.take(transaction, events), key=lambda event: event.id)
                if not taken:
                    return agent
                new = [message_of(event) for event in taken]
                back = () if is_passing else self._back(agent, new)
                all_ = await self._shelves.recall.append(
                    transaction, agent.id, None, (*back, *new), is_passing=is_passing
                )
                turn_id, messages = all_[0].id, all_[len(back) :]
                self._journal.begin(
                    transaction,
                    agent.id,
                    turn_id=turn_id,
                    origin=first.origin,
                    is_timed=first.is_timed,
                    message_ids=[message.id for message in messages],
                    progress=progress.to_json(),
                    now=self._now(),
                )
                self._inbox.give(transaction, taken, turn_id)
            files = _files_of([(event.id, event.attachments) for event in taken], [it.id for it in messages])
            begun.append((turn_id, messages, files))
            passing = agent.passing | {turn_id} if is_passing else agent.passing
            return self._queued(replace(agent, passing=passing, images={}), all_)

        agent = await whole(commit(), keep)
        if not begun:
            return None
        ((turn_id, messages, files),) = begun
        return _open(turn_id, messages, of_json(first.origin), replace(progress, agent=agent), files)

    def _back(self, agent: Agent, new: Sequence[NewMessage]) -> tuple[NewMessage, ...]:
        """That somebody is back who was away for long, of a message to their own agent; it joins the turn of that."""
        if not agent.is_direct or new[0].kind is not Kind.USER_MESSAGE:
            return ()
        seen = (it.message.created_at for it in reversed(agent.queue) if it.message.kind is Kind.USER_MESSAGE)
        last_seen, comes = next(seen, None), new[0].created_at
        if last_seen is None or comes - last_seen < self._long_absence:
            return ()
        return (events.back(new[0].author_name or "", last_seen, comes),)

    async def hear(self, agent: Agent, events: Sequence[WaitingEvent], keep: Keep) -> None:
        """Take note of what was said in the agent's presence; it stands in queue and recall, and no turn begins.

        The queue stays short enough for the next turn, without a call of the model. Of what is said in the presence of
        one that is paused, nothing is left.
        """
        due: list[datetime] = []

        async def commit() -> Agent:
            due.clear()
            async with self._database.write() as transaction:
                taken = await self._inbox.take(transaction, events)
                if agent.paused_at is not None:
                    await self._inbox.let_pass(transaction, taken)
                    return agent
                if not taken:
                    return agent
                messages: tuple[Message, ...] = ()
                for event in taken:  # each by itself, so that the queue may be cut between them
                    messages += await self._shelves.recall.append(transaction, agent.id, None, [heard(event)])
                self._inbox.give(transaction, taken, messages[0].id)
                await self._inbox.finish(transaction, messages[0].id)
                due.extend(await self._people_talked(transaction, agent, of_json(taken[-1].origin), self._now()))
            self._shelves.recall.index_soon()
            return self._queued(agent, messages)

        heard_by = await whole(commit(), keep)
        if due:
            self._expect(min(due))
        await self._minds.of(heard_by).queue_manager.bound(heard_by, keep)

    async def resume(self, agent: Agent, record: TurnRecord) -> OpenTurn | None:
        """Go on with a turn where its last step left it; None if its events are gone."""
        messages = await self._shelves.recall.get(agent.id, record.message_ids)
        if not messages:
            return None
        progress = Progress.of_json(agent, record.progress)
        files: tuple[FilesOf, ...] = ()
        if progress.has_files and not agent.images:  # else the agent at hand has seen them in this turn
            files = _files_of(await self._inbox.files_of(record.id), record.message_ids)
        return _open(record.id, messages, of_json(record.origin), progress, files)

    async def run(
        self,
        turn: OpenTurn,
        keep: Keep,
        observe: Observe | None = None,
        *,
        stops: Callable[[], Ended | None] = _on,
        worked: Callable[[], None] = lambda: None,
    ) -> Ended:
        """Step until the agent yields.

        Args:
            turn: begun, or resumed.
            keep: takes the agent as each commit leaves it, so that nothing committed is forgotten if the turn breaks.
            observe: is told what the agent thought and did.
            stops: asked after each step that is not the last, whether there is a reason to take no other one.
            worked: is told after each step that the model gave an answer.

        Raises:
            ModelUnavailable: the model gives no answer; what was committed stays.
            AnswerWithheld: a content filter left nothing of the answer.
            RequestRefused: the server cannot take the prompt.
            BudgetSpent: the model may not be called any more today.
            TurnGivenUp: no result after the most steps, or after too many faulty ones.
            ContextTooSmall: the model's window is too small for this agent.
            ChangedMeanwhile: people changed messages that the model was shown; nothing of its answer was kept.
        """
        turn = await self._with_files(turn, keep)
        event, progress = turn.event, turn.progress
        while progress.steps < self._max_steps:
            if progress.faulty_steps >= MAX_FAULTY_STEPS:
                logger.warning("turn given up after faulty steps")
                raise TurnGivenUp(NO_ANSWER if event.kind is Kind.USER_MESSAGE else NO_GREETING)
            if progress.steps + 1 == self._max_steps:
                progress = replace(progress, takes_cut=True)
            steps = progress.steps
            progress = await self._step(progress, turn, keep, observe)
            if progress.steps > steps:  # else code gave the answer
                worked()
            if not progress.goes_on:
                if event.awaits_answer and not (progress.has_spoken or progress.has_reacted):
                    raise TurnGivenUp(NO_WORDS if event.kind is Kind.USER_MESSAGE else NO_GREETING)
                return Ended.YIELDED
            if (reason := stops()) is not None:
                return reason
        logger.warning("turn given up at the step limit steps=%d", self._max_steps)
        raise TurnGivenUp("That took me too many steps, so I stopped. Please try again, perhaps with a smaller task.")

    async def _with_files(self, turn: OpenTurn, keep: Keep) -> OpenTurn:
        """The turn with its files read, and its messages telling of them."""
        if not turn.files or self._reading is None:
            return turn
        agent, messages = await self._reading.read(turn.progress.agent, turn.files, turn.messages, turn.address, keep)
        progress = replace(turn.progress, agent=agent)
        return replace(turn, event=_as_one(messages), messages=messages, progress=progress, files=())

    async def _step(self, before: Progress, turn: OpenTurn, keep: Keep, observe: Observe | None) -> Progress:
        event, begun = turn.event, time.monotonic()
        self._agents.check(before.agent.scope, before.agent.revision)
        agent, answer, mind = await self._ask(before.agent, event, keep)
        allowed = [tool.name for tool in mind.compiler.tools(agent)]
        if not before.is_verified:
            agent, answer, mind = await self._verified(agent, answer, mind, event, keep, allowed)
        context = ToolContext(
            agent,
            event,
            self._now(),
            mind.shelves,
            Draft(self._minds.of(agent).compiler.limited(agent.core)),
            turn.origin,
            self._follow_ups,
            await self._heartbeats.allowance(agent.id, self._now()) if event.kind is Kind.HEARTBEAT else None,
            len(answer.calls),
            takes_reactions=self._outbox.takes_reactions(turn.address),
            refuses=anything if agent.is_direct else in_turn([person.id for person in turn.people]),
            for_=_for(turn),
        )
        results = await self._executor.execute(answer.calls, context, allowed, is_cut=answer.is_cut)
        sends: tuple[str | Reaction, ...] = context.draft.sends
        if not answer.calls and event.kind.awaits_answer:
            sends = bare_reply(before, answer)
        said = tuple(sent for sent in sends if isinstance(sent, str))
        reacts = len(sends) > len(said)
        if is_promised := event.kind is Kind.FOLLOW_UP:
            progress = self._judge_promised(before, answer, results, speaks=bool(said))
            if not (progress.goes_on or progress.has_spoken):  # whoever was to hear of it hears of it
                said = sends = (reminder_of(event),)
                progress = replace(progress, has_spoken=True)
        else:
            is_awaited = event.awaits_answer
            progress = judge(before, answer, results, speaks=bool(said), reacts=reacts, is_awaited=is_awaited)
        alert = alert_of(
            before,
            progress,
            answer,
            is_awaited=event.awaits_answer or is_promised,
            unheard=NOT_DECIDED if is_promised else NOT_HEARD,
        )
        new = kept_messages(answer, results, said, alert, context.now)
        if (near_end := await self._budget_alert.text()) is not None:
            new = (*new, events.system_alert(near_end, context.now))

        async def conclude() -> Agent:
            committed, handed = await self._commit(agent, turn, progress, context.draft, new, sends)
            if observe is not None:
                observe(report_of(answer, results, said))
            if sends:
                self._outbox.wake(turn.address, handed)
            return committed

        committed = await whole(conclude(), keep)
        self._metrics.step_done(time.monotonic() - begun)
        # Memory pressure comes before all else: the agent runs again at once, to save what matters.
        is_pressed = committed.warned and not agent.warned
        return replace(progress, agent=committed, goes_on=progress.goes_on or is_pressed)

    def _judge_promised(
        self, before: Progress, answer: Answer, results: tuple[ToolResult, ...], *, speaks: bool
    ) -> Progress:
        """As `judge`, of a follow-up: the model owes words, or the decision that there are none, which counts too."""
        is_silent = any(result.call.name == SILENCE and not result.failed for result in results)
        if answer.is_by_code:  # a model that only writes text
            before = replace(before, was_reminded=True)
        return judge(before, answer, results, speaks=speaks or is_silent, reacts=False, is_awaited=True)

    async def _verified(
        self, agent: Agent, answer: Answer, mind: Mind, event: Message, keep: Keep, tools: Sequence[str]
    ) -> tuple[Agent, Answer, Mind]:
        """The answer, or another in its place, if it would show a person the machinery in the agent's first words."""
        for _ in range(ATTEMPTS - 1):
            words = would_say(answer, answers_person=event.kind.awaits_answer)
            flaw = next((flaw for text in words if (flaw := shows_machinery(text, tools))), None)
            if flaw is None:
                break
            logger.info("first message discarded, as it shows %s", flaw)
            agent, answer, mind = await self._ask(agent, event, keep)
        return agent, answer, mind

    async def _ask(self, agent: Agent, event: Message, keep: Keep) -> tuple[Agent, Answer, Mind]:
        """The agent with room made for it, its answer, and the mind that this is of."""
        own = self._minds.of(agent)
        agent = await own.queue_manager.make_room(agent, event.turn_id, keep)
        mind = self._minds.at_step(agent, is_timed=event.kind.is_timed)
        answer, refused = None, set[type[ModelError]]()
        while answer is None:
            try:
                answer = await mind.tier.answer(agent, event)
            except (ContextOverflow, ImagesRefused) as refusal:
                if mind is not own:  # it was to do this for less, but cannot
                    logger.info("left to the agent's usual model: %s", refusal.detail)
                    if isinstance(refusal, ContextOverflow):
                        with contextlib.suppress(ContextTooSmall):
                            mind.queue_manager.learn_from_overflow(agent)
                    mind = own
                    continue
                if type(refusal) in refused:
                    if isinstance(refusal, ContextOverflow):
                        own.queue_manager.learn_from_overflow(agent)
                    raise
                refused.add(type(refusal))
                agent, event = await self._without(agent, event, refusal, keep)
        if answer.saw_context:
            mind.queue_manager.calibrate(agent, answer.usage)
        return agent, answer, mind

    async def _without(
        self, agent: Agent, event: Message, refusal: ContextOverflow | ImagesRefused, keep: Keep
    ) -> tuple[Agent, Message]:
        """The agent and the event without what the server does not take: images, or too much text."""
        if agent.images and self._reading is not None:
            logger.warning("shown no images: %s", refusal.detail)
            agent = await self._reading.show_none(agent, event.turn_id, keep)
            event = replace(event, text=unseen(event.text or ""))
        if isinstance(refusal, ContextOverflow):
            logger.warning("context overflow: %s", refusal.detail)
            agent = await self._minds.of(agent).queue_manager.after_overflow(agent, keep)
        return agent, event

    async def _commit(
        self,
        agent: Agent,
        turn: OpenTurn,
        progress: Progress,
        draft: Draft,
        new: Sequence[NewMessage],
        sends: Sequence[str | Reaction],
    ) -> tuple[Agent, tuple[OpenReply, ...]]:
        """Write all that the step did, and how far the turn has come with it, in one transaction.

        Returns:
            The agent as it is then, and the replies that can be sent at once.
        """
        messages: tuple[Message, ...] = ()
        now = self._now()
        async with noted_calls() as calls, self._database.write() as transaction:
            self._agents.check(agent.scope, agent.revision)
            if new:
                messages = await self._shelves.recall.append(
                    transaction, agent.id, turn.event.turn_id, new, is_passing=progress.leaves_nothing
                )
            if draft.edits or draft.passages:
                await write_changes(transaction, self._shelves, agent.id, draft, ChangeKind.TURN, turn.id, now)
            await self._shelves.result_lists.save(transaction, agent.id, draft.result_lists, now)
            if draft.sets_timers:
                await self._set_timers(transaction, agent, turn, draft, now)
            await self._usage.save(transaction, calls, now)
            if not progress.leaves_nothing:
                sends = await self._greeting.below(transaction, turn.person, sends, self._minds.of(agent).runs_on)
            handed = await self._outbox.add(transaction, agent.id, turn.id, turn.address, sends, turn.event.platform_id)
            agent = replace(agent, core=draft.core, folded=self._folded(agent, draft) if draft.edits else agent.folded)
            agent = self._queued(agent, messages)
            queue_manager = self._minds.of(agent).queue_manager
            is_pressed = queue_manager.is_pressed(agent)
            if is_pressed:
                agent = await queue_manager.add_warning(transaction, agent, turn.event.turn_id)
            is_last = not (progress.goes_on or is_pressed)
            due: list[datetime] = [timer.due_at for timer in draft.follow_ups]
            if is_last:
                agent = replace(agent, images={})
                if turn.messages[-1].author_id is not None and not progress.leaves_nothing:
                    due += await self._people_were_there(transaction, agent, turn.origin, now)
            if turn.event.kind is Kind.HEARTBEAT and (heard := len(sends) + len(draft.follow_ups)):
                await self._heartbeats.note_said(transaction, agent, heard, now)
            self._journal.step(transaction, turn.id, progress.to_json(), now, is_last=is_last)
            if is_last:
                await self._inbox.finish(transaction, turn.id)
            if is_last and progress.leaves_nothing:
                await self.let_pass(transaction, agent.id, turn.id)
                agent = agent if agent.paused_at is not None else agent.without_passing()
        self._shelves.recall.index_soon()
        if draft.passages:
            self._shelves.archival.index_soon()
        if due:
            self._expect(min(due))
        if draft.zone is not None and agent.is_direct:
            agent = replace(agent, zone=ZoneInfo(draft.zone))
        return agent, handed

    async def _people_were_there(
        self, transaction: Transaction, agent: Agent, origin: Origin, now: datetime
    ) -> list[datetime]:
        """Set what is to come some time after a turn of people; returns when."""
        clocks = (self._heartbeats, self._reflection_timer)
        set_for = [await clock.people_were_there(transaction, agent, origin, now) for clock in clocks if clock]
        return [due for due in set_for if due is not None]

    async def _people_talked(
        self, transaction: Transaction, agent: Agent, origin: Origin, now: datetime
    ) -> list[datetime]:
        """The same where people talk and nobody means the agent: it tidies what it heard, and does not come between."""
        await self._heartbeats.people_talked(transaction, agent, now)
        if self._reflection_timer is None:
            return []
        due = await self._reflection_timer.people_were_there(transaction, agent, origin, now)
        return [due] if due is not None else []

    async def _set_timers(
        self, transaction: Transaction, agent: Agent, turn: OpenTurn, draft: Draft, now: datetime
    ) -> None:
        """Write when the agent is to wake by itself, as it wants to."""
        timers = self._follow_ups.timers
        await timers.add(transaction, agent.id, draft.follow_ups, now)
        await timers.cancel(transaction, agent.id, draft.cancelled, now, ended_by=turn.event.id)
        if draft.rests_until is not None:
            await timers.hold(transaction, agent.id, HEARTBEAT, draft.rests_until)
        if draft.zone is not None:
            await self._follow_ups.learn_zone(transaction, turn.origin, draft.zone)

    async def remind(self, turn: OpenTurn, agent: Agent, keep: Keep) -> None:
        """End the turn of a follow-up by code: the model cannot be asked, and somebody counts on hearing of it."""
        text, now = reminder_of(turn.event), self._now()
        progress = replace(turn.progress, agent=agent, goes_on=False, has_spoken=True)
        new = [NewMessage(kind=Kind.ASSISTANT, created_at=now, text=text)]

        async def conclude() -> Agent:
            committed, handed = await self._commit(agent, turn, progress, Draft(agent.core), new, [text])
            self._outbox.wake(turn.address, handed)
            return committed

        await whole(conclude(), keep)

    async def let_pass(self, transaction: Transaction, agent_id: int, turn_id: int) -> None:
        """Remove what stands of a turn that is over and of which nothing is kept; the queue at hand has it still."""
        await self._shelves.recall.remove_turn(transaction, agent_id, turn_id)
        await self._shelves.result_lists.forget(transaction, agent_id)

    def _folded(self, agent: Agent, draft: Draft) -> CoreMemory:
        """Core memory as the prompt's prefix is to show it: the old one, until the edits since are too many."""
        counter = self._shelves.counter
        waiting = counter.count(draft.core.render()) - counter.count(agent.folded.render())
        return draft.core if abs(waiting) > FOLD_AFTER_TOKENS else agent.folded

    def _queued(self, agent: Agent, messages: tuple[Message, ...]) -> Agent:
        compiler = self._minds.of(agent).compiler
        queued = compiler.queued(messages, agent.zone, names_speaker=not agent.is_direct)
        return replace(agent, queue=(*agent.queue, *queued))


def _for(turn: OpenTurn) -> str | None:
    """Whose message a turn is about, if it is one person's: of several that are answered together none is another."""
    return person_of(turn.origin) if len(turn.people) == 1 else None


def _open(
    id_: int, messages: tuple[Message, ...], origin: Origin, progress: Progress, files: tuple[FilesOf, ...]
) -> OpenTurn:
    event = _as_one(messages)
    person = person_of(origin) if event.kind is Kind.USER_MESSAGE else None
    return OpenTurn(id_, event, origin, progress, person, messages, files)


def _files_of(
    events: Sequence[tuple[int, Sequence[Mapping[str, Any]]]], message_ids: Sequence[int]
) -> tuple[FilesOf, ...]:
    """What came with the events of a turn, whose messages are in the same order."""
    both = zip(events, message_ids, strict=True)
    return tuple(FilesOf(event_id, message_id, files) for (event_id, files), message_id in both if files)


def _as_one(messages: Sequence[Message]) -> Message:
    """Messages that are taken together: the last of them, with the text of all."""
    return replace(messages[-1], text="\n\n".join(message.text or "" for message in messages))
