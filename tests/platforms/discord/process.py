"""`python -m bot run` in front of the fake Discord: a real process, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.command_line import LIMIT_S, CommandLine
from tests.platforms.discord.world import World


def settings_for(world: World, model_url: str) -> dict[str, str]:
    """What the bot has to be told to serve that Discord, with that model."""
    return {
        "BOT_PLATFORMS": "discord",
        "DISCORD_TOKEN": world.token,
        "DISCORD_API_URL": world.api,
        "DISCORD_GATEWAY_URL": world.gateway_url,
        "LLM_MODEL": "scripted",
        "LLM_TIER": "tools",
        "OPENAI_BASE_URL": model_url,
    }


@asynccontextmanager
async def running(world: World, command_line: CommandLine) -> AsyncIterator[Path]:
    """A bot that serves, with the settings of the command line, until SIGTERM; what comes out is its log."""
    log = command_line.folder / "log"
    with log.open("ab") as lines:
        process = await command_line.start("run", stdin=asyncio.subprocess.DEVNULL, stderr=lines)
    ended = asyncio.create_task(process.wait())
    ended.add_done_callback(lambda _: world.stir())
    try:
        await world.until(lambda: world.state.commands[None] or ended.done(), within_s=LIMIT_S)
        await world.until(lambda: world.gateway.is_connected or ended.done(), within_s=LIMIT_S)
        assert not ended.done(), log.read_text(encoding="utf-8")
        yield log
        process.terminate()
        async with asyncio.timeout(LIMIT_S):
            assert await ended == 0, log.read_text(encoding="utf-8")
    finally:
        if not ended.done():
            process.kill()
            await ended
