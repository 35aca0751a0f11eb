"""The queue manager: warns of memory pressure, evicts, and leaves a summary (MemGPT, section 2.2)."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.ports import Usage
from bot.agent import Agent, Queued
from bot.commit import Keep, whole
from bot.context import ContextCompiler
from bot.errors import ContextTooSmall
from bot.events import system_alert
from bot.summary import Summarizer
from memory.agents import AgentStore
from memory.database import Database
from memory.ports import Kind
from memory.recall import RecallStorage

logger = logging.getLogger(__name__)

MIN_QUEUE_TOKENS = 100

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
        compiler: ContextCompiler,
        summarizer: Summarizer,
        fractions: Fractions,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agents
        self._recall = recall
        self._compiler = compiler
        self._summarizer = summarizer
        self._fractions = fractions
        self._now = now
        self._calibration = 1.0

    def tokens(self, agent: Agent) -> int:
        """The size of the agent's next prompt, as the server would count it."""
        own = self._compiler.fixed_tokens(agent) + sum(queued.tokens for queued in agent.queue)
        return round(own * self._calibration)

    def calibrate(self, agent: Agent, usage: Usage | None) -> None:
        """Learn from what the server counted for the prompt of `agent`."""
        if usage is None or usage.prompt_tokens <= 0:
            return
        ratio = usage.prompt_tokens / max(1, self.tokens(agent)) * self._calibration
        if 0.3 <= ratio <= 3:  # a server that reports nonsense must not talk us out of our own count
            self._calibration = 0.5 * self._calibration + 0.5 * max(0.8, ratio)

    async def make_room(self, agent: Agent, turn_id: int, keep: Keep, *, force: bool = False) -> Agent:
        """Before a model call: evict if the prompt is too large (or if `force`), else warn once if it nearly is.

        Raises:
            ContextTooSmall: the fixed part alone leaves no room for a message.
        """
        if self.tokens(agent) > self._limit or force:
            return await self._flush(agent, keep)
        return await self.warn(agent, turn_id, keep)

    async def warn(self, agent: Agent, turn_id: int, keep: Keep) -> Agent:
        """Tell the agent, once until the next eviction, that its window is nearly full; the same agent if it is not."""
        if agent.warned or self.tokens(agent) <= self._warned_at(agent):
            return agent
        logger.info("memory pressure tokens=%d", self.tokens(agent))
        return await whole(self._alert(agent, turn_id), keep)

    @property
    def _limit(self) -> int:
        """The largest prompt that leaves room for the reply."""
        room = self._compiler.room
        return round(self._fractions.flush * room.window) - room.reply

    def _warned_at(self, agent: Agent) -> float:
        """In a small window the fixed part alone may pass the fraction: then half of what is left counts."""
        fixed = self._compiler.fixed_tokens(agent) * self._calibration
        return max(self._fractions.warn * self._compiler.room.window, (fixed + self._limit) / 2)

    async def _alert(self, agent: Agent, turn_id: int) -> Agent:
        alert = system_alert(PRESSURE_ALERT, self._now())
        async with self._database.write() as transaction:
            (kept,) = await self._recall.append(transaction, agent.id, turn_id, [alert])
            await self._agents.save_pressure(transaction, agent.id, summary=agent.summary, warned=True)
        queued = self._compiler.queued([kept], agent.zone, names_speaker=not agent.is_direct)
        return replace(agent, warned=True, queue=(*agent.queue, *queued))

    async def _flush(self, agent: Agent, keep: Keep) -> Agent:
        limit = self._limit
        fixed = round(self._compiler.fixed_tokens(agent) * self._calibration)
        if limit - fixed < MIN_QUEUE_TOKENS:
            raise ContextTooSmall(
                f"Instructions, tools and core memory take {fixed} tokens of a window of {self._compiler.room.window}. "
                "Use a model with a larger window, or set LLM_CONTEXT_WINDOW if this one's is larger than that."
            )
        in_queue = sum(queued.tokens for queued in agent.queue)
        # The new summary may be longer than the old one: leave it its room.
        allowed = round((limit - fixed) / self._calibration) - self._compiler.room.summary
        keep_at_most = min(allowed, round(in_queue * (1 - self._fractions.evict)))
        evicted, kept = cut(agent.queue, max(0, keep_at_most))
        stale = tuple(queued for queued in kept if queued.message.text == PRESSURE_ALERT)
        evicted, kept = evicted + stale, tuple(queued for queued in kept if queued not in stale)
        if not evicted:
            logger.warning("the prompt is too large and nothing can be evicted tokens=%d", self.tokens(agent))
            return agent
        logger.info("evicting messages=%d keeping=%d", len(evicted), len(kept))
        summary = await self._summarizer.fold(agent.summary, [queued.message for queued in evicted], agent.zone)
        compacted = replace(agent, queue=kept, summary=summary, warned=False, folded=agent.core)
        return await whole(self._evict(compacted, evicted), keep)

    async def _evict(self, compacted: Agent, evicted: Sequence[Queued]) -> Agent:
        async with self._database.write() as transaction:
            await self._recall.evict(transaction, compacted.id, [queued.message.id for queued in evicted])
            await self._agents.save_pressure(transaction, compacted.id, summary=compacted.summary, warned=False)
        return compacted


def cut(queue: Sequence[Queued], keep_at_most: int) -> tuple[tuple[Queued, ...], tuple[Queued, ...]]:
    """Part a queue into (evicted, kept), kept being at most so many tokens where that is possible (pure).

    The newest message of a person always stays, and so does all that follows it, unless that alone is too much: then
    the oldest steps after it go. A tool call and its results are never parted. At least one step is evicted if there
    is any besides that message.
    """
    person = max((at for at, queued in enumerate(queue) if queued.message.kind is Kind.USER_MESSAGE), default=-1)
    starts = [at for at, queued in enumerate(queue) if queued.message.kind is not Kind.TOOL_RESULT]
    choices = [at for at in starts if at > 0] + [len(queue)]
    for at in choices:
        evicted, kept = _part(queue, at, person)
        # The last complete step stays as well: without it the model would do it again.
        if evicted and (_tokens(kept) <= keep_at_most or at >= (starts[-1] if starts else 0)):
            return evicted, kept
    return (), tuple(queue)


def _part(queue: Sequence[Queued], at: int, person: int) -> tuple[tuple[Queued, ...], tuple[Queued, ...]]:
    if person < 0 or at <= person:
        return tuple(queue[:at]), tuple(queue[at:])
    return (*queue[:person], *queue[person + 1 : at]), (queue[person], *queue[at:])


def _tokens(queue: Sequence[Queued]) -> int:
    return sum(queued.tokens for queued in queue)
