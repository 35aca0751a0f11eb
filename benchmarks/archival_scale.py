"""Archival search in a large store: `python -m benchmarks.archival_scale [--passages 100000] [--agents 1000]`.

One agent keeps a tenth of all notes, the others share the rest evenly. Notes are sentences of words as frequent as in a
natural text (Zipf); queries are three words of a note. One process fills the store, another opens it as a bot that
starts does, and searches: its memory is that of a bot with everything in use. Takes some minutes for 100,000.
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from adapters.glibc import use_one_arena
from adapters.models.embedders import WordLlamaEmbedder
from benchmarks.figures import Figure, report
from benchmarks.recall_scale import Language
from memory.archival.passage_vectors import MAX_BY_MEANING
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.ports import NewPassage
from memory.search.chroma_index import COLLECTIONS, ChromaIndex
from memory.sqlite.database import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 500
QUERIES = 200
WORDS_A_NOTE = 25

Result = TypeVar("Result")
Asked = Sequence[tuple[int, str]]
"""Agents, each with what it is asked."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What came of filling the store: its agents' ids, what to ask them, how long it took, and memory in MB."""

    seconds: float
    peak: float
    small: Asked
    large: Asked


@dataclass(slots=True)
class Searched:
    """What came of opening and searching it; times in milliseconds."""

    check: float = 0.0
    first: list[float] = field(default_factory=list)
    query_small: list[float] = field(default_factory=list)
    query_large: list[float] = field(default_factory=list)
    small: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)
    cpu_large: float = 0.0
    peak_after_check: float = 0.0
    peak: float = 0.0


def fill(folder: Path, sizes: Sequence[int]) -> Filled:
    """Write the notes of every agent, and index them."""

    async def work() -> Filled:
        language, begun = Language(), time.perf_counter()
        database, archival, _, _ = await _open(folder)
        said = [await _note(database, archival, language, number, size) for number, size in enumerate(sizes)]
        await archival.index_pending(_told(sum(sizes)))
        await archival.close()
        await database.truncate_log()
        await database.close()

        def asked(agents: Sequence[tuple[int, list[str]]]) -> Asked:
            turns = [(agents[turn % len(agents)], turn) for turn in range(QUERIES)]
            return [(agent_id, language.query(some[turn % len(some)])) for (agent_id, some), turn in turns]

        return Filled(time.perf_counter() - begun, _peak(), asked(said[1:]), asked(said[:1]))

    return asyncio.run(work())


def search(folder: Path, filled: Filled) -> Searched:
    """Open the store, and search it as small agents and as the large one."""

    async def work() -> Searched:
        use_one_arena()
        database, archival, index, embedder = await _open(folder)
        found = Searched()
        begun = time.perf_counter()
        assert await archival.catch_up() == 0
        found.check, found.peak_after_check = _milliseconds(begun), _peak()

        async def search_all(asked: Asked) -> list[float]:
            took = []
            for agent_id, query in asked:
                begun = time.perf_counter()
                assert await archival.search(agent_id, query)
                took.append(_milliseconds(begun))
            return took

        async def query_all(asked: Asked) -> list[float]:
            took = []
            for agent_id, query in asked:
                (vector,) = await embedder.embed([query])
                begun = time.perf_counter()
                name = f"{embedder.name}/{len(vector)}"
                assert await index.nearest([agent_id], name, vector, (), MAX_BY_MEANING)
                took.append(_milliseconds(begun))
            return took

        found.first = await search_all(filled.small[:COLLECTIONS])  # each reads a collection
        found.query_small, found.small = await query_all(filled.small), await search_all(filled.small)
        found.query_large, begun = await query_all(filled.large), time.process_time()
        found.large = await search_all(filled.large)
        found.cpu_large = 1000 * (time.process_time() - begun) / len(found.large)
        await archival.close()
        await database.close()
        found.peak = _peak()
        return found

    return asyncio.run(work())


def figures(passages: int, agents: int) -> list[Figure]:
    """Measure."""
    large = passages // 10
    sizes = [large] + [(passages - large) // (agents - 1)] * (agents - 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled = _apart(fill, folder, sizes)
        found = _apart(search, folder, filled)
        sql = os.path.getsize(folder / "bot.db") / sum(sizes) / 1000
        vectors = sum(file.stat().st_size for file in (folder / "chroma").rglob("*")) / sum(sizes) / 1000
    of_small, of_large = f"agent of {sizes[1]:,}", f"agent of {sizes[0]:,}"
    return [
        Figure(f"query of the index, p95, {of_small}", _p95(found.query_small), "ms", 15),
        Figure(f"query of the index, p95, {of_large}", _p95(found.query_large), "ms", 15),
        Figure(f"whole search, p95, {of_small}", _p95(found.small), "ms", 15),
        Figure(f"whole search, p95, {of_large}", _p95(found.large), "ms", 20),
        Figure(f"whole search, CPU, {of_large}", found.cpu_large, "ms", 20),
        Figure("first search of a collection, the slowest", max(found.first), "ms", 1000),
        Figure(f"first query of the index, {of_large}", found.query_large[0], "ms", 1000),
        Figure("check of the index at start", found.check / 1000, "s", 10),
        Figure("peak memory, after the check", found.peak_after_check, "MB", 400),
        Figure("peak memory, every collection in use", found.peak, "MB", 400),
        Figure("peak memory while filling", filled.peak, "MB", 800),
        Figure("filling, a passage", 1000 * filled.seconds / sum(sizes), "ms", 20),
        Figure("disk a passage: text and words", sql, "kB", 3),
        Figure("disk a passage: vectors", vectors, "kB", 6),
    ]


async def _open(folder: Path) -> tuple[Database, ArchivalStorage, ChromaIndex, WordLlamaEmbedder]:
    database = await Database.open(folder / "bot.db", folder, NOW)
    index, embedder = ChromaIndex(folder / "chroma"), WordLlamaEmbedder()
    return database, ArchivalStorage(database, index, embedder, lambda: NOW), index, embedder


async def _note(
    database: Database, archival: ArchivalStorage, language: Language, number: int, size: int
) -> tuple[int, list[str]]:
    """An agent with so many notes; its id and some of them."""
    async with database.write() as transaction:
        agent = await AgentStore(database).create(transaction, f"console:dm:{number}", [("human", "")], NOW)
    some: list[str] = []
    for begin in range(0, size, AT_ONCE):
        new = [
            NewPassage(content=language.sentence(WORDS_A_NOTE), created_at=NOW)
            for _ in range(begin, min(size, begin + AT_ONCE))
        ]
        some.append(new[0].content)
        async with database.write() as transaction:
            await archival.insert(transaction, agent.id, new)
    return agent.id, some


def _apart(work: Callable[..., Result], *arguments: object) -> Result:
    """Do work in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _told(passages: int) -> Callable[[int], None]:
    def told(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done:,} of {passages:,} passages", end="", file=sys.stderr)

    return told


def _peak() -> float:
    """The largest resident size of this process, in MB (10^6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _milliseconds(begun: float) -> float:
    return 1000 * (time.perf_counter() - begun)


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archival_scale")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=1000)
    chosen = parser.parse_args()
    report(figures(chosen.passages, chosen.agents))


if __name__ == "__main__":
    main()
