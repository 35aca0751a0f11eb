"""A turn: steps until the agent yields."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.agent import Agent
from bot.delivery.outbox import Outbox
from bot.documents.reading import Reading
from bot.errors import TurnGivenUp
from bot.events import system_alert
from bot.memory_rights.whose_notes import anything, in_turn
from bot.metering.budget_alert import BudgetAlert
from bot.metering.metrics import NO_METRICS, Metrics
from bot.minds.mind import Minds
from bot.scopes import person_of
from bot.timed.follow_ups import FollowUps, reminder_of
from bot.timed.heartbeats import Heartbeats
from bot.turns.asking import Asked, Asking
from bot.turns.commit import Keep
from bot.turns.draft import Draft
from bot.turns.executor import Executor
from bot.turns.open_turn import Ended, Observe, OpenTurn, as_one
from bot.turns.step import (
    NOT_DECIDED,
    NOT_HEARD,
    Progress,
    alert_of,
    bare_reply,
    judge,
    judge_promised,
    kept_messages,
    report_of,
)
from bot.turns.tool_context import ToolContext
from bot.turns.written_step import StepWriter
from memory.core.agents import AgentStore
from memory.ports import Kind, NewMessage
from memory.turns.outbox import Reaction

logger = logging.getLogger(__name__)

MAX_FAULTY_STEPS = 5
"""Steps in a row in which nothing worked (empty answers, failed calls) before a turn is given up."""

NO_WORDS = "I have nothing to say to that. Please put it in other words."
NO_ANSWER = "I could not find an answer this time. Please put it in other words."
NO_GREETING = "I could not find the words for a greeting. Please write to me."


def _on() -> Ended | None:
    return None


class Turns:
    """Runs turns; holds what is the same for all agents."""

    def __init__(
        self,
        agents: AgentStore,
        minds: Minds,
        asking: Asking,
        executor: Executor,
        writer: StepWriter,
        outbox: Outbox,
        *,
        follow_ups: FollowUps,
        heartbeats: Heartbeats,
        budget_alert: BudgetAlert,
        max_steps: int,
        now: Callable[[], datetime],
        reading: Reading | None = None,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._agents = agents
        self._minds = minds
        self._asking = asking
        self._executor = executor
        self._writer = writer
        self._outbox = outbox
        self._follow_ups = follow_ups
        self._heartbeats = heartbeats
        self._budget_alert = budget_alert
        self._max_steps = max_steps
        self._now = now
        self._reading = reading
        self._metrics = metrics

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

    async def remind(self, turn: OpenTurn, agent: Agent, keep: Keep) -> None:
        """End the turn of a follow-up by code: the model cannot be asked, and somebody counts on hearing of it."""
        text, now = reminder_of(turn.event), self._now()
        progress = replace(turn.progress, agent=agent, goes_on=False, has_spoken=True)
        new = [NewMessage(kind=Kind.ASSISTANT, created_at=now, text=text)]
        await self._writer.write(agent, turn, progress, Draft(agent.core), new, [text], keep)

    async def _with_files(self, turn: OpenTurn, keep: Keep) -> OpenTurn:
        """The turn with its files read, and its messages telling of them."""
        if not turn.files or self._reading is None:
            return turn
        agent, messages = await self._reading.read(turn.progress.agent, turn.files, turn.messages, turn.address, keep)
        progress = replace(turn.progress, agent=agent)
        return replace(turn, event=as_one(messages), messages=messages, progress=progress, files=())

    async def _step(self, before: Progress, turn: OpenTurn, keep: Keep, observe: Observe | None) -> Progress:
        event, begun = turn.event, time.monotonic()
        self._agents.check(before.agent.scope, before.agent.revision)
        asked = await self._asking.ask(before.agent, event, keep, is_verified=before.is_verified)
        agent, answer = asked.agent, asked.answer
        context = await self._context(turn, asked)
        results = await self._executor.execute(answer.calls, context, asked.tools, is_cut=answer.is_cut)
        sends: tuple[str | Reaction, ...] = context.draft.sends
        if not answer.calls and event.kind.awaits_answer:
            sends = bare_reply(before, answer)
        said = tuple(sent for sent in sends if isinstance(sent, str))
        reacts = len(sends) > len(said)
        if is_promised := event.kind is Kind.FOLLOW_UP:
            progress = judge_promised(before, answer, results, speaks=bool(said))
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
            new = (*new, system_alert(near_end, context.now))

        def written() -> None:
            if observe is not None:
                observe(report_of(answer, results, said))

        committed = await self._writer.write(agent, turn, progress, context.draft, new, sends, keep, written=written)
        self._metrics.step_done(time.monotonic() - begun)
        # Memory pressure comes before all else: the agent runs again at once, to save what matters.
        is_pressed = committed.warned and not agent.warned
        return replace(progress, agent=committed, goes_on=progress.goes_on or is_pressed)

    async def _context(self, turn: OpenTurn, asked: Asked) -> ToolContext:
        """What the tools of a step may touch."""
        agent, event, now = asked.agent, turn.event, self._now()
        is_heartbeat = event.kind is Kind.HEARTBEAT
        return ToolContext(
            agent,
            event,
            now,
            asked.mind.shelves,
            Draft(self._minds.of(agent).compiler.limited(agent.core)),
            turn.origin,
            self._follow_ups,
            await self._heartbeats.allowance(agent.id, now) if is_heartbeat else None,
            len(asked.answer.calls),
            takes_reactions=self._outbox.takes_reactions(turn.address),
            refuses=anything if agent.is_direct else in_turn([person.id for person in turn.people]),
            for_=_for(turn),
        )


def _for(turn: OpenTurn) -> str | None:
    """Whose message a turn is about, if it is one person's: of several that are answered together none is another."""
    return person_of(turn.origin) if len(turn.people) == 1 else None
