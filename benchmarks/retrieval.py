"""How well recall search finds the evidence: `python -m benchmarks.retrieval --data DIR`.

Each `*.json.gz` in DIR is a set of conversations with questions and the messages that hold the evidence:
`{"name", "conversations": [{"id", "items": [[id, speaker, text, ISO time], …]}], "queries": [{"conv", "q", "cat",
"evidence": [id, …]}]}`. Every conversation becomes an agent, every item a message, and each question is put to
`RecallStorage.search`, the code path of `conversation_search`; no language model takes part.

recall@k is the share of a question's evidence among the first k messages found, the mean over all questions.
"""

import argparse
import asyncio
import gzip
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.models.embedders import WordLlamaEmbedder
from benchmarks.figures import Figure, report
from memory.core.agents import AgentStore
from memory.ports import Kind, NewMessage
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database

CUTS = (1, 5, 10, 20)
AGENTS_OWN = "assistant"
"""The speaker whose lines are the agent's."""

BOUNDS = {"locomo": 80.0, "beam100k": 50.0}
"""Of recall@10, for the sets that it was promised for."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answered:
    """A question: its category, the ranks (from 0) of its evidence among what was found, and the time it took."""

    category: str
    evidence: int
    ranks: tuple[int, ...]
    milliseconds: float

    def recall(self, cut: int) -> float:
        """The share of the evidence among the first so many."""
        return sum(rank < cut for rank in self.ranks) / self.evidence

    @property
    def reciprocal_rank(self) -> float:
        """Of the first piece of evidence."""
        return 1 / (1 + min(self.ranks)) if self.ranks else 0.0

    @property
    def ndcg(self) -> float:
        """Normalised discounted cumulative gain at 10."""
        gain = sum(1 / math.log2(rank + 2) for rank in self.ranks if rank < 10)
        return gain / sum(1 / math.log2(at + 2) for at in range(min(10, self.evidence)))


async def measure(data: Mapping[str, Any]) -> tuple[list[Answered], float, float]:
    """Put all questions of a set; returns them, and the CPU of storing a message, and of indexing it, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Path(folder, "bot.db"), Path(folder), NOW)
        recall = RecallStorage(database, WordLlamaEmbedder())
        try:
            begun = time.process_time()
            agents = {of["id"]: await _told(database, recall, of["id"], of["items"]) for of in data["conversations"]}
            stored = time.process_time()
            await recall.catch_up()
            indexed = time.process_time()
            items = sum(len(of["items"]) for of in data["conversations"])
            answered = [await _answer(recall, query, *agents[query["conv"]]) for query in data["queries"]]
        finally:
            await recall.close()
            await database.close()
    return answered, 1000 * (stored - begun) / items, 1000 * (indexed - stored) / items


async def _told(
    database: Database, recall: RecallStorage, name: str, items: Sequence[Sequence[str]]
) -> tuple[int, Mapping[str, int]]:
    """An agent that heard a conversation; its id, and the id of each item's message."""
    async with database.write() as transaction:
        agent = await AgentStore(database).create(transaction, f"console:dm:{name}", [("human", "")], NOW)
    ids = {}
    for item_id, speaker, text, moment in items:
        is_own = speaker == AGENTS_OWN
        message = NewMessage(
            kind=Kind.ASSISTANT if is_own else Kind.USER_MESSAGE,
            created_at=datetime.fromisoformat(moment).replace(tzinfo=UTC),
            text=text,
            author_id=None if is_own else speaker,
            author_name=None if is_own else speaker,
        )
        async with database.write() as transaction:
            (kept,) = await recall.append(transaction, agent.id, None, [message])
        ids[item_id] = kept.id
    return agent.id, ids


async def _answer(recall: RecallStorage, query: Mapping[str, Any], agent_id: int, ids: Mapping[str, int]) -> Answered:
    evidence = {ids[item_id] for item_id in query["evidence"] if item_id in ids}
    begun = time.perf_counter()
    found = await recall.search(agent_id, query["q"])
    took = 1000 * (time.perf_counter() - begun)
    return Answered(
        query["cat"], max(1, len(evidence)), tuple(at for at, id_ in enumerate(found) if id_ in evidence), took
    )


def table(name: str, answered: Sequence[Answered]) -> str:
    """The figures of a set, in per cent, in all and by category."""
    categories = dict.fromkeys(each.category for each in answered)
    head = f"{name:28}{'questions':>10}" + "".join(f"{f'R@{cut}':>8}" for cut in CUTS) + f"{'MRR':>8}{'nDCG@10':>9}"
    groups = [("all", answered)] + [
        (category, [each for each in answered if each.category == category]) for category in categories
    ]
    return "\n".join([head, *(_row(label, some) for label, some in groups)])


def _row(label: str, some: Sequence[Answered]) -> str:
    def mean(values: Sequence[float]) -> float:
        return 100 * sum(values) / len(values)

    recalls = "".join(f"{mean([each.recall(cut) for each in some]):8.1f}" for cut in CUTS)
    ranks = mean([each.reciprocal_rank for each in some]), mean([each.ndcg for each in some])
    return f"  {label:26}{len(some):>10}{recalls}{ranks[0]:8.1f}{ranks[1]:9.1f}"


def _figures(name: str, answered: Sequence[Answered], stored: float, indexed: float) -> list[Figure]:
    at_ten = 100 * sum(each.recall(10) for each in answered) / len(answered)
    times = sorted(each.milliseconds for each in answered)
    return [
        Figure(f"{name}: recall@10", at_ten, "%", BOUNDS.get(name, 0), at_least=True),
        Figure(f"{name}: search, p95, with its query's vector", times[int(0.95 * (len(times) - 1))], "ms", 20),
        Figure(f"{name}: storing, CPU a message, in the turn", stored, "ms", 1),
        Figure(f"{name}: index and vector, CPU a message, beside", indexed, "ms", 2),
    ]


def main() -> int:
    """Measure every set in a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with *.json.gz")
    files = sorted(parser.parse_args().data.glob("*.json.gz"))
    if not files:
        print("There is no *.json.gz in that folder: nothing was measured.", file=sys.stderr)
        return 1
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as text:
            data = json.load(text)
        answered, stored, indexed = asyncio.run(measure(data))
        print(table(data["name"], answered))
        report(_figures(data["name"], answered, stored, indexed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
