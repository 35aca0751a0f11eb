"""`python -m bot run` in front of the fake Slack: a real process, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.command_line import LIMIT_S, CommandLine
from tests.platforms.slack.world import World


def settings_for(world: World, model_url: str, *, port: int | None = None) -> dict[str, str]:
    """What the bot has to be told to serve that Slack, with that model; with a port over HTTP, else by Socket Mode."""
    told = {
        "BOT_PLATFORMS": "slack",
        "SLACK_BOT_TOKEN": world.token,
        "SLACK_API_URL": world.api,
        "LLM_MODEL": "scripted",
        "LLM_TIER": "tools",
        "OPENAI_BASE_URL": model_url,
    }
    if port is None:
        return told | {"SLACK_APP_TOKEN": world.app_token}
    return told | {"SLACK_SIGNING_SECRET": world.signing_secret, "SLACK_PORT": str(port)}


@asynccontextmanager
async def running(world: World, command_line: CommandLine) -> AsyncIterator[Path]:
    """A bot that serves by Socket Mode, with the settings of the command line, until SIGTERM; what comes is its log."""
    log = command_line.folder / "log"
    with log.open("ab") as lines:
        process = await command_line.start("run", stdin=asyncio.subprocess.DEVNULL, stderr=lines)
    ended = asyncio.create_task(process.wait())
    ended.add_done_callback(lambda _: world.stir())
    try:
        await world.until(lambda: world.socket_mode.is_connected or ended.done(), within_s=LIMIT_S)
        assert not ended.done(), log.read_text(encoding="utf-8")
        yield log
        process.terminate()
        async with asyncio.timeout(LIMIT_S):
            assert await ended == 0, log.read_text(encoding="utf-8")
    finally:
        if not ended.done():
            process.kill()
            await ended
