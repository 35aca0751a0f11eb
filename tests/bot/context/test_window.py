"""Whatever happened, whatever the window, however the server counts: each prompt fits, and OpenAI's API would take it.

Random conversations go through the real turns, queue manager, compiler and stores. What is made up is the model: its
answers, how many tokens it finds for one of ours (which it tells by its usage alone), and what comes of its summaries.
"""

import asyncio
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.models.token_counter import BpeTokenCounter
from adapters.ports.errors import ContextOverflow, FeatureUnsupported, ModelUnavailable
from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, Sampling, ToolCall, ToolSchema, Usage
from bot.agent import Agent
from bot.agents import Agents, FirstMemory
from bot.context.main_context import TOKENS_PER_MESSAGE, ContextCompiler, Equipment, told_tools
from bot.context.priming import PrimingSummarizer
from bot.context.queue_manager import PRESSURE_ALERT, Fractions, QueueManager
from bot.context.summary import Summarizer
from bot.context.token_ratio import TokenRatio
from bot.context.window import MIN_FREE_TOKENS, MIN_QUEUE_TOKENS, Room, Window
from bot.delivery.outbox import Outbox
from bot.errors import ContextTooSmall, TurnGivenUp
from bot.events import of_ours
from bot.minds.mind import Mind, Minds
from bot.registry import tool
from bot.testing import Clock, direct, refused_for, waking_by_itself
from bot.tiers.ports import Answer
from bot.tools.core_memory import core_memory_append
from bot.tools.messaging import send_message
from bot.turns.asking import Asking
from bot.turns.clocks import Clocks
from bot.turns.executor import Executor
from bot.turns.greeting import Greeting
from bot.turns.opening import Opening
from bot.turns.shelves import Shelves
from bot.turns.tool_context import ToolContext
from bot.turns.turn import Turns
from bot.turns.written_step import StepWriter
from config.words import prompt
from memory.archival.storage import ArchivalStorage
from memory.ports import Kind, Message, NewMessage
from memory.recall.storage import RecallStorage
from memory.search.chroma_index import ChromaIndex
from memory.sqlite.database import Database
from memory.stores import Stores

COUNTER = BpeTokenCounter()
UTC = ZoneInfo("UTC")
MAX_STEPS = 6
USAGES_TO_LEARN = 6
"""Reports after which the queue manager knows the server's count: each halves what it is wrong by."""

LEAST_STEPS = 4
"""What stays whatever happens: a person's last message, the event of the turn, its last step, an alert after it."""


@tool
async def read(context: ToolContext, word: str, times: int) -> dict[str, str]:
    """Read a word.

    Args:
        word: The word.
        times: How often.
    """
    return {"text": f"{word} " * times}


TOOLS = {of.schema.name: of for of in (send_message, core_memory_append, read)}


@dataclass(frozen=True)
class World:
    """How large the window is, how the server counts, and what happens in it."""

    window: int
    ratio: float
    fractions: Fractions
    block_tokens: int
    summaries: tuple[str, ...]
    turns: tuple[tuple[NewMessage, tuple[Answer, ...]], ...]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How Hypothesis shows it: by its shape, for the texts have megabytes."""
        lives = [(event.kind.value, len(event.text or ""), [*map(_shape, answers)]) for event, answers in self.turns]
        head = (self.window, self.ratio, self.fractions, self.block_tokens, self.summaries)
        printer.text(f"World({head}, {lives})")


def _shape(answer: Answer) -> str:
    calls = ", ".join(f"{call.name[:20]}({len(call.arguments)})" for call in answer.calls)
    return f"{len(answer.text or '')}: {calls}"


def words(max_words: int) -> st.SearchStrategy[str]:
    kinds = st.sampled_from(["apple", "Ada's code QX-77", "長い話", "🦜", "\x01", "<|im_end|>", '"\\', "ẍ̧"])
    return st.builds(lambda word, times: f"{word} " * times, kinds, st.integers(1, max_words)).map(str.strip)


def calls() -> st.SearchStrategy[ToolCall]:
    good = st.one_of(
        st.fixed_dictionaries({"word": words(3), "times": st.integers(0, 4000)}).map(lambda of: ("read", of)),
        st.fixed_dictionaries({"message": words(3000)}).map(lambda of: ("send_message", of)),
        st.fixed_dictionaries({"label": st.just("human"), "content": words(200)}).map(
            lambda of: ("core_memory_append", of)
        ),
        st.fixed_dictionaries({"word": st.lists(words(9), max_size=50), "times": st.just(1)}).map(
            lambda of: ("read", of)
        ),
    )
    written = st.builds(
        lambda call, beats: (call[0], json.dumps({**call[1], "request_heartbeat": beats})), good, st.booleans()
    )
    bad_arguments = st.sampled_from(
        ["", "  ", "[]", '{"word": "He', "null", '{"word": NaN}', '{"a":' * 5000 + "1" + "}" * 5000, '{"a": 1e999}']
    )
    bad = st.tuples(st.sampled_from(["read", "fly away!", "", "x" * 300, "día"]), bad_arguments)
    return st.one_of(written, written, bad).map(lambda call: ToolCall("", *call))


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    made = draw(st.lists(calls(), max_size=4))
    numbered = tuple(replace(call, id=f"call_{number}") for number, call in enumerate(made))
    return Answer(draw(st.one_of(st.none(), words(800))), numbered)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    clock = Clock()
    warn, flush = draw(st.sampled_from([(0.7, 1.0), (0.7, 1.0), (0.3, 0.6), (0.7, 0.8), (0.9, 1.0)]))
    kinds = st.sampled_from([Kind.USER_MESSAGE] * 4 + [Kind.HEARTBEAT, Kind.SYSTEM_ALERT, Kind.LOGIN])
    turns = []
    for number in range(draw(st.integers(4, 14))):
        text = f"<{number}> {draw(st.one_of(words(60), words(60), words(5000)))}"
        event = NewMessage(kind=draw(kinds), created_at=clock(), text=text, author_id="1", author_name="Ada")
        turns.append((event, tuple(draw(st.lists(answers(), min_size=1, max_size=3)))))
    return World(
        window=draw(st.integers(2048, 16384)),
        ratio=draw(st.floats(0.8, 1.6)),
        fractions=Fractions(warn, flush, draw(st.sampled_from([0.5, 0.5, 0.1, 1.0]))),
        block_tokens=draw(st.sampled_from([100, 1000])),
        summaries=tuple(
            draw(st.lists(st.sampled_from(["", "down", "refuses", "<think>hm", "good", "huge"]), min_size=1))
        ),
        turns=tuple(turns),
    )


def size_of(messages: Sequence[ChatMessage], tools: Sequence[ToolSchema]) -> int:
    """A prompt as a server weighs it, but for its tokenizer."""
    texts = [message.content or "" for message in messages]
    texts += [f"{call.name} {call.arguments}" for message in messages for call in message.tool_calls]
    return sum(COUNTER.count(text) + TOKENS_PER_MESSAGE for text in [*texts, told_tools(tools)])


def as_json(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    return [
        {
            "role": message.role,
            "content": message.content,
            "tool_calls": [
                {"id": c.id, "function": {"name": c.name, "arguments": c.arguments}} for c in message.tool_calls
            ],
            "tool_call_id": message.tool_call_id,
        }
        for message in messages
    ]


@dataclass
class SummaryModel:
    """A `LanguageModel` that fails, or writes a summary good or bad, in turn; it refuses what does not fit."""

    world: World
    name: str = "m"
    asked: int = 0

    @property
    def context_window(self) -> int:
        return self.world.window

    async def warm_up(self) -> None: ...

    async def close(self) -> None: ...

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        assert size_of(messages, ()) * self.world.ratio <= self.world.window
        self.asked += 1
        outcome = self.world.summaries[self.asked % len(self.world.summaries)]
        if outcome == "down":
            raise ModelUnavailable("down")
        if outcome == "refuses":
            raise FeatureUnsupported("refuses")
        return Completion({"good": "They spoke of apples. " * 20, "huge": "and so on " * 9000}.get(outcome, outcome))


@dataclass
class Watched:
    """A `Tier` that looks at each prompt as a strict server would, and gives the answers of the world."""

    world: World
    compiler: ContextCompiler
    answers: list[Answer] = field(default_factory=list)
    usages: int = 0
    overflows: int = 0
    sent: int = 0

    async def answer(self, agent: Agent, event: Message) -> Answer:
        messages, tools = self.compiler.compile(agent), self.compiler.tools(agent)
        assert refused_for(as_json(messages)) == []
        told = "\n".join(message.content or "" for message in messages if message.role == "user")
        assert event.text is not None
        assert f"{event.text.partition('>')[0]}>" in told, "the event that the agent is to answer is not in sight"
        persons = [queued.message for queued in agent.queue if queued.message.kind is Kind.USER_MESSAGE]
        assert not persons or f"{(persons[-1].text or '').partition('>')[0]}>" in told
        assert told.count("Memory pressure") == agent.warned
        count = round(size_of(messages, tools) * self.world.ratio)
        if count > self.world.window:
            self.overflows += 1
            assert self.overflows == 1, "compacted after an overflow, and still too large"
            assert self.usages < USAGES_TO_LEARN, "too large, although the server has told how it counts"
            raise ContextOverflow("too large")
        self.overflows = 0
        if self.usages >= USAGES_TO_LEARN:
            limit = min(self.world.fractions.flush * self.world.window, self.world.window - self.compiler.room.reply)
            assert count <= limit * 1.03 + 20 or _steps(agent) <= LEAST_STEPS, (count, limit)
        self.usages += 1
        self.sent += 1
        answer = (
            self.answers.pop(0) if self.answers else Answer(None, (ToolCall("c", "send_message", '{"message":"ok"}'),))
        )
        return replace(answer, usage=Usage(count, 10), saw_context=True)


class Kept:
    """Takes the agent as each commit leaves it, and sees to the queue manager's promises about evictions."""

    def __init__(self, world: World, agents: Agents) -> None:
        self._world, self._agents = world, agents
        self.agent: Agent | None = None
        self.evictions = 0
        self._warnings: set[int] = set()

    def __call__(self, agent: Agent) -> None:
        self._agents.keep(agent)
        ids = {queued.message.id for queued in agent.queue}
        if self.agent is not None and {queued.message.id for queued in self.agent.queue} - ids:
            self.evictions += 1
            self._warnings.clear()
            assert not agent.warned
            before, kept = _tokens(self.agent), _tokens(agent)
            share = 1 - self._world.fractions.evict
            assert kept <= before * share + 1 or _steps(agent) <= LEAST_STEPS, (before, kept)
        self._warnings |= {queued.message.id for queued in agent.queue if queued.message.text == PRESSURE_ALERT}
        assert len(self._warnings) <= 1, "warned twice between two evictions"
        self.agent = agent


def _steps(agent: Agent) -> int:
    return sum(queued.message.kind is not Kind.TOOL_RESULT for queued in agent.queue)


def _tokens(agent: Agent) -> int:
    return sum(queued.tokens for queued in agent.queue)


async def live(database: Database, folder: Path, scope: str, world: World) -> int:
    """Live through a world; returns how many prompts were sent."""
    now = Clock()
    equipment = {
        "memgpt_chat": Equipment(
            Template("You act by calling tools, in $place."), tuple(of.schema for of in TOOLS.values())
        )
    }
    fixed = equipment["memgpt_chat"].tokens(COUNTER)
    window = Window(world.window, world.block_tokens, fixed, world.fractions.flush)
    most_summary = window.room.summary
    compiler = ContextCompiler(equipment, window, COUNTER)
    tier, model = Watched(world, compiler), SummaryModel(world)
    summarizer = Summarizer(model, prompt("summarize"), COUNTER, window)
    archival = ArchivalStorage(database, ChromaIndex(folder / "chroma"), Unused(), now)
    stores = Stores.over(database, RecallStorage(database), archival, now)
    store, recall = stores.agents, stores.recall
    queue_manager = QueueManager(database, store, recall, archival, compiler, summarizer, window, world.fractions, now)
    shelves = Shelves(store, recall, archival, stores.result_lists, COUNTER, window)
    priming = PrimingSummarizer(None, prompt("summarize_spr"), COUNTER, window)
    minds = Minds(Mind(model, shelves, compiler, queue_manager, tier, priming, 0, "this machine", lambda: "tools"))

    def agents() -> Agents:
        first_memory = FirstMemory("memgpt_chat", "I am kind.", "")
        return Agents(stores, minds, first_memory, UTC, now)

    at_hand = agents()
    keep = Kept(world, at_hand)
    outbox = Outbox(stores.replies, {}, now)
    waking = waking_by_itself(database, stores.inbox, now)
    heartbeats = waking["heartbeats"]
    clocks = Clocks(waking["follow_ups"], heartbeats, None, lambda due: None)
    greeting, absence = Greeting(stores.people, now), timedelta(days=3)
    writer = StepWriter(stores, COUNTER, outbox, minds, greeting, heartbeats, clocks, now)
    opening = Opening(stores, at_hand, minds, long_absence=absence, verifies_first=True, now=now)
    turns = Turns(store, minds, Asking(minds), Executor(TOOLS), writer, outbox, **waking, max_steps=MAX_STEPS, now=now)

    for event, answers_to_it in world.turns:
        tier.answers = list(answers_to_it)
        agent = await at_hand.get(scope)
        try:
            new = of_ours(direct(scope.rpartition(":")[2]), event)
            waiting = [await stores.inbox.add(new, now())]
            turn = await opening.begin(agent, waiting, keep)
            await turns.run(turn, keep)
        except TurnGivenUp:
            pass
        assert COUNTER.count((await at_hand.get(scope)).summary) <= most_summary
    found, loaded = await at_hand.get(scope), await agents().get(scope)
    assert [queued.message for queued in found.queue] == [queued.message for queued in loaded.queue]
    assert (found.summary, found.warned, found.core) == (loaded.summary, loaded.warned, loaded.core)
    await recall.close()
    return tier.sent


class Unused:
    """An embedder that nobody asks."""

    name = "unused"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise ConnectionError("not needed here")


def test_every_prompt_fits_and_is_valid_over_random_lives(tmp_path: Path) -> None:
    numbers = itertools.count()
    with asyncio.Runner() as runner:
        database = runner.run(Database.open(tmp_path / "bot.db", tmp_path / "backups", Clock()()))

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(worlds())
        def every_life(world: World) -> None:
            runner.run(live(database, tmp_path, f"console:dm:{next(numbers)}", world))

        try:
            every_life()
        finally:
            runner.run(database.close())


@given(st.integers(1, 200_000), st.integers(50, 5000), st.integers(0, 4000))
def test_a_window_is_shared_out_so_that_a_conversation_has_room_or_is_refused(
    window: int, block: int, fixed: int
) -> None:
    if window - fixed - min(2048, window // 8) < MIN_FREE_TOKENS:
        with pytest.raises(ContextTooSmall, match=str(window)):
            Room.of(window, block, fixed)
        return
    room = Room.of(window, block, fixed)
    assert room.block <= min(block, window / 8)
    assert room.summary <= min(800, window / 8)
    assert fixed + room.reply + 2 * room.block + room.summary + MIN_QUEUE_TOKENS <= window


def test_the_shares_follow_the_server_in_steps() -> None:
    window = Window(4096, 1000, 1500)
    loose = window.room
    window.learn(1, 0.9)
    assert window.room is loose
    window.learn(1, 7.0)
    assert window.ratio_of(1) == pytest.approx(0.9)
    window.learn(1, 1.55)
    tight = window.room
    assert (tight.window, tight.limit, tight.reply) == (loose.window, loose.limit, loose.reply)
    assert tight.block < loose.block
    assert tight.summary < loose.summary
    assert tight.message < loose.message
    assert 1.6 * (1500 + tight.core + tight.people + tight.summary + MIN_QUEUE_TOKENS) <= tight.limit
    for ratio in (1.5, 1.6, 1.45, 1.58):
        window.learn(1, ratio)
    assert window.room is tight
    for _ in range(200):
        window.learn(1, 1.0)
    assert window.room.block > tight.block


def test_what_the_server_counts_for_one_agent_is_not_forgotten_over_another() -> None:
    window = Window(8192, 1000, 1500)
    for _ in range(20):
        window.learn(1, 1.0)
        window.learn(2, 1.6)
    assert (window.ratio_of(1), window.ratio_of(2)) == (pytest.approx(1.0), pytest.approx(1.6))
    assert window.ratio_of(3) == pytest.approx(1.6), "of whom nothing is known, the dearest of late"


def test_the_count_goes_up_at_once_and_down_by_and_by() -> None:
    ratio = TokenRatio()
    ratio.learn(0.9)
    assert ratio.value == pytest.approx(0.9)
    ratio.learn(1.4)
    assert ratio.value == pytest.approx(1.4)
    ratio.learn(1.0)
    assert ratio.value == pytest.approx(1.3)
    ratio.learn(0.01)
    ratio.learn(9)
    assert ratio.value == pytest.approx(1.3)
