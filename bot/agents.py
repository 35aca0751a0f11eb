"""Agents by scope: made at the first message, loaded when they wake, kept at hand while they are busy."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.agent import Agent
from bot.commit import whole
from bot.context import ContextCompiler
from memory.agents import AgentRecord, AgentStore
from memory.core_memory import Block, CoreMemory
from memory.database import Database, finish
from memory.ports import BlockEdit, Message
from memory.recall import RecallStorage

MAX_AT_HAND = 200


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
    """Every change of an agent goes through its lane, so what is at hand here is always what is in the database."""

    def __init__(
        self,
        database: Database,
        store: AgentStore,
        recall: RecallStorage,
        compiler: ContextCompiler,
        first_memory: FirstMemory,
        zone: ZoneInfo,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._store = store
        self._recall = recall
        self._compiler = compiler
        self._first_memory = first_memory
        self._zone = zone
        self._now = now
        self._at_hand: OrderedDict[str, Agent] = OrderedDict()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of people who set none."""
        return self._zone

    async def id_of(self, scope: str) -> int | None:
        """The id of a scope's agent, or None if there is none yet; for reading beside its turns."""
        if scope in self._at_hand:
            return self._at_hand[scope].id
        record = await self._store.find(scope)
        return record.id if record else None

    async def get(self, scope: str) -> Agent:
        """The agent of a scope, made if there is none yet; to be called in its lane only."""
        if scope in self._at_hand:
            self._at_hand.move_to_end(scope)
            return self._at_hand[scope]
        record = await self._store.find(scope)
        if record is None:
            record = await finish(self._create(scope))
        return self._loaded(record, await self._recall.queue(record.id))

    def keep(self, agent: Agent) -> None:
        """Take an agent as its newest commit left it."""
        self._at_hand[agent.scope] = agent
        self._at_hand.move_to_end(agent.scope)
        while len(self._at_hand) > MAX_AT_HAND:
            self._at_hand.popitem(last=False)

    async def edit_core(self, agent: Agent, label: str, edited: CoreMemory, *, author: str, reason: str) -> Agent:
        """Write an edit that is not the agent's own; the agent sees it in its next prompt."""
        edit = BlockEdit(
            label=label,
            before=agent.core.block(label).value,
            after=edited.block(label).value,
            author=author,
            reason=reason,
            source_message_id=None,
            created_at=self._now(),
        )

        async def commit() -> Agent:
            async with self._database.write() as transaction:
                await self._store.save_edits(transaction, agent.id, [edit])
            return replace(agent, core=edited, folded=edited)

        return await whole(commit(), self.keep)

    async def _create(self, scope: str) -> AgentRecord:
        async with self._database.write() as transaction:
            blocks = self._first_memory.blocks(scope)
            return await self._store.create(transaction, scope, blocks, self._now(), self._first_memory.preset)

    def _loaded(self, record: AgentRecord, queue: tuple[Message, ...]) -> Agent:
        limit = self._compiler.room.block
        core = CoreMemory(tuple(Block(label, value, limit) for label, value in record.blocks))
        agent = Agent(
            id=record.id,
            scope=record.scope,
            preset=record.preset,
            zone=self._zone,
            core=core,
            folded=core,
            summary=record.summary,
            warned=record.warned,
            queue=(),
        )
        names_speaker = not agent.is_direct
        queued = self._compiler.queued(queue, agent.zone, names_speaker=names_speaker)
        agent = replace(agent, queue=queued)
        self.keep(agent)
        return agent
