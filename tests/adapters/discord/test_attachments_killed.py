"""A bot that is killed over a file: after its next start the file is there once, and the message is answered once."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from adapters.documents.testing import pdf
from adapters.testing import Reply, Request, ScriptedServer, says
from tests.platforms.discord.world import World

ROOT = Path(__file__).parents[3]
LIMIT_S = 60
LINE = "read it\n[attached: manual.pdf, 2 pages, in your archival memory]"


@asynccontextmanager
async def running(tmp_path: Path, world: World, model: ScriptedServer) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m bot run` in a process of its own, killed at the end."""
    settings = {
        "BOT_PLATFORMS": "discord",
        "BOT_DATA_DIR": str(tmp_path / "data"),
        "DISCORD_TOKEN": world.token,
        "DISCORD_API_URL": world.api,
        "DISCORD_GATEWAY_URL": world.gateway_url,
        "LLM_MODEL": "m",
        "LLM_TIER": "tools",
        "OPENAI_BASE_URL": model.url,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run"),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)} | settings,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


def rows(tmp_path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(tmp_path / "data" / "bot.db")) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize("moment", ["while it is fetched", "when it is read and nothing was said"])
async def test_a_file_is_loaded_once_and_its_message_answered_once(world: World, tmp_path: Path, moment: str) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> Reply:
        asked.set()
        await may_answer.wait()
        return says("I have read it.")

    async with ScriptedServer(think) as model:
        async with running(tmp_path, world, model):
            await world.until(lambda: world.gateway.is_connected, LIMIT_S)
            hold = world.faults.hold("GET /attachments/*/*")
            file = ("manual.pdf", pdf("Turn the", "crimson knob."), "application/pdf")
            message = await world.says(world.ada, world.dm(world.ada), "read it", attachments=[file])
            await asyncio.wait_for(hold.arrived.wait(), LIMIT_S)
            if moment != "while it is fetched":
                hold.release()
                await asyncio.wait_for(asked.wait(), LIMIT_S)
        hold.release()
        assert rows(tmp_path, "SELECT state, resumed FROM turns") == [("running", 0)], "it was begun before"
        may_answer.set()
        async with running(tmp_path, world, model):
            await world.hears(world.dm(world.ada), after=message, within_s=LIMIT_S)
            await world.until(lambda: not rows(tmp_path, "SELECT 1 FROM turns WHERE state = 'running'"), LIMIT_S)
            last = await world.says(world.bob, world.dm(world.bob), "are you there?")
            await world.hears(world.dm(world.bob), after=last, within_s=LIMIT_S)
    answers = [it for it in world.dm(world.ada).messages.values() if it.author is world.bot]
    assert len(answers) == 1
    assert rows(tmp_path, "SELECT name FROM documents") == [("manual.pdf",)]
    assert rows(tmp_path, "SELECT content, page FROM passages") == [("Turn the", 1), ("crimson knob.", 2)]
    assert rows(tmp_path, "SELECT text FROM messages WHERE text LIKE 'read it%'") == [(LINE,)]
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob("data/incoming/*")))
