"""A turn: steps until the agent yields."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.ports import ContextOverflow, StepReport, ToolReport
from bot.agent import Agent
from bot.commit import Keep, whole
from bot.context import ContextCompiler
from bot.errors import TurnGivenUp
from bot.events import system_alert
from bot.executor import Draft, Executor, Shelves, ToolContext, ToolResult
from bot.queue_manager import QueueManager
from bot.tiers.ports import Answer, Tier
from memory.agents import AgentStore
from memory.core_memory import CoreMemory
from memory.database import Database
from memory.ports import Kind, Message, NewMessage, ToolUse

logger = logging.getLogger(__name__)

MAX_FAULTY_STEPS = 5
"""Steps in a row in which nothing worked (empty answers, failed calls) before a turn is given up."""

FOLD_AFTER_TOKENS = 400
"""Edits of core memory that may wait, in tokens, before the prompt's prefix is built anew."""

EMPTY_ANSWER = "Your last answer was empty. Call a tool; to speak, call send_message."
NOT_HEARD = "The person has heard nothing from you yet. Answer with send_message."

Deliver = Callable[[str], Awaitable[None]]
Observe = Callable[[StepReport], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How a turn stands after a step."""

    agent: Agent
    has_spoken: bool = False
    was_reminded: bool = False
    faulty_steps: int = 0
    goes_on: bool = True


class Turns:
    """Runs turns; holds what is the same for all agents."""

    def __init__(
        self,
        database: Database,
        agents: AgentStore,
        shelves: Shelves,
        compiler: ContextCompiler,
        queue_manager: QueueManager,
        tier: Tier,
        executor: Executor,
        *,
        max_steps: int,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agents
        self._shelves = shelves
        self._compiler = compiler
        self._queue_manager = queue_manager
        self._tier = tier
        self._executor = executor
        self._max_steps = max_steps
        self._now = now

    async def run(
        self,
        agent: Agent,
        event: NewMessage,
        deliver: Deliver,
        keep: Keep,
        observe: Observe | None = None,
    ) -> None:
        """Take the event in, then step until the agent yields.

        Args:
            agent: as the turn finds it.
            event: what woke it.
            deliver: posts a reply; called after the step that decided it is committed.
            keep: takes the agent as each commit leaves it, so that nothing committed is forgotten if the turn breaks.
            observe: is told what the agent thought and did.

        Raises:
            ModelUnavailable: the model gives no answer; what was committed stays.
            TurnGivenUp: no result after the most steps, or after too many faulty ones.
            ContextTooSmall: the model's window is too small for this agent.
        """
        agent = await whole(self._take_in(agent, event), keep)
        kept_event = agent.queue[-1].message
        progress = Progress(agent)
        for _ in range(self._max_steps):
            progress = await self._step(progress, kept_event, deliver, keep, observe)
            if not progress.goes_on:
                if kept_event.kind is Kind.USER_MESSAGE and not progress.has_spoken:
                    raise TurnGivenUp("I have nothing to say to that. Please put it in other words.")
                return
            if progress.faulty_steps >= MAX_FAULTY_STEPS:
                logger.warning("turn given up after faulty steps")
                raise TurnGivenUp("I could not find an answer this time. Please put it in other words.")
        logger.warning("turn given up at the step limit steps=%d", self._max_steps)
        raise TurnGivenUp("That took me too many steps, so I stopped. Please try again, perhaps with a smaller task.")

    async def _take_in(self, agent: Agent, event: NewMessage) -> Agent:
        async with self._database.write() as transaction:
            (message,) = await self._shelves.recall.append(transaction, agent.id, None, [event])
        return self._queued(agent, (message,))

    async def _step(
        self,
        before: Progress,
        event: Message,
        deliver: Deliver,
        keep: Keep,
        observe: Observe | None,
    ) -> Progress:
        agent, answer = await self._ask(before.agent, event, keep)
        context = ToolContext(agent, event, self._now(), self._shelves, Draft(agent.core))
        allowed = [tool.name for tool in self._compiler.tools(agent)]
        results = await self._executor.execute(answer.calls, context, allowed)
        answers_person = event.kind is Kind.USER_MESSAGE
        said = context.draft.replies
        if not answer.calls and answer.text and answers_person and not before.has_spoken:
            said = (answer.text,)  # a bare text answer to a person is the reply
        progress = _judge(before, answer, results, bool(said), answers_person)
        new = _messages(answer, results, said, _alert(before, progress, answer), context.now)

        async def conclude() -> Agent:
            committed = await self._commit(agent, event, context.draft, new)
            keep(committed)
            if observe is not None:
                observe(_report(answer, results, said))
            for text in said:  # here, and not after it: what is committed as said must be heard
                await deliver(text)
            return committed

        agent = await whole(conclude(), keep)
        pressed = await self._queue_manager.warn(agent, event.turn_id, keep)
        # Memory pressure comes before all else: the agent runs again at once, to save what matters.
        return replace(progress, agent=pressed, goes_on=progress.goes_on or pressed is not agent)

    async def _ask(self, agent: Agent, event: Message, keep: Keep) -> tuple[Agent, Answer]:
        agent = await self._queue_manager.make_room(agent, event.turn_id, keep)
        try:
            answer = await self._tier.answer(agent, event)
        except ContextOverflow as overflow:
            logger.warning("context overflow: %s", overflow.detail)
            agent = await self._queue_manager.make_room(agent, event.turn_id, keep, force=True)
            answer = await self._tier.answer(agent, event)
        if answer.saw_context:
            self._queue_manager.calibrate(agent, answer.usage)
        return agent, answer

    async def _commit(self, agent: Agent, event: Message, draft: Draft, new: tuple[NewMessage, ...]) -> Agent:
        """Write all that the step did, in one transaction."""
        messages: tuple[Message, ...] = ()
        async with self._database.write() as transaction:
            if new:
                messages = await self._shelves.recall.append(transaction, agent.id, event.turn_id, new)
            await self._agents.save_edits(transaction, agent.id, draft.edits)
            await self._shelves.archival.insert(transaction, agent.id, draft.passages)
            await self._shelves.result_lists.save(transaction, agent.id, draft.result_lists, self._now())
        if draft.passages:
            self._shelves.archival.index_soon()
        agent = replace(agent, core=draft.core, folded=self._folded(agent, draft) if draft.edits else agent.folded)
        return self._queued(agent, messages)

    def _folded(self, agent: Agent, draft: Draft) -> CoreMemory:
        """Core memory as the prompt's prefix is to show it: the old one, until the edits since are too many."""
        counter = self._shelves.counter
        waiting = counter.count(draft.core.render()) - counter.count(agent.folded.render())
        return draft.core if abs(waiting) > FOLD_AFTER_TOKENS else agent.folded

    def _queued(self, agent: Agent, messages: tuple[Message, ...]) -> Agent:
        names_speaker = not agent.is_direct
        queued = self._compiler.queued(messages, agent.zone, names_speaker=names_speaker)
        return replace(agent, queue=(*agent.queue, *queued))


def _judge(
    before: Progress, answer: Answer, results: tuple[ToolResult, ...], speaks: bool, answers_person: bool
) -> Progress:
    """Whether the turn goes on: for a failed call, for a requested heartbeat, for a person unanswered."""
    has_spoken = before.has_spoken or speaks
    is_faulty = _says_nothing(answer, before) or (bool(results) and all(result.failed for result in results))
    goes_on = is_faulty or any(result.failed or result.wants_heartbeat for result in results)
    was_reminded = before.was_reminded
    if not goes_on and answers_person and not has_spoken and not was_reminded:
        goes_on = was_reminded = True  # once a turn: models forget that nobody hears them think
    return replace(
        before,
        has_spoken=has_spoken,
        was_reminded=was_reminded,
        faulty_steps=before.faulty_steps + 1 if is_faulty else 0,
        goes_on=goes_on,
    )


def _says_nothing(answer: Answer, before: Progress) -> bool:
    """Whether an answer is empty where one is owed; who has spoken already may simply stop."""
    return not answer.calls and not answer.text and not before.has_spoken


def _alert(before: Progress, progress: Progress, answer: Answer) -> str | None:
    if _says_nothing(answer, before):
        return EMPTY_ANSWER
    return NOT_HEARD if progress.was_reminded and not before.was_reminded else None


def _messages(
    answer: Answer, results: tuple[ToolResult, ...], said: tuple[str, ...], alert: str | None, now: datetime
) -> tuple[NewMessage, ...]:
    """The step as recall storage keeps it."""
    new: list[NewMessage] = []
    if answer.text or answer.calls:
        is_bare_reply = bool(said) and not answer.calls
        new.append(
            NewMessage(
                kind=Kind.ASSISTANT,
                created_at=now,
                text="\n\n".join(said) or None,
                thoughts=None if is_bare_reply else answer.text,
                tool_uses=tuple(ToolUse(call.id, call.name, call.arguments) for call in answer.calls),
            )
        )
    new += [
        NewMessage(kind=Kind.TOOL_RESULT, created_at=now, text=result.text, tool_use_id=result.call.id)
        for result in results
    ]
    return (*new, system_alert(alert, now)) if alert else tuple(new)


def _report(answer: Answer, results: tuple[ToolResult, ...], said: tuple[str, ...]) -> StepReport:
    tools = tuple(ToolReport(result.call.name, result.call.arguments, result.text) for result in results)
    return StepReport(None if said and not answer.calls else answer.text, tools)
