"""Serving bots that start at once: a process that has imported everything, and forks a bot whenever it is told to.

Of the second and a half until a bot has answered its first message, four fifths go into imports. Who kills it hundreds
of times waits for them once. What comes after them, from the settings on, is done anew by every bot.

    to the nursery    {"port", "settings", "folder", "log", "hooks"}
    from it           the process id of the bot; and when it has ended, minus the signal or its exit code
"""

import asyncio
import importlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIMIT_S = 30
PACE = 10
"""So many times as short as usual are pauses between attempts."""
_USED = (
    "tests.platforms.serving_child",
    "alembic.command",
    "apscheduler.schedulers.asyncio",
    "chromadb",
    "humanize",
    "httpx",
    "numpy",
    "openai",
)
_USED_LATE = ("bot.commands", "bot.in_chat", "bot.tools", "openai.resources.chat", "openai.resources.embeddings")


# ── in the test ──────────────────────────────────────────────────────────────────────────────────────


class Nursery:
    """Bears a bot at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._pid: int | None = None

    async def bear(self, folder: Path, port: int, settings: Mapping[str, str], *hooks: str) -> None:
        """Start a bot that keeps its things in a folder; `hooks` are for `tests.crash.exact`."""
        assert self._process.stdin is not None
        log, data = str(folder / "log"), str(folder / "data")
        wish = {"port": port, "settings": {**settings, "BOT_DATA_DIR": data}, "folder": str(folder), "log": log}
        self._process.stdin.write(json.dumps(wish | {"hooks": hooks}).encode() + b"\n")
        self._pid = await self._number()

    def signal(self, number: signal.Signals) -> None:
        """Send the bot a signal; nothing if it has ended."""
        if self._pid is not None:
            os.kill(self._pid, number)

    def kill(self) -> None:
        """End the bot, wherever it is."""
        self.signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the bot to end."""
        self.signal(signal.SIGTERM)

    async def ended(self) -> int:
        """Wait for the bot's end; returns as `subprocess` does."""
        code = await self._number()
        self._pid = None
        return code

    async def close(self) -> None:
        """End all."""
        if self._pid is not None:
            self.kill()
            await self.ended()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _number(self) -> int:
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            return int(await self._process.stdout.readline())


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.nursery"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    own = Nursery(process)
    try:
        yield own
    finally:
        await own.close()


# ── in the nursery ───────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    for module in (*_USED, *_USED_LATE):
        importlib.import_module(module)
    last = None
    for line in sys.stdin:
        if last is not None:
            os.waitpid(last, 0)  # only now may its process id be given away: until then, whoever kills it kills nobody
        last = pid = os.fork()
        if not pid:
            _live(json.loads(line))
        _tell(pid)
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert end is not None
        _tell(end.si_status if end.si_code == os.CLD_EXITED else -end.si_status)


def _live(wish: dict[str, Any]) -> None:
    from tests.crash.exact import hook
    from tests.platforms.serving_child import main as serve

    code = 1
    try:
        random.seed()
        log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (0, 1, 2):
            os.dup2(log, stream)
        os.chdir(wish["folder"])
        os.environ |= wish["settings"]
        for name in wish["hooks"]:
            hook(name)
        serve(str(wish["port"]), pace=str(PACE))
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
