"""What a step leaves: all that it did, and how far the turn has come with it, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.agent import Agent
from bot.delivery.outbox import Outbox
from bot.metering.charges import noted_calls
from bot.minds.mind import Minds
from bot.timed.heartbeats import Heartbeats
from bot.turns.clocks import Clocks
from bot.turns.commit import Keep, whole
from bot.turns.draft import Draft, write_changes
from bot.turns.greeting import Greeting
from bot.turns.open_turn import OpenTurn
from bot.turns.step import Progress
from memory.core.change_journal import ChangeKind
from memory.core.core_memory import CoreMemory
from memory.ports import Kind, Message, NewMessage, TokenCounter
from memory.sqlite.database import Transaction
from memory.stores import Stores
from memory.turns.outbox import OpenReply, Reaction

FOLD_AFTER_TOKENS = 400
"""Edits of core memory that may wait, in tokens, before the prompt's prefix is built anew."""


class StepWriter:
    """Commits steps."""

    def __init__(
        self,
        stores: Stores,
        counter: TokenCounter,
        outbox: Outbox,
        minds: Minds,
        greeting: Greeting,
        heartbeats: Heartbeats,
        clocks: Clocks,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._counter = counter
        self._outbox = outbox
        self._minds = minds
        self._greeting = greeting
        self._heartbeats = heartbeats
        self._clocks = clocks
        self._now = now

    async def write(
        self,
        agent: Agent,
        turn: OpenTurn,
        progress: Progress,
        draft: Draft,
        new: Sequence[NewMessage],
        sends: Sequence[str | Reaction],
        keep: Keep,
        *,
        written: Callable[[], None] = lambda: None,
    ) -> Agent:
        """Write a step, and have what it says delivered; returns the agent as it is then.

        Args:
            agent: as the model was shown it.
            turn: whose step it is.
            progress: how the turn stands after it.
            draft: what its tools decided.
            new: the step as recall storage keeps it.
            sends: what people will see.
            keep: takes the agent.
            written: called when it is written, before anything of it is delivered.
        """

        async def conclude() -> Agent:
            committed, handed = await self._commit(agent, turn, progress, draft, new, sends)
            written()
            if sends:
                self._outbox.wake(turn.address, handed)
            return committed

        return await whole(conclude(), keep)

    async def _commit(
        self,
        agent: Agent,
        turn: OpenTurn,
        progress: Progress,
        draft: Draft,
        new: Sequence[NewMessage],
        sends: Sequence[str | Reaction],
    ) -> tuple[Agent, tuple[OpenReply, ...]]:
        """Returns the agent as it is then, and the replies that can be sent at once."""
        messages: tuple[Message, ...] = ()
        now = self._now()
        async with noted_calls() as calls, self._stores.database.write() as transaction:
            self._stores.agents.check(agent.scope, agent.revision)
            if new:
                messages = await self._stores.recall.append(
                    transaction, agent.id, turn.event.turn_id, new, is_passing=progress.leaves_nothing
                )
            await write_changes(transaction, self._stores, agent.id, draft, ChangeKind.TURN, turn.id, now)
            await self._stores.result_lists.save(transaction, agent.id, draft.result_lists, now)
            due = await self._clocks.set(transaction, agent, turn.origin, draft, now, event_id=turn.event.id)
            await self._stores.usage.save(transaction, calls, now)
            if not progress.leaves_nothing:
                sends = await self._greeting.below(transaction, turn.person, sends, self._minds.of(agent).runs_on)
            handed = await self._outbox.add(transaction, agent.id, turn.id, turn.address, sends, turn.event.platform_id)
            agent = replace(agent, core=draft.core, folded=self._folded(agent, draft) if draft.edits else agent.folded)
            agent = self._minds.of(agent).compiler.with_queued(agent, messages)
            queue_manager = self._minds.of(agent).queue_manager
            is_pressed = queue_manager.is_pressed(agent)
            if is_pressed:
                agent = await queue_manager.add_warning(transaction, agent, turn.event.turn_id)
            is_last = not (progress.goes_on or is_pressed)
            if is_last:
                agent = replace(agent, images={})
                if turn.messages[-1].author_id is not None and not progress.leaves_nothing:
                    due += await self._clocks.people_were_there(transaction, agent, turn.origin, now)
            if turn.event.kind is Kind.HEARTBEAT and (heard := len(sends) + len(draft.follow_ups)):
                await self._heartbeats.note_said(transaction, agent, heard, now)
            self._stores.journal.step(transaction, turn.id, progress.to_json(), now, is_last=is_last)
            if is_last:
                await self._stores.inbox.finish(transaction, turn.id)
            if is_last and progress.leaves_nothing:
                await remove_passing(transaction, self._stores, agent.id, turn.id)
                agent = agent if agent.paused_at is not None else agent.without_passing()
        self._stores.recall.index_soon()
        if draft.passages:
            self._stores.archival.index_soon()
        self._clocks.expect(due)
        if draft.zone is not None and agent.is_direct:
            agent = replace(agent, zone=ZoneInfo(draft.zone))
        return agent, handed

    def _folded(self, agent: Agent, draft: Draft) -> CoreMemory:
        """Core memory as the prompt's prefix is to show it: the old one, until the edits since are too many."""
        counter = self._counter
        waiting = counter.count(draft.core.render()) - counter.count(agent.folded.render())
        return draft.core if abs(waiting) > FOLD_AFTER_TOKENS else agent.folded


async def remove_passing(transaction: Transaction, stores: Stores, agent_id: int, turn_id: int) -> None:
    """Remove what stands of a turn that is over and of which nothing is kept; the queue at hand has it still."""
    await stores.recall.remove_turn(transaction, agent_id, turn_id)
    await stores.result_lists.forget(transaction, agent_id)
