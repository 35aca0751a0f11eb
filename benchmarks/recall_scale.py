"""Recall search in a large store: `python -m benchmarks.recall_scale [--messages 1000000] [--agents 1000]`.

One agent holds a tenth of all messages, the others share the rest evenly. Messages are sentences of words as frequent
as in a natural text (Zipf); queries are three words of a message. Takes about ten minutes for a million.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from adapters.models.embedders import WordLlamaEmbedder
from benchmarks.figures import Figure, report
from memory.core.agents import AgentStore
from memory.ports import Kind, NewMessage
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 500
QUERIES = 200
WORDS_A_MESSAGE = 14


class Language:
    """Made-up words, the nth as frequent as 1/n."""

    def __init__(self, words: int = 30_000) -> None:
        syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
        self._random = random.Random(7)
        made = {"".join(self._random.choices(syllables, k=self._random.randint(2, 4))) for _ in range(2 * words)}
        self._words = sorted(made)[:words]
        self._random.shuffle(self._words)
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._words) + 1)))

    def sentence(self, words: int = WORDS_A_MESSAGE) -> str:
        """Some words."""
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=words))

    def query(self, sentence: str) -> str:
        """What somebody would type who looks for a sentence: three of its words, not the most frequent ones."""
        rare = sorted(set(sentence.split()), key=self._words.index)[len(set(sentence.split())) // 3 :]
        return " ".join(self._random.sample(rare, min(3, len(rare))))


async def measure(messages: int, agents: int) -> list[Figure]:
    """Fill a store, then search it as a small and as a large agent."""
    language, embedder = Language(), WordLlamaEmbedder()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bot.db")
        database = await Database.open(path, Path(folder), NOW)
        recall = RecallStorage(database, embedder)
        try:
            sizes = [messages // 10] + [(messages - messages // 10) // (agents - 1)] * (agents - 1)
            said = {}
            for number, size in enumerate(sizes):
                said[number] = await _talk(database, recall, language, number, size)
                if sys.stderr.isatty():
                    print(f"\r{number + 1} of {agents} agents", end="", file=sys.stderr)
            await recall.catch_up()
            await database.truncate_log()
            large = await _search(recall, language, [said[0]])
            small = await _search(recall, language, [said[number] for number in range(1, agents)])
            disk = await asyncio.to_thread(os.path.getsize, path)
        finally:
            await recall.close()
            await database.close()
    return [
        Figure(f"search, p95, agent of {sizes[1]:,} messages", _p95(small), "ms", 20),
        Figure(f"search, p95, agent of {sizes[0]:,} messages", _p95(large), "ms", 100),
        Figure(f"search, first of agent of {sizes[0]:,}", large[0], "ms", 10_000),
        Figure("disk a message, all in", disk / sum(sizes) / 1000, "kB", 3),
    ]


async def _talk(
    database: Database, recall: RecallStorage, language: Language, number: int, size: int
) -> tuple[int, list[str]]:
    """An agent with so many messages; its id and some of them."""
    async with database.write() as transaction:
        agent = await AgentStore(database).create(transaction, f"console:dm:{number}", [("human", "")], NOW)
    some: list[str] = []
    for begin in range(0, size, AT_ONCE):
        new = [
            NewMessage(
                kind=Kind.ASSISTANT if at % 2 else Kind.USER_MESSAGE,
                created_at=NOW + timedelta(minutes=at),
                text=language.sentence(),
                author_name=None if at % 2 else "Ada",
            )
            for at in range(begin, min(size, begin + AT_ONCE))
        ]
        some.append(new[0].text or "")
        async with database.write() as transaction:
            await recall.append(transaction, agent.id, None, new)
    return agent.id, some


async def _search(recall: RecallStorage, language: Language, agents: Sequence[tuple[int, list[str]]]) -> list[float]:
    """Milliseconds of each search; the first of an agent reads its index."""
    took = []
    for number in range(QUERIES):
        agent_id, some = agents[number % len(agents)]
        query = language.query(some[number % len(some)])
        begun = time.perf_counter()
        await recall.search(agent_id, query)
        took.append(1000 * (time.perf_counter() - begun))
    return took


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall_scale")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--agents", type=int, default=1000)
    chosen = parser.parse_args()
    report(asyncio.run(measure(chosen.messages, chosen.agents)))


if __name__ == "__main__":
    main()
