"""Agents by scope: made at the first message, loaded when they wake, kept at hand while they are busy."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.agent import Agent, Queued
from bot.events import heard
from bot.minds.mind import Mind, Minds
from bot.scopes import owner_of
from bot.turns.commit import whole
from memory.archival.documents import attach_preloaded
from memory.core.agents import AgentRecord, AgentStore, ChosenModel
from memory.core.core_memory import Block, CoreMemory
from memory.ports import BlockEdit, Message, NewMessage
from memory.sqlite.database import Transaction, finish
from memory.stores import Stores
from memory.turns.inbox import NewEvent, WaitingEvent

MAX_AT_HAND = 50_000
"""Messages in the queues of the agents at hand, together: about 1 kB each."""


@dataclass(frozen=True, slots=True)
class FirstMemory:
    """What a new agent is made of: its preset, and what its core memory holds."""

    preset: str
    persona: str
    human: str

    def blocks(self, scope: str) -> tuple[tuple[str, str], ...]:
        """Labels and texts for an agent of this scope: one person has a `human` block, a channel a `channel` block."""
        is_direct = scope.split(":", 2)[1] == "dm"
        return (("persona", self.persona), ("human", self.human) if is_direct else ("channel", ""))


class Agents:
    """Every change of an agent goes through its lane, so what is at hand here is always what is in the database.

    But for messages that people edit or delete (`bot.inbound.changes`): what is at hand is out of date then, and let go
    of.
    """

    def __init__(
        self,
        stores: Stores,
        minds: Minds,
        first_memory: FirstMemory,
        zone: ZoneInfo,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._minds = minds
        self._first_memory = first_memory
        self._zone = zone
        self._now = now
        self._at_hand: OrderedDict[str, Agent] = OrderedDict()
        self._messages_at_hand = 0

    async def zone_of(self, person: str | None) -> ZoneInfo:
        """A person's time zone; that of people who set none for them, and for nobody in particular."""
        name = await self._stores.people.timezone(person) if person is not None else None
        return ZoneInfo(name) if name is not None else self._zone

    def first_blocks(self, scope: str) -> tuple[tuple[str, str], ...]:
        """Labels and texts of the core memory with which an agent of this scope begins."""
        return self._first_memory.blocks(scope)

    async def find(self, scope: str) -> AgentRecord | None:
        """An agent as it is kept, or None if there is none yet; for reading beside its turns."""
        return await self._stores.agents.find(scope)

    async def id_of(self, scope: str) -> int | None:
        """The id of a scope's agent, or None if there is none yet; for reading beside its turns."""
        if scope in self._at_hand:
            return self._at_hand[scope].id
        record = await self._stores.agents.find(scope)
        return record.id if record else None

    async def get(self, scope: str, first: FirstMemory | None = None) -> Agent:
        """The agent of a scope, made if there is none yet; to be called in its lane only.

        Args:
            scope: whose it is.
            first: what it is made of, if not of what all new agents are.
        """
        held = self._at_hand.get(scope)
        if held is not None and self._stores.agents.is_current(scope, held.revision):
            self._at_hand.move_to_end(scope)
            core = self._minds.of(held).compiler.limited(held.core)
            return held if core is held.core else replace(held, core=core)
        record = await self._stores.agents.find(scope)
        if record is None:
            record = await finish(self._create(scope, first or self._first_memory))
        await self._minds.prepare(record.model)
        zone = await self.zone_of(owner_of(scope))
        return self._loaded(record, zone, await self._stores.recall.queue(record.id))

    def keep(self, agent: Agent) -> None:
        """Take an agent as its newest commit left it; but not if messages of it were changed meanwhile."""
        self.let_go(agent.scope)
        if not self._stores.agents.is_current(agent.scope, agent.revision):
            return
        self._at_hand[agent.scope] = agent
        self._messages_at_hand += _weight(agent)
        while self._messages_at_hand > MAX_AT_HAND and len(self._at_hand) > 1:
            self.let_go(next(iter(self._at_hand)))

    def let_go(self, scope: str) -> None:
        """Load the agent of a scope anew when it is asked for next; to be called in its lane only."""
        if (agent := self._at_hand.pop(scope, None)) is not None:
            self._messages_at_hand -= _weight(agent)

    async def edit_core(
        self,
        agent: Agent,
        label: str,
        edited: CoreMemory,
        *,
        author: str,
        reason: str,
        source: NewEvent | None = None,
        along: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> Agent:
        """Write an edit that is not the agent's own; the agent sees it in its next prompt.

        `along` changes messages in the same transaction, so that the agent is to be loaded anew.

        It goes with its `source`, the message that it rests on; the agent takes note of that if it has not heard it,
        and where it stands is kept, too: so it is missed there should it be gone.
        """
        edit = BlockEdit(
            label=label,
            before=agent.core.text(label),
            after=edited.text(label),
            author=author,
            reason=reason,
            source_message_id=None,
            created_at=self._now(),
        )

        async def commit() -> Agent:
            queue = agent.queue
            async with self._stores.database.write(alone=along is not None) as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                of, new = await self._source(transaction, agent, source) if source is not None else (None, ())
                await self._stores.agents.save_edits(transaction, agent.id, [replace(edit, source_message_id=of)])
                if along is not None:
                    await along(transaction)
            if new:
                self._stores.recall.index_soon()
                queue = (*queue, *self._queued(agent, new))
            return replace(agent, core=edited, folded=edited, queue=queue)

        return await whole(commit(), self.keep if along is None else lambda edited: self.let_go(edited.scope))

    async def _source(
        self, transaction: Transaction, agent: Agent, source: NewEvent
    ) -> tuple[int, tuple[Message, ...]]:
        """The id of a person's message, and the message if it was not there."""
        known = await self._stores.recall.named(transaction, agent.id, [source.message_id] if source.message_id else [])
        if known:
            return known[-1][0].id, ()
        now = self._now()
        self._stores.inbox.place(transaction, source, now)
        said = heard(WaitingEvent.of(0, source, now))
        new = await self._stores.recall.append(transaction, agent.id, None, [said])
        return new[0].id, new

    async def pause(
        self, agent: Agent, now: datetime | None, along: Callable[[Transaction], Awaitable[None]] | None = None
    ) -> None:
        """Keep nothing of what is said from now on; None: keep it again. To be called in the agent's lane only.

        What was said meanwhile is forgotten when it is kept again. `along` is written in the same transaction.
        """

        async def commit() -> None:
            async with self._stores.database.write() as transaction:
                await self._stores.agents.save_paused(transaction, agent.id, now)
                if now is not None:
                    await self._stores.journal.leave_nothing(transaction, agent.id)
                if along is not None:
                    await along(transaction)
            self.let_go(agent.scope)

        await finish(commit())

    async def tell(self, agent: Agent, alert: NewMessage) -> None:
        """Let an agent know of something when it next wakes; nothing is asked of the model. In its lane only."""

        async def commit() -> Agent:
            async with self._stores.database.write() as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                turn_id = await self._stores.recall.last_turn(transaction, agent.id)
                told = await self._stores.recall.append(transaction, agent.id, turn_id, [alert])
            return replace(agent, queue=(*agent.queue, *self._queued(agent, told)))

        if agent.paused_at is None:
            await whole(commit(), self.keep)

    async def choose_heartbeat(self, agent: Agent, along: Callable[[Transaction], Awaitable[None]]) -> None:
        """Keep how often an agent's heart beats, and what is written along with that. To be called in its lane only."""

        async def commit() -> None:
            async with self._stores.database.write() as transaction:
                await self._stores.agents.save_heartbeat(transaction, agent.id, agent.heartbeat_minutes)
                await along(transaction)
            self.let_go(agent.scope)

        await finish(commit())

    async def choose_model(self, agent: Agent, model: ChosenModel | None) -> None:
        """Keep which model an agent has of its own; None: that of the settings. To be called in its lane only."""

        async def commit() -> None:
            async with self._stores.database.write() as transaction:
                await self._stores.agents.save_model(transaction, agent.id, model)
            self.let_go(agent.scope)

        await finish(commit())

    async def mind_of(self, scope: str) -> Mind:
        """The mind of a scope's agent; the usual one if there is none yet. For reading beside its turns."""
        if scope in self._at_hand:
            return self._minds.of(self._at_hand[scope])
        record = await self._stores.agents.find(scope)
        return await self._minds.prepare(record.model if record is not None else None)

    async def thinks(self, scope: str) -> bool:
        """Whether a scope's agent can do more than answer what it is asked."""
        return (await self.mind_of(scope)).tier.speaks_unasked

    async def thinks_apart(self, scope: str) -> bool:
        """Whether it can when nobody but the clock wakes it."""
        return self._minds.apart(await self.mind_of(scope)).tier.speaks_unasked

    async def _create(self, scope: str, first: FirstMemory) -> AgentRecord:
        async with self._stores.database.write() as transaction:
            return await make_agent(transaction, self._stores.agents, scope, first, self._now())

    def _loaded(self, record: AgentRecord, zone: ZoneInfo, queue: tuple[Message, ...]) -> Agent:
        core = CoreMemory(tuple(Block(*kept, limit=0) for kept in record.blocks))
        agent = Agent(
            id=record.id,
            scope=record.scope,
            preset=record.preset,
            zone=zone,
            core=core,
            folded=core,
            summary=record.summary,
            warned=record.warned,
            queue=(),
            paused_at=record.paused_at,
            passing=record.passing,
            derive_anew=record.derive_anew,
            revision=record.revision,
            heartbeat_minutes=record.heartbeat_minutes,
            model=record.model,
        )
        core = self._minds.of(agent).compiler.limited(core)
        agent = replace(agent, core=core, folded=core, queue=self._queued(agent, queue))
        self.keep(agent)
        return agent

    def _queued(self, agent: Agent, messages: Sequence[Message]) -> tuple[Queued, ...]:
        compiler = self._minds.of(agent).compiler
        return compiler.queued(messages, agent.zone, names_speaker=not agent.is_direct)


async def make_agent(
    transaction: Transaction, store: AgentStore, scope: str, first: FirstMemory, now: datetime
) -> AgentRecord:
    """Make the agent of a scope, with what every agent finds in its archival storage."""
    made = await store.create(transaction, scope, first.blocks(scope), now, first.preset)
    await attach_preloaded(transaction, made.id, made.created_at)
    return made


def _weight(agent: Agent) -> int:
    """Messages; an agent without any weighs something too, and an image as much as its size in kB."""
    pictures = sum(len(image.url) for images in agent.images.values() for image in images)
    return len(agent.queue) + 10 + pictures // 1000
