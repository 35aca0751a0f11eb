"""`python -m bot run` in front of a fake: a real process, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from tests.command_line import LIMIT_S, CommandLine


class World(Protocol):
    """What is asked of the world that the bot serves."""

    async def until(self, holds: Callable[[], object], within_s: float = 10) -> None:
        """Wait until something holds."""

    def stir(self) -> None:
        """Have those look who wait."""


@asynccontextmanager
async def running(world: World, command_line: CommandLine, is_up: Callable[[], object]) -> AsyncIterator[Path]:
    """A bot that serves, with the settings of the command line, until SIGTERM; what comes out is its log."""
    log = command_line.folder / "log"
    with log.open("ab") as lines:
        process = await command_line.start("run", stdin=asyncio.subprocess.DEVNULL, stderr=lines)
    ended = asyncio.create_task(process.wait())
    ended.add_done_callback(lambda _: world.stir())
    try:
        await world.until(lambda: is_up() or ended.done(), within_s=LIMIT_S)
        assert not ended.done(), log.read_text(encoding="utf-8")
        yield log
        process.terminate()
        async with asyncio.timeout(LIMIT_S):
            assert await ended == 0, log.read_text(encoding="utf-8")
    finally:
        if not ended.done():
            process.kill()
            await ended
