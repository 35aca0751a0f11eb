"""`python -m bot` as people start it: a real process, real pipes, a clean environment."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, answer, says

ROOT = Path(__file__).parents[2]
LIMIT_S = 30


class CommandLine:
    """Starts `python -m bot` with a home and a data directory of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data_dir = folder / "data"
        home = folder / "home"
        home.mkdir()
        self.settings = {"PATH": os.environ["PATH"], "HOME": str(home), "BOT_DATA_DIR": str(self.data_dir)} | settings

    async def start(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *words),
            cwd=ROOT,
            env=self.settings | settings,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )

    async def run(self, *words: str, typed: str = "", **settings: str) -> tuple[int, list[str], list[str]]:
        """Exit code, lines on stdout, lines on stderr."""
        process = await self.start(*words, **settings)
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate(typed.encode())
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, lines(out), lines(err)

    async def fault(self, *words: str, **settings: str) -> tuple[int, str]:
        """Exit code and the one line of a run that cannot begin."""
        code, out, err = await self.run(*words, typed="Hi\n", **settings)
        assert out == []
        assert len(err) == 1, err
        return code, err[0]


def lines(text: bytes) -> list[str]:
    return text.decode().rstrip("\n").split("\n") if text else []


@asynccontextmanager
async def scripted(command_line: CommandLine, reply: object) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(reply) as server:  # type: ignore[arg-type]
        command_line.settings |= {"LLM_MODEL": "scripted", "OPENAI_BASE_URL": server.url}
        yield server


def echo(request: Request) -> Reply:
    return says(f"You said: {json.loads(request['messages'][-1]['content'])['message']}\nindeed")


def promises(request: Request) -> Reply:
    """A model that reminds people a second after they ask, or an hour after, if they say "later"."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return says("I will.")
    event = json.loads(last["content"])
    if event["type"] == "follow_up":
        return says(f"Now: {event['message'].splitlines()[0]}")
    at = datetime.now(UTC) + timedelta(seconds=3600 if "later" in event["message"] else 1)
    call = {"when": at.isoformat(), "note": "the tea", "request_heartbeat": True}
    return answer(None, ("schedule_follow_up", call))
