"""Many agents at once, and very many that sleep: throughput, memory, and how soon the bot is up.

Each measurement runs in a process of its own (`python -m benchmarks.many_agents PART …`), so that its memory is its
own. In a conversation a message follows when the last has its answer. The floor is that of `benchmarks.overhead`, with
as many conversations at once.

Many agents at once are compared with just as many of which few are at work at a time: a run of the few alone is over
before anything of it is put into the index, and so has less to do.
"""

import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.ports.messages import InboundMessage
from benchmarks.figures import Figure, report
from benchmarks.model_server import model_server
from benchmarks.overhead import WORDS, floor
from bot.process.garbage import collect_seldom
from bot.testing import Bot, direct, open_bot
from memory.sqlite.database import Database

FEW, MANY, ASLEEP = 50, 1_000, 100_000
MESSAGES_EACH = 10
MESSAGES_ASLEEP = 6
ROUNDS = 3
"""Of the few and the floor; the many take a minute or two."""

IDLE_S = 4.0
"""After the start; longer than what is done beside takes to begin."""

Measured = dict[str, float]


async def figures() -> list[Figure]:
    """Measure."""
    async with model_server() as url:
        ratios, lost = [], 0.0
        for number in range(1, ROUNDS + 1):
            at_floor = await _apart("floor", url, FEW)
            few = await _apart("bot", url, FEW, FEW)
            ratios.append(few["rate"] / at_floor["rate"])
            lost += FEW * MESSAGES_EACH - few["sent"]
            print(
                f"  round {number}: floor {at_floor['rate']:.0f} messages/s, {FEW} agents {few['rate']:.0f}", flush=True
            )
        by_and_by = await _apart("bot", url, MANY, FEW)
        many = await _apart("bot", url, MANY, MANY)
        lost += 2 * MANY * MESSAGES_EACH - by_and_by["sent"] - many["sent"]
        print(f"  {MANY} agents, {FEW} at a time: {by_and_by['rate']:.0f} messages/s, {by_and_by['peak']:.0f} MB")
        print(
            f"  {MANY} agents at once: {many['rate']:.0f} messages/s, {many['peak']:.0f} MB; few: {few['peak']:.0f} MB"
        )
        asleep = await _asleep(url)
    change, more = many["rate"] / by_and_by["rate"] - 1, many["peak"] - few["peak"]
    return [
        Figure(f"messages/s of {FEW} agents, against the floor", statistics.median(ratios), "x floor", 0.5, True),
        Figure("messages without their one answer", lost, "messages", 0),
        Figure(f"messages/s of {MANY} agents at once, against {FEW} at a time", 100 * change, "%", -20, True),
        Figure(f"memory of {MANY} agents beyond that of {FEW}", more, "MB", 150),
        Figure(f"start with {ASLEEP} agents in the store", asleep["start"], "s", 3),
        Figure(f"memory at rest with {ASLEEP} agents in the store", asleep["at rest"], "MB", 250),
    ]


async def _apart(part: str, *arguments: object) -> Measured:
    """What a part measures in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.many_agents", part, *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    told, _ = await process.communicate()
    measured: Measured = json.loads(told)
    return measured


async def _asleep(url: str) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        await (await Database.open(Path(folder) / "bot.db", Path(folder), datetime.now(UTC))).close()
        with closing(sqlite3.connect(Path(folder) / "bot.db")) as connection, connection:
            for statement in STORE:
                connection.execute(statement)
        begun = time.time()
        return await _apart("at_rest", url, folder, begun)


_NUMBERS = f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ASLEEP})"
STORE = (
    f"INSERT INTO agents (id, scope, created_at, summary) {_NUMBERS} SELECT n, 'console:dm:person' || n, n, '' FROM n",
    "INSERT INTO blocks (agent_id, label, position, value) SELECT id, 'persona', 0, 'I am a friend.' FROM agents",
    "INSERT INTO blocks (agent_id, label, position, value) SELECT id, 'human', 1, 'Likes figs.' FROM agents",
    *(
        "INSERT INTO messages (agent_id, kind, created_at, text, indexed) SELECT id, "
        f"'{kind}', {number}, '{WORDS}', 1 FROM agents"
        for number, kind in enumerate(["user_message", "assistant"] * (MESSAGES_ASLEEP // 2))
    ),
)

# ── what runs in a process of its own ────────────────────────────────────────────────────────────────


async def _floor_part(url: str, people: str) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        async with floor(url, Path(folder) / "floor.db") as send:
            return {"rate": await _rate([send] * int(people), int(people))}


async def _bot_part(url: str, people: str, at_once: str) -> Measured:
    collect_seldom()  # as `run` does
    with tempfile.TemporaryDirectory() as folder:
        async with open_bot(Path(folder), llm_model="gpt-4o", openai_base_url=url) as bot:
            rate = await _rate([_sender(bot, f"person{number}") for number in range(int(people))], int(at_once))
            return {"rate": rate, "sent": len(bot.platform.sent) - 1, "peak": _memory_mb("VmHWM")}


async def _at_rest_part(url: str, folder: str, begun: str) -> Measured:
    async with open_bot(Path(folder), llm_model="gpt-4o", openai_base_url=url) as bot:
        start = time.time() - float(begun)
        await asyncio.sleep(IDLE_S)
        await bot.say(WORDS, person="person7")
        return {"start": start, "at rest": _memory_mb("VmRSS")}


async def _rate(senders: list[Callable[[str], Awaitable[object]]], at_once: int) -> float:
    """Messages a second, where so many write at a time."""

    async def talk(send: Callable[[str], Awaitable[object]]) -> None:
        for _ in range(MESSAGES_EACH):
            await send(WORDS)

    await senders[0](WORDS)  # the SDK is imported, and a connection made
    begun = time.perf_counter()
    for first in range(0, len(senders), at_once):
        await asyncio.gather(*map(talk, senders[first : first + at_once]))
    return len(senders) * MESSAGES_EACH / (time.perf_counter() - begun)


def _sender(bot: Bot, person: str) -> Callable[[str], Awaitable[object]]:
    origin = direct(person)

    async def send(text: str) -> None:
        await (await bot.app.receiver.receive(InboundMessage(f"{bot.clock()}", origin, text, bot.clock())))

    return send


def _memory_mb(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1]) * 1024 / 1e6


PARTS: dict[str, Any] = {"floor": _floor_part, "bot": _bot_part, "at_rest": _at_rest_part}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asyncio.run(PARTS[sys.argv[1]](*sys.argv[2:]))))
    else:
        report(asyncio.run(figures()))
