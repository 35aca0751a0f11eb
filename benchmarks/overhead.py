"""What the bot adds to a model call: calls, CPU, and how well the prompt suits a server's prompt cache.

The floor is the least that a chat bot with a database does for a message, measured in the same run, in turn with the
bot: one call of the openai SDK (a system and a user message), and two rows (the message before the call, the reply
after it), each committed in SQLite with `synchronous=FULL`.
"""

import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from openai import AsyncOpenAI

from adapters.testing import Reply, Request, ScriptedServer, says
from benchmarks.figures import Figure, report
from benchmarks.model_server import REPLY, model_server
from bot.testing import open_bot

ROUNDS = 7
MESSAGES = 30
TURNS = 50
WORDS = (
    "I went for a walk by the river today and met an old friend, who told me about the house that they are building."
)

Send = Callable[[str], Awaitable[object]]


async def figures() -> list[Figure]:
    """Measure."""
    calls, share = await _calls_and_prefix()
    return [
        Figure("model calls per plain message", calls, "calls", 1.0),
        Figure("prompt that repeats the last one's prefix", 100 * share, "%", 95.0, at_least=True),
        Figure("CPU per message, against the floor", await _cpu_ratio(), "x floor", 2.0),
    ]


async def _cpu_ratio() -> float:
    """The median over rounds of (CPU of the bot per message) / (CPU of the floor per message)."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            model_server() as url,
            _floor(url, Path(folder) / "floor.db") as floor,
            open_bot(Path(folder) / "bot", llm_model="gpt-4o", openai_base_url=url) as bot,
        ):
            ratios = []
            for number in range(ROUNDS + 1):
                floor_cpu, bot_cpu = await _cpu(floor), await _cpu(bot.say)
                if number:  # the first round warms up
                    ratios.append(bot_cpu / floor_cpu)
                    print(f"  round {number}: floor {floor_cpu * 1e3:.2f} ms, bot {bot_cpu * 1e3:.2f} ms CPU a message")
            return statistics.median(ratios)


async def _cpu(send: Send) -> float:
    before = time.process_time()
    for _ in range(MESSAGES):
        await send(WORDS)
    return (time.process_time() - before) / MESSAGES


@asynccontextmanager
async def _floor(url: str, path: Path) -> AsyncIterator[Send]:
    async with aiosqlite.connect(path) as database, AsyncOpenAI(api_key="none", base_url=url) as client:
        await database.execute("PRAGMA journal_mode=WAL")
        await database.execute("PRAGMA synchronous=FULL")
        await database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, role TEXT, text TEXT)")

        async def keep(role: str, text: str | None) -> None:
            await database.execute("INSERT INTO messages (role, text) VALUES (?, ?)", (role, text))
            await database.commit()

        async def send(text: str) -> None:
            await keep("user", text)
            answer = await client.chat.completions.create(
                model="gpt-4o",
                messages=[
                    {"role": "system", "content": "You are a helpful assistant."},
                    {"role": "user", "content": text},
                ],
            )
            await keep("assistant", answer.choices[0].message.content)

        yield send


async def _calls_and_prefix() -> tuple[float, float]:
    """Model calls per message, and the share of prompt characters that repeat the request before, over 50 turns."""
    prompts: list[str] = []

    def reply(request: Request) -> Reply:
        prompts.append(json.dumps([request.get("tools"), request["messages"]], ensure_ascii=False)[:-2])
        return says(REPLY, thinks="They tell me about their day.")

    with tempfile.TemporaryDirectory() as folder:
        async with (
            ScriptedServer(reply) as server,
            open_bot(Path(folder), llm_model="gpt-4o", openai_base_url=server.url) as bot,
        ):
            for _ in range(TURNS):
                await bot.say(WORDS)
    repeated = sum(_common_prefix(before, after) for before, after in itertools.pairwise(prompts))
    return len(prompts) / TURNS, repeated / sum(len(prompt) for prompt in prompts[1:])


def _common_prefix(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    report(asyncio.run(figures()))
