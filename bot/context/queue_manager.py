"""The queue manager: warns of memory pressure, evicts, and leaves a summary (MemGPT, section 2.2)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.ports.model import Usage
from bot.agent import Agent, Queued
from bot.context.derivation import Derivation, write_primer
from bot.context.lookup_hints import Find
from bot.context.main_context import SUMMARY_HEADING_TOKENS, ContextCompiler
from bot.context.queue_cut import cut, tokens_of
from bot.context.summary import Folded, Primer, Summarizer
from bot.context.window import MIN_QUEUE_TOKENS, Window
from bot.errors import ContextTooSmall
from bot.events import system_alert
from bot.turns.commit import Keep, whole
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.core.core_memory import CoreMemory
from memory.ports import Message
from memory.recall import compactions
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database, Transaction

logger = logging.getLogger(__name__)

ALERT_TOKENS = 100
"""What the alert takes of the queue, at most."""

LOOKED_AT = 10
"""A lookup hint is of use if what it leads to is among the first so many results: two pages."""

OVERFLOW_FRACTION = 0.6
"""Of a prompt that overflowed, so much is left: by how much it was too long is not known."""

PRESSURE_ALERT = (
    "Memory pressure: your window is nearly full and the oldest messages will soon be evicted. Save what matters "
    "with core_memory_append, core_memory_replace or archival_memory_insert. Do not mention this to anybody."
)


@dataclass(frozen=True, slots=True)
class Fractions:
    """When to act, as parts of the window: warn, flush, and how much of the queue to evict."""

    warn: float
    flush: float
    evict: float


class QueueManager:
    """Keeps every agent's prompt inside the model's window."""

    def __init__(
        self,
        database: Database,
        agents: AgentStore,
        recall: RecallStorage,
        archival: ArchivalStorage,
        compiler: ContextCompiler,
        summarizer: Summarizer,
        window: Window,
        fractions: Fractions,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agents
        self._recall = recall
        self._archival = archival
        self._compiler = compiler
        self._summarizer = summarizer
        self._window = window
        self._fractions = fractions
        self._now = now
        self._derivation = Derivation(database, agents, recall, archival, summarizer, now)
        self._too_small_for: dict[int, int] = {}
        """How often in a row the window was too small for an agent."""

    def tokens(self, agent: Agent) -> int:
        """The size of the agent's next prompt, as the server would count it."""
        return round(self._own_tokens(agent) * self._window.ratio_of(agent.id))

    def shares(self, agent: Agent) -> Mapping[str, int]:
        """What each part takes of the agent's next prompt, as the server would count it; the rest is free."""
        ratio = self._window.ratio_of(agent.id)
        return {part: round(own * ratio) for part, own in self._compiler.shares(agent).items()}

    def calibrate(self, agent: Agent, usage: Usage | None) -> None:
        """Learn from what the server counted for the prompt of `agent`; what it counts for images tells nothing."""
        if usage is None or usage.prompt_tokens <= 0 or agent.images:
            return
        self._window.learn(agent.id, usage.prompt_tokens / self._own_tokens(agent))

    async def evictions(self, agent_id: int) -> compactions.Evictions:
        """How many evictions an agent has had, and how often it saved something before."""
        async with self._database.read() as connection:
            return await compactions.evictions(connection, agent_id)

    async def make_room(self, agent: Agent, turn_id: int, keep: Keep) -> Agent:
        """Before a model call: evict if the prompt is too large, else warn once if it nearly is.

        Raises:
            ContextTooSmall: the fixed part alone leaves no room for a message.
        """
        agent = await self._derivation.derived(agent, self._finder(agent, agent.queue), keep)
        if self.tokens(agent) > self._limit:
            return await self._flush(agent, keep)
        return await self.warn(agent, turn_id, keep)

    async def after_overflow(self, agent: Agent, keep: Keep) -> Agent:
        """Evict, as the server has just refused the agent's prompt as too large, whatever we count.

        Raises:
            ContextTooSmall: the fixed part alone leaves no room for a message.
        """
        self.learn_from_overflow(agent)
        return await self._flush(agent, keep, round(self.tokens(agent) * OVERFLOW_FRACTION))

    def learn_from_overflow(self, agent: Agent) -> None:
        """Take in that the server has refused the agent's prompt as too large.

        Raises:
            ContextTooSmall: it follows that the fixed part alone leaves no room for a message.
        """
        at_least = self._compiler.room.window / self._own_tokens(agent)
        if at_least > self._window.ratio_of(agent.id):
            self._window.learn(agent.id, at_least)
        if self._room_for_queue(agent) < MIN_QUEUE_TOKENS:
            raise self._too_small(agent)

    async def bound(self, agent: Agent, keep: Keep) -> Agent:
        """After something was only heard: evict where the next turn would find too little room, and ask no model.

        What is heard costs nothing, however much it is: the turn that comes next has neither to make room for it nor to
        be warned. So this is sooner than `make_room` would, and what stays is an extract.
        """
        ratio = self._window.ratio_of(agent.id)
        roomy = min(self._warned_at(agent), self._limit) / ratio - self._compiler.room.message
        beside = self._compiler.fixed_tokens(agent) + self._compiler.notes_tokens(agent)
        most = max(MIN_QUEUE_TOKENS, roomy - beside)
        queued = tokens_of(agent.queue)
        if queued <= most:
            return agent
        evicted, kept = cut(agent.queue, round(min(most, queued * (1 - self._fractions.evict))))
        if not evicted:
            return agent
        leaving = [queued.message for queued in evicted if agent.keeps(queued.message)]
        folded = self._summarizer.extract(agent.summary, leaving, agent.zone)
        return await self._put_out(agent, keep, evicted, kept, folded)

    async def compact(self, agent: Agent, keep: Keep) -> Agent:
        """Evict and summarize now, however much room there is; the same agent if there is nothing to evict.

        Raises:
            ContextTooSmall: the fixed part alone leaves no room for a message.
        """
        agent = await self._derivation.derived(agent, self._finder(agent, agent.queue), keep)
        return await self._flush(agent, keep)

    async def warn(self, agent: Agent, turn_id: int, keep: Keep) -> Agent:
        """Tell the agent, once until the next eviction, that its window is nearly full; the same agent if it is not."""
        if not self.is_pressed(agent):
            return agent

        async def commit() -> Agent:
            async with self._database.write() as transaction:
                return await self.add_warning(transaction, agent, turn_id)

        return await whole(commit(), keep)

    def is_pressed(self, agent: Agent) -> bool:
        """Whether the agent's window is nearly full, and it was not told since the last eviction."""
        if agent.passing:  # nothing can be saved, and nothing of what is said now is lost with the eviction
            return False
        # Where the alert itself would fill the window, the next call evicts before the agent could save anything.
        most = self._limit - ALERT_TOKENS * self._window.ratio_of(agent.id)
        return not agent.warned and self._warned_at(agent) < self.tokens(agent) <= most

    async def add_warning(self, transaction: Transaction, agent: Agent, turn_id: int) -> Agent:
        """Write the warning into the agent's queue; returns the agent with it, for after the commit."""
        self._agents.check(agent.scope, agent.revision)
        logger.info("memory pressure tokens=%d", self.tokens(agent))
        alert = system_alert(PRESSURE_ALERT, self._now())
        (kept,) = await self._recall.append(transaction, agent.id, turn_id, [alert])
        await self._agents.save_pressure(transaction, agent.id, summary=agent.summary, warned=True)
        return self._compiler.with_queued(replace(agent, warned=True), [kept])

    def _own_tokens(self, agent: Agent) -> int:
        beside = self._compiler.fixed_tokens(agent) + self._compiler.notes_tokens(agent)
        return max(1, beside + tokens_of(agent.queue))

    @property
    def _limit(self) -> int:
        """The largest prompt; always so that the reply has its room."""
        return self._window.room.limit

    def _warned_at(self, agent: Agent) -> float:
        """The size beyond which the agent is warned: the fraction, where that lies between fixed part and limit."""
        fraction = self._fractions.warn * self._compiler.room.window
        beside = self._compiler.fixed_tokens(agent) + self._compiler.notes_tokens(agent)
        halfway = (beside * self._window.ratio_of(agent.id) + self._limit) / 2
        is_ever = self._fractions.warn < self._fractions.flush
        return (halfway + self._limit) / 2 if is_ever and fraction >= self._limit else max(fraction, halfway)

    async def _flush(self, agent: Agent, keep: Keep, most: int | None = None) -> Agent:
        """Evict until the prompt is inside the limit (or has at most so many tokens)."""
        free = self._free(agent)
        if most is not None:
            free = min(free, free - (self._limit - most) / self._window.ratio_of(agent.id))
        keep_at_most = min(free, tokens_of(agent.queue) * (1 - self._fractions.evict))
        evicted, kept = cut(agent.queue, max(0, round(keep_at_most)))
        stale = tuple(queued for queued in kept if _is_warning(queued.message))
        evicted, kept = evicted + stale, tuple(queued for queued in kept if queued not in stale)
        kept = self._fitting(agent, kept, free)
        if not evicted:
            keep(tightened := replace(agent, queue=kept, folded=agent.core))
            return tightened
        leaving = [queued.message for queued in evicted if agent.keeps(queued.message)]
        if not leaving:  # nothing that is kept has changed
            passing = _passing(agent, kept)
            keep(compacted := replace(agent, queue=kept, folded=agent.core, passing=passing))
            return compacted
        folded = await self._summarizer.fold(agent.summary, leaving, agent.zone, self._finder(agent, kept))
        return await self._put_out(agent, keep, evicted, kept, folded)

    async def _put_out(
        self, agent: Agent, keep: Keep, evicted: Sequence[Queued], kept: tuple[Queued, ...], folded: Folded
    ) -> Agent:
        """Take messages out of the queue; the summary holds what is left of them."""
        logger.info("evicting messages=%d keeping=%d", len(evicted), len(kept))
        passing = _passing(agent, kept)
        told = folded.summary
        compacted = replace(agent, queue=kept, summary=told, warned=False, folded=agent.core, passing=passing)
        return await whole(self._evict(agent, compacted, evicted, folded.primer), keep)

    def _finder(self, agent: Agent, kept: Sequence[Queued]) -> Find:
        """A search of the agent's recall storage for what will not be in its window."""
        in_sight = {queued.message.id for queued in kept}

        async def find(term: str) -> Sequence[Message]:
            first = (await self._recall.search(agent.id, term))[:LOOKED_AT]
            return await self._recall.get(agent.id, [id_ for id_ in first if id_ not in in_sight])

        return find

    def _free(self, agent: Agent) -> float:
        """The most that the queue may take after a compaction, in tokens of our own count.

        Raises:
            ContextTooSmall: that is too little for a conversation. The server may have told nonsense, or the model may
                be another one by now, and only a call shows: so the least is tried all the same at the second time,
                the fourth, the eighth.
        """
        free = self._room_for_queue(agent)
        if free >= MIN_QUEUE_TOKENS:
            self._too_small_for.pop(agent.id, None)
            return free
        times = self._too_small_for[agent.id] = self._too_small_for.get(agent.id, 0) + 1
        if times > 1 and times.bit_count() == 1:
            return MIN_QUEUE_TOKENS
        raise self._too_small(agent)

    def _room_for_queue(self, agent: Agent) -> float:
        # As the compaction will leave it: core memory as it is now, and summary and notes as long as they may become.
        fixed = self._compiler.fixed_tokens(replace(agent, folded=agent.core, summary=""))
        fixed += self._compiler.room.summary + SUMMARY_HEADING_TOKENS + self._compiler.most_notes_tokens(agent)
        return self._limit / self._window.ratio_of(agent.id) - fixed

    def _too_small(self, agent: Agent) -> ContextTooSmall:
        """Why nothing can be asked for this agent."""
        ratio, room = self._window.ratio_of(agent.id), self._window.room
        equipment = self._compiler.fixed_tokens(replace(agent, folded=CoreMemory(()), summary=""))
        whole = self._compiler.fixed_tokens(replace(agent, folded=agent.core, summary=""))
        is_for_memory = whole - equipment > room.core  # of many blocks, each of which takes something even when cut
        return ContextTooSmall(
            f"Instructions and tools take {round(equipment * ratio)} tokens and core memory "
            f"{round((whole - equipment) * ratio)} of my language model's window of {room.window}: "
            "no room is left for a conversation. "
            + ("Shorten core memory, or clear it with `/agent reset core memory`; or use" if is_for_memory else "Use")
            + " a model with a larger window, or set LLM_CONTEXT_WINDOW if this one's is larger than that."
        )

    def _fitting(self, agent: Agent, kept: tuple[Queued, ...], free: float) -> tuple[Queued, ...]:
        """What must stay, its texts cut further where it is still too much."""
        most = max(free, MIN_QUEUE_TOKENS)
        fitting = self._compiler.tightened(kept, agent.zone, names_speaker=not agent.is_direct, max_tokens=most)
        if tokens_of(fitting) > most:
            logger.warning("the newest step alone is too large for the window tokens=%d", tokens_of(fitting))
        return fitting

    async def _evict(self, before: Agent, compacted: Agent, evicted: Sequence[Queued], primer: Primer | None) -> Agent:
        ids = [queued.message.id for queued in evicted if before.keeps(queued.message)]
        async with self._database.write() as transaction:
            self._agents.check(before.scope, before.revision)
            await self._recall.evict(transaction, compacted.id, ids)
            await compactions.record(
                transaction,
                compacted.id,
                summary_before=before.summary,
                evicted_ids=ids,
                newest_message_id=max(queued.message.id for queued in before.queue if before.keeps(queued.message)),
                warned_at=_alerted_at(before.queue),
                now=self._now(),
            )
            await self._agents.save_pressure(transaction, compacted.id, summary=compacted.summary, warned=False)
            await write_primer(transaction, compacted.id, primer, self._now())
        if primer is not None:
            self._archival.index_soon()
        return compacted


def _alerted_at(queue: Sequence[Queued]) -> datetime | None:
    """When the agent was told of memory pressure; the alert leaves the queue with the next eviction."""
    return min((queued.message.created_at for queued in queue if _is_warning(queued.message)), default=None)


def _passing(agent: Agent, kept: Sequence[Queued]) -> frozenset[int]:
    """Of the turns that nothing is kept of, those that still stand in the queue."""
    return agent.passing & {queued.message.turn_id for queued in kept}


def _is_warning(message: Message) -> bool:
    """Whether it warns of pressure by itself; set off by hand, it is the event of a turn of its own."""
    return message.text == PRESSURE_ALERT and message.id != message.turn_id
