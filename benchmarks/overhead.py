"""What the bot adds to a model call: calls, CPU, time, and how well the prompt suits a server's prompt cache.

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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import aiosqlite
from openai import AsyncOpenAI

from adapters.models.openai_model import OpenAIModel
from adapters.ports.messages import Address
from adapters.testing import Reply, Request, ScriptedServer, says
from benchmarks.figures import Figure, report
from benchmarks.model_server import REPLY, model_server
from bot.process.garbage import collect_seldom
from bot.testing import RecordingPlatform, open_bot
from bot.turns.opening import Opening
from bot.turns.written_step import StepWriter
from memory.turns.inbox import Inbox
from memory.turns.outbox import OutboxStore

ROUNDS = 7
MESSAGES = 30
TURNS = 50
WORDS = (
    "I went for a walk by the river today and met an old friend, who told me about the house that they are building."
)

Send = Callable[[str], Awaitable[object]]


async def figures() -> list[Figure]:
    """Measure, as `run` does with garbage."""
    collect_seldom()
    calls, share = await _calls_and_prefix()
    cpu = await _cpu_ratio()
    added, whole = await _latency_ratios()
    return [
        Figure("model calls per plain message", calls, "calls", 1.0),
        Figure("prompt that repeats the last one's prefix", 100 * share, "%", 95.0, at_least=True),
        Figure("CPU per message, against the floor", cpu, "x floor", 2.0),
        Figure("time added to the model call (p50), against the floor", added, "x floor", 2.0),
        Figure("time to the reply (p50), against the floor", whole, "x floor", 0.0, at_least=True),  # to be known
    ]


async def _cpu_ratio() -> float:
    """The median over rounds of (CPU of the bot per message) / (CPU of the floor per message)."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            model_server() as url,
            floor(url, Path(folder) / "floor.db") as least,
            open_bot(Path(folder) / "bot", llm_model="gpt-4o", openai_base_url=url) as bot,
        ):
            ratios = []
            for number in range(ROUNDS + 1):
                floor_cpu, bot_cpu = await _cpu(least), await _cpu(bot.say)
                if number:  # the first round warms up
                    ratios.append(bot_cpu / floor_cpu)
                    print(f"  round {number}: floor {floor_cpu * 1e3:.2f} ms, bot {bot_cpu * 1e3:.2f} ms CPU a message")
            return statistics.median(ratios)


async def _cpu(send: Send) -> float:
    before = time.process_time()
    for _ in range(MESSAGES):
        await send(WORDS)
    return (time.process_time() - before) / MESSAGES


async def _latency_ratios() -> tuple[float, float]:
    """The medians over rounds of the bot's p50 against the floor's; prints what each part of a turn takes.

    Returns:
        What the bot adds to its model call, and all of the time to the reply. The floor's prompt has two messages and
        the bot's up to 720, which any bot that remembers would have to send.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with (
            model_server() as url,
            floor(url, Path(folder) / "floor.db") as least,
            open_bot(Path(folder) / "bot", llm_model="gpt-4o", openai_base_url=url) as bot,
        ):
            posted = _posted(bot.platform)
            with ExitStack() as stack:
                took = {name: stack.enter_context(_timed(of, method)) for name, (of, method) in PARTS.items()}

                async def ours() -> tuple[float, float]:
                    begun = time.perf_counter()
                    await bot.say(WORDS)
                    until_posted = posted[-1] - begun
                    return until_posted - took[MODEL_CALL][-1], until_posted

                added, whole = [], []
                for number in range(ROUNDS + 1):
                    at_floor = statistics.median([await _seconds(least) for _ in range(MESSAGES)])
                    by_bot = [await ours() for _ in range(MESSAGES)]
                    added_p50, whole_p50 = (statistics.median(times) for times in zip(*by_bot, strict=True))
                    if number:  # the first round warms up
                        added.append(added_p50 / at_floor)
                        whole.append(whole_p50 / at_floor)
                        print(
                            f"  round {number}: floor {at_floor * 1e3:.2f} ms, bot {whole_p50 * 1e3:.2f} ms, ", end=""
                        )
                        print(f"of it {added_p50 * 1e3:.2f} ms beside the model call")
            print("  " + ", ".join(f"{name} {statistics.median(times) * 1e3:.2f} ms" for name, times in took.items()))
            return statistics.median(added), statistics.median(whole)


async def _seconds(send: Send) -> float:
    begun = time.perf_counter()
    await send(WORDS)
    return time.perf_counter() - begun


def _posted(platform: RecordingPlatform) -> list[float]:
    """When replies were posted."""
    moments: list[float] = []
    send = platform.send

    async def sending(address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        moments.append(time.perf_counter())
        return await send(address, text, key, reply_to=reply_to)

    platform.send = sending  # type: ignore[method-assign]
    return moments


MODEL_CALL = "model call"
PARTS: dict[str, tuple[type, str]] = {
    "kept": (Inbox, "add"),
    "begun": (Opening, "begin"),
    MODEL_CALL: (OpenAIModel, "complete"),
    "step kept": (StepWriter, "_commit"),
    "marked as sent": (OutboxStore, "sent"),
}


@contextmanager
def _timed(of: type, method: str) -> Iterator[list[float]]:
    """Seconds that each call of a method takes."""
    took: list[float] = []
    whole: Callable[..., Awaitable[object]] = getattr(of, method)

    async def timed(*arguments: object, **named: object) -> object:
        begun = time.perf_counter()
        try:
            return await whole(*arguments, **named)
        finally:
            took.append(time.perf_counter() - begun)

    setattr(of, method, timed)
    try:
        yield took
    finally:
        setattr(of, method, whole)


@asynccontextmanager
async def floor(url: str, path: Path) -> AsyncIterator[Send]:
    """The least that a chat bot with a database does for a message."""
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
