"""Reflection: after a conversation the agent tidies its memory, in one bounded turn with the tools of memory alone.

It has a prompt of its own: instructions (`config/prompts/reflect.md`), core memory as it is, and what was said since
the last time. So it needs no room in the conversation's window, and leaves nothing there but what it changed, which
stands in the journal as one change that can be undone. It says nothing to anybody, whatever the model writes.

It is of no hurry: what fails is left for the next time, and a person who writes comes first, after the step under way.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.ports.errors import ContextOverflow, ModelError
from bot.agent import Agent, Queued
from bot.choices import REFLECTION, TO_REFLECT
from bot.context.derivation import write_primer
from bot.context.summary import Primer
from bot.errors import BudgetSpent, ContextTooSmall
from bot.memory_rights.reflected_notes import in_reflection
from bot.memory_rights.whose_notes import anything
from bot.metering.charges import noted_calls
from bot.minds.mind import Mind, Minds
from bot.tiers.ports import Answer
from bot.timed.follow_ups import FollowUps
from bot.timed.reflection_scene import Scene, scene_of, with_sources
from bot.turns.commit import Keep, whole
from bot.turns.draft import Draft, write_changes
from bot.turns.executor import Executor, ToolResult
from bot.turns.open_turn import Ended, Observe, OpenTurn
from bot.turns.shelves import Shelves
from bot.turns.step import Progress, kept_messages, report_of
from bot.turns.tool_context import ToolContext
from memory.core.change_journal import ChangeKind
from memory.people.accounts import of_reflections
from memory.ports import Kind, Message, NewMessage
from memory.recall.primers import unprimed
from memory.stores import Stores

logger = logging.getLogger(__name__)

MAX_STEPS = 6


class Reflections:
    """Runs reflections, in the lane of each agent only."""

    def __init__(
        self,
        stores: Stores,
        shelves: Shelves,
        minds: Minds,
        executor: Executor,
        follow_ups: FollowUps,
        *,
        most_a_day: int,
        zone: ZoneInfo,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._shelves = shelves
        self._minds = minds
        self._executor = executor
        self._follow_ups = follow_ups
        self._most_a_day = most_a_day
        self._zone = zone
        self._now = now

    async def run(
        self,
        turn: OpenTurn,
        keep: Keep,
        observe: Observe | None = None,
        *,
        stops: Callable[[], Ended | None],
        worked: Callable[[], None],
    ) -> Ended:
        """Reflect, if there is reason to. Arguments as those of `Turns.run`.

        Raises:
            ChangedMeanwhile: people changed messages that the model was shown; what it answered to that was not kept.
        """
        latest = turn.progress.agent

        def note(agent: Agent) -> None:
            nonlocal latest
            latest = agent
            keep(agent)

        # A model that only writes text has no use for the tools.
        mind = self._minds.apart(self._minds.of(latest))
        scene = await scene_of(turn, self._shelves, mind.compiler) if mind.tier.speaks_unasked else None
        is_begun = turn.progress.steps > 0  # by an earlier process: it was counted then
        if scene is None or not (is_begun or await self._is_allowed(turn)):
            await self._over(latest, turn, keep, None, None)
            return Ended.YIELDED
        newest_id, primer = None, None
        try:
            if (reason := await self._tidy(turn, scene, mind, note, observe, stops, worked)) is not None:
                return reason
            newest_id = scene.newest_id
            primer = await self._primer(latest) if stops() is None else None
        except (ModelError, BudgetSpent, ContextTooSmall) as error:
            logger.warning("reflection ended early: %s", error.detail if isinstance(error, ModelError) else error)
        await self._over(latest, turn, keep, newest_id, primer)
        logger.info("reflected messages=%d primed=%s", len(scene.messages), primer is not None)
        return Ended.YIELDED

    async def _tidy(
        self,
        turn: OpenTurn,
        scene: Scene,
        mind: Mind,
        keep: Keep,
        observe: Observe | None,
        stops: Callable[[], Ended | None],
        worked: Callable[[], None],
    ) -> Ended | None:
        """Step until the model has nothing more to do, or the steps are used up; the reason, if it stopped before."""
        progress = turn.progress
        steps: tuple[Queued, ...] = ()
        kept: list[str] = []
        while progress.steps < MAX_STEPS and progress.goes_on:
            if (reason := stops()) is not None:
                return reason
            self._stores.agents.check(progress.agent.scope, progress.agent.revision)
            before_model = self._as_reflecting(progress.agent, (scene.shown, *steps))
            if not mind.has_room_for(before_model):
                if not steps:
                    raise ContextTooSmall("there is no room for a reflection")
                logger.info("reflection ends, as its window is full")
                break
            try:
                answer = await mind.tier.answer(before_model, scene.event)
            except ContextOverflow:
                mind.queue_manager.learn_from_overflow(before_model)
                raise
            worked()
            if answer.saw_context:
                mind.queue_manager.calibrate(before_model, answer.usage)
            results, draft = await self._executed(progress.agent, answer, scene, mind, turn, kept)
            kept += [note.content for note in draft.passages]
            progress = await self._commit(progress, turn, draft, results, keep)
            if observe is not None:
                observe(report_of(answer, results, ()))
            steps = (*steps, *self._queued(progress.agent, mind, scene, answer, results, len(steps)))
        return None

    async def _is_allowed(self, turn: OpenTurn) -> bool:
        """Whether the agent has not reflected often enough today; it counts from now on."""
        scope, today = turn.progress.agent.scope, self._now().astimezone(self._zone).date()
        is_full = await self._stores.accounts.reserve(today, 1, {of_reflections(scope): self._most_a_day})
        if is_full is not None:
            logger.info("no reflection: there were %d today", self._most_a_day)
        return is_full is None

    def _as_reflecting(self, agent: Agent, queue: tuple[Queued, ...]) -> Agent:
        """The agent as the compiler and the tier are to see it."""
        return replace(
            agent, preset=REFLECTION, queue=queue, summary="", folded=agent.core, images={}, passing=frozenset()
        )

    async def _executed(
        self, agent: Agent, answer: Answer, scene: Scene, mind: Mind, turn: OpenTurn, kept: Sequence[str]
    ) -> tuple[tuple[ToolResult, ...], Draft]:
        """What came of the calls, after notes that are kept; what they decided to keep names where it comes from."""
        context = ToolContext(
            self._as_reflecting(agent, ()),
            scene.event,
            self._now(),
            mind.shelves,
            Draft(self._minds.of(agent).compiler.limited(agent.core)),
            turn.origin,
            self._follow_ups,
            calls=len(answer.calls),
            refuses=anything if agent.is_direct else in_reflection(scene.messages, kept),
        )
        results = await self._executor.execute(answer.calls, context, TO_REFLECT, is_cut=answer.is_cut)
        return results, with_sources(context.draft, scene)

    async def _commit(
        self, before: Progress, turn: OpenTurn, draft: Draft, results: Sequence[ToolResult], keep: Keep
    ) -> Progress:
        """Write what a step has changed; what it changed is in view of the conversation at once."""
        agent, now = before.agent, self._now()
        goes_on = any(result.failed or result.wants_heartbeat for result in results)
        progress = replace(before, steps=before.steps + 1, goes_on=goes_on)

        async def commit() -> Agent:
            async with noted_calls() as calls, self._stores.database.write() as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                await write_changes(transaction, self._stores, agent.id, draft, ChangeKind.REFLECTION, turn.id, now)
                await self._stores.result_lists.save(transaction, agent.id, draft.result_lists, now)
                await self._stores.usage.save(transaction, calls, now)
                self._stores.journal.step(transaction, turn.id, progress.to_json(), now, is_last=False)
            if draft.replaced:
                await self._stores.archival.forget(agent.id, draft.replaced)
            if draft.passages:
                self._stores.archival.index_soon()
            return replace(agent, core=draft.core, folded=draft.core)

        return replace(progress, agent=await whole(commit(), keep))

    async def _primer(self, agent: Agent) -> Primer | None:
        """The primer of what has left the window and none tells of yet."""
        async with self._stores.database.read() as connection:
            ids = await unprimed(connection, agent.id)
        messages = await self._stores.recall.get(agent.id, ids)
        return await self._minds.of(agent).priming.prime(messages, agent.zone) if messages else None

    async def _over(
        self, agent: Agent, turn: OpenTurn, keep: Keep, reflected_to: int | None, primer: Primer | None
    ) -> None:
        """Write down that the reflection is over; of its turn nothing is left.

        Args:
            agent: as the last step left it.
            turn: the reflection.
            keep: takes the agent.
            reflected_to: the newest message that it had before it; None: all that was new is new the next time.
            primer: what it made of evicted messages.
        """
        now = self._now()
        progress = replace(turn.progress, agent=agent)

        async def commit() -> Agent:
            async with noted_calls() as calls, self._stores.database.write() as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                if reflected_to is not None:
                    await self._stores.agents.save_reflected(transaction, agent.id, reflected_to)
                await write_primer(transaction, agent.id, primer, now)
                await self._stores.usage.save(transaction, calls, now)
                self._stores.journal.step(transaction, turn.id, progress.to_json(), now, is_last=True)
                await self._stores.inbox.finish(transaction, turn.id)
                await self._stores.recall.remove_turn(transaction, agent.id, turn.id)
            if primer is not None:
                self._stores.archival.index_soon()
            return agent.without_passing()

        await whole(commit(), keep)

    def _queued(
        self, agent: Agent, mind: Mind, scene: Scene, answer: Answer, results: tuple[ToolResult, ...], so_far: int
    ) -> tuple[Queued, ...]:
        """A step as the next one sees it; it stands in no table."""
        new = kept_messages(answer, results, (), None, self._now())
        messages = [_numbered(message, scene.event, so_far + at) for at, message in enumerate(new, 1)]
        return mind.compiler.queued(messages, agent.zone, names_speaker=False)


def _numbered(message: NewMessage, event: Message, number: int) -> Message:
    return Message(
        kind=message.kind,
        created_at=message.created_at,
        text=message.text,
        thoughts=message.thoughts,
        tool_uses=message.tool_uses,
        tool_use_id=message.tool_use_id,
        id=event.id + number,
        turn_id=event.turn_id,
    )


def is_reflection(turn: OpenTurn) -> bool:
    """Whether a turn is one of `Reflections`, not of `Turns`."""
    return turn.event.kind is Kind.REFLECTION
