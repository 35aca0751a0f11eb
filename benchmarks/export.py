"""A person's export of 100,000 messages: `python -m benchmarks.export [--messages 100000]`.

Half of the messages are the agent's, with a thought and a call each, as turns leave them. The rows are written, then
exported as `/agent export` does it, while a clock beside it measures how long the event loop is held up.
"""

import argparse
import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.figures import Figure, report
from benchmarks.recall_scale import Language
from bot.inbound.lanes import Lanes
from bot.memory_rights.exports import Exports
from memory.core.agents import AgentStore
from memory.portable.dump import dump
from memory.ports import Kind, NewMessage, ToolUse
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = "console:dm:ada"
AT_ONCE = 500
TICK_S = 0.005


async def figures(messages: int = 100_000) -> list[Figure]:
    """Fill an agent, and export it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bot.db")
        database = await Database.open(path, Path(folder), NOW)
        try:
            agent_id = await _talk(database, messages)
            exports = Exports(path, Path(folder), Lanes(), lambda: NOW)
            stalls: list[float] = []
            watching = asyncio.create_task(_watch(stalls))
            begun = time.perf_counter()
            made, counts = await exports.make(
                SCOPE, lambda reader: dump(reader, agent_id, with_usage=True), ZoneInfo("UTC"), stays=False
            )
            took = time.perf_counter() - begun
            watching.cancel()
            assert counts["message"] == messages
            size = await asyncio.to_thread(made.stat)
        finally:
            await database.close()
    return [
        Figure(f"export, {messages:,} messages", took, "s", 20),
        Figure(f"export, {messages:,} messages, size", size.st_size / 1e6, "MB", 200),
        Figure("export, event loop held up, p99", 1000 * sorted(stalls)[int(0.99 * (len(stalls) - 1))], "ms", 50),
    ]


async def _watch(stalls: list[float]) -> None:
    """How much later than it should a clock strikes."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(TICK_S)
        stalls.append(time.perf_counter() - begun - TICK_S)


async def _talk(database: Database, count: int) -> int:
    language, recall = Language(), RecallStorage(database)
    async with database.write() as transaction:
        agent = await AgentStore(database).create(transaction, SCOPE, [("persona", ""), ("human", "")], NOW)
    for begin in range(0, count, AT_ONCE):
        new = [_message(at, language.sentence(40)) for at in range(begin, min(count, begin + AT_ONCE))]
        async with database.write() as transaction:
            await recall.append(transaction, agent.id, None, new)
    return agent.id


def _message(at: int, text: str) -> NewMessage:
    moment = NOW + timedelta(minutes=at)
    if at % 2 == 0:
        return NewMessage(
            kind=Kind.USER_MESSAGE, created_at=moment, text=text, author_id="1", author_name="Ada", platform_id=str(at)
        )
    call = ToolUse(f"call_{at}", "send_message", json.dumps({"message": text}))
    return NewMessage(
        kind=Kind.ASSISTANT, created_at=moment, text=text, thoughts=" ".join(text.split()[:12]), tool_uses=(call,)
    )


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export")
    parser.add_argument("--messages", type=int, default=100_000)
    report(asyncio.run(figures(parser.parse_args().messages)))


if __name__ == "__main__":
    main()
