"""The two styles of summary, narrative and statements: what each costs in the window, and which facts stay findable.

    python -m benchmarks.memory.summaries [--data FILE …] [--by code,stating,embedded,settings] [--window 4096]

A conversation leaves the window part by part, as evictions have it. Measured are, of each style: the tokens that the
summary takes of every later prompt, those that the model reads and writes for it, and the share of the questions whose
answer stands word for word in the summary, in one of the five passages that a search of the archive finds first (the
primers), and in one of the five messages that a search of recall storage finds first.

Who writes it: *code* (extracts, where there is no model to be trusted), *stating* (a stand-in that retells each fact of
the made-up conversation and nothing else: it shows what the form costs, and nothing about any model), *embedded* (the
packaged model), or the model of the *settings*.
"""

import argparse
import asyncio
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.models.token_counter import BpeTokenCounter
from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, LanguageModel, Sampling, ToolSchema
from benchmarks.memory.case import Case, Question
from benchmarks.memory.conversations import FIRST_DAY, Item, deep_memory, keep_conversation, read
from benchmarks.memory.judge import holds
from bot.context.priming import PrimingSummarizer
from bot.context.summary import Summarizer
from bot.context.window import Window
from bot.implementations import open_model
from bot.metering.model_around import ModelAround
from bot.testing import Bot, open_bot
from config.settings import load_settings
from config.words import prompt
from memory.ports import Message
from memory.recall.primers import keep_primer

STYLES: dict[str, tuple[type[Summarizer], str]] = {
    "narrative": (Summarizer, "summarize"),
    "spr": (PrimingSummarizer, "summarize_spr"),
}
FIXED_TOKENS = 1600
"""What instructions and tools take."""

LINES_PER_SESSION = 60
FIRST = 5
"""Hits of a search that are looked at: a page."""


@dataclass
class Told:
    """What came of one style in one conversation."""

    summaries: list[int] = field(default_factory=list)
    """The tokens of the summary after each eviction."""
    read: int = 0
    written: int = 0
    """Tokens of the calls of the model, as we count."""
    asked: int = 0
    in_summary: int = 0
    in_archive: int = 0
    in_recall: int = 0
    anywhere: int = 0

    def add(self, other: "Told") -> None:
        """Take another conversation in."""
        self.summaries += other.summaries
        for name in ("read", "written", "asked", "in_summary", "in_archive", "in_recall", "anywhere"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Stating:
    """A stand-in for a model that keeps every "my … is …" of the material, in the form that it is asked for."""

    name, context_window = "stating", 8192

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        earlier, _, material = str(messages[-1].content).partition("Messages:\n")
        facts = re.findall(r"my ([^.]+?) is ([^\n]+?)\.(?:\n|$)", material)
        if "sparse priming" in str(messages[0].content):
            return Completion("\n".join(f"- Ada's {subject}: {fact}" for subject, fact in facts) or "-")
        before = earlier.removeprefix("Earlier summary:\n").strip()
        told = " ".join(f"Ada told me, by the way, that her {subject} is {fact}." for subject, fact in facts)
        return Completion(" ".join(filter(None, (before, told))) or "We made small talk.")

    async def warm_up(self) -> None:
        """See `LanguageModel`."""

    async def close(self) -> None:
        """See `LanguageModel`."""


class Counting(ModelAround):
    """A model whose prompts and answers are counted; an answer of more than `most` tokens is of no use, and is cut."""

    def __init__(self, model: LanguageModel, count: Callable[[str], int], most: int) -> None:
        super().__init__(model)
        self._count, self._most = count, most
        self.read = self.written = 0

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        most = max_tokens or self._most
        completion = await super().complete(messages, tools, max_tokens=most, sampling=sampling)
        self.read += sum(self._count(message.content or "") for message in messages)
        self.written += self._count(completion.text or "")
        return completion


async def told(bot: Bot, case: Case, style: str, model: LanguageModel | None, tokens: int) -> Told:
    """Let a conversation leave the window in one style, and look for the answers."""
    await case.fill(bot, case.person)
    counter, shelves = BpeTokenCounter(), bot.app.shelves
    agent = await bot.agent(person=case.person)
    made, words = STYLES[style]
    window = Window(tokens, 1000, FIXED_TOKENS)
    counting = Counting(model, counter.count, 3 * window.room.summary) if model is not None else None
    summarizer = made(counting, prompt(words), counter, window)
    messages = await shelves.recall.said_since(agent.id, 0, 100_000)
    result, summary = Told(), ""

    async def find(term: str) -> Sequence[Message]:
        return await shelves.recall.get(agent.id, (await shelves.recall.search(agent.id, term))[:10])

    for evicted in parts(messages, (window.room.limit - FIXED_TOKENS - window.room.summary) // 2, counter.count):
        folded = await summarizer.fold(summary, evicted, agent.zone, find)
        summary = folded.summary
        result.summaries.append(counter.count(summary))
        if (primer := folded.primer) is not None:
            async with bot.app.stores.database.write() as transaction:
                await keep_primer(transaction, agent.id, primer.content, primer.newest_message_id, bot.clock())
    await shelves.archival.index_pending()
    for question in case.questions:
        notes = await shelves.archival.get(agent.id, (await shelves.archival.search(agent.id, question.text))[:FIRST])
        said = await find(question.text)
        places = (
            holds(summary, question.answers),
            any(holds(note.content, question.answers) for note in notes),
            any(holds(message.text or "", question.answers) for message in said[:FIRST]),
        )
        result.asked += 1
        result.in_summary += places[0]
        result.in_archive += places[1]
        result.in_recall += places[2]
        result.anywhere += any(places)
    if counting is not None:
        result.read, result.written = counting.read, counting.written
    return result


def parts(messages: Sequence[Message], tokens: int, count: Callable[[str], int]) -> list[list[Message]]:
    """Messages in the parts in which they leave the window."""
    found: list[list[Message]] = [[]]
    size = 0
    for message in messages:
        size += count(message.text or "") + 30  # the envelope
        if found[-1] and size > tokens:
            found.append([])
            size = 0
        found[-1].append(message)
    return found


def planted(seed: int, lines_per_session: int) -> Case:
    """Ten facts among the small talk of five sessions."""
    sessions, questions = deep_memory(seed, lines_per_session)
    items: list[Item] = []
    for week, lines in enumerate(sessions):
        for number, line in enumerate(lines):
            moment = FIRST_DAY.replace(hour=12 + number // 60, minute=number % 60, day=5 + 4 * week)
            items.append((f"{week}:{2 * number}", "Ada", line, moment))
            items.append((f"{week}:{2 * number + 1}", "agent", "I see. And how was the rest of your day?", moment))

    async def fill(bot: Bot, person: str) -> None:
        await keep_conversation(bot, person, items)

    return Case("planted", fill, tuple(Question(q.text, q.answers, q.category) for q in questions))


async def measure(by: str, cases: Sequence[Case], tokens: int) -> None:
    """Print a row for each style."""
    model: LanguageModel | None = None
    if by == "stating":
        model = Stating()
    elif by != "code":
        model = await open_model(load_settings(**({"llm_model": "embedded"} if by == "embedded" else {})))
        await model.warm_up()
    for style in STYLES:
        everything = Told()
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                async with open_bot(Path(folder), llm_model="embedded") as bot:
                    everything.add(await told(bot, case, style, model, tokens))
        row(by, style, everything)
    if model is not None:
        await model.close()


def row(by: str, style: str, of: Told) -> None:
    """Print one."""
    mean, evictions = sum(of.summaries) / max(1, len(of.summaries)), len(of.summaries)
    shares = [f"{100 * found / max(1, of.asked):6.1f} %" for found in found_of(of)]
    print(
        f"{by:10} {style:10} {evictions:9} {mean:12.0f} {of.read:9} {of.written:9} {of.asked:6} " + " ".join(shares),
        flush=True,
    )


def found_of(of: Told) -> tuple[int, int, int, int]:
    """In the summary, the archive, recall storage, anywhere."""
    return of.in_summary, of.in_archive, of.in_recall, of.anywhere


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.memory.summaries", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="labelled conversations (see the README)")
    parser.add_argument("--by", default="code,stating", help="who writes: code, stating, embedded, settings")
    parser.add_argument("--window", type=int, default=4096)
    parser.add_argument("--conversations", type=int, help="at most so many of each file")
    parser.add_argument("--lines", type=int, default=LINES_PER_SESSION, help="of each of their five sessions")
    parser.add_argument("--seeds", type=int, default=5, help="conversations that are made up")
    options = parser.parse_args(arguments)
    made_up = [planted(seed, options.lines) for seed in range(options.seeds)]
    tasks = {"planted facts": made_up} if options.seeds else {}
    tasks |= {path.name: read(path)[: options.conversations] for path in options.data}
    head = f"{'by':10} {'style':10} {'evictions':>9} {'tokens each':>12} {'read':>9} {'written':>9} {'asked':>6} "
    for name, cases in tasks.items():
        print(f"\n{name}, a window of {options.window}\n{head}{'summary':>8} {'archive':>8} {'recall':>8} {'any':>8}")
        for by in options.by.split(","):
            asyncio.run(measure(by, cases, options.window))
    return 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # here, not in `main`: whoever calls that keeps their log
    sys.exit(main())
