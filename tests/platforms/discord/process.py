"""`python -m bot run` in front of the fake Discord: a real process, over real sockets."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.command_line import CommandLine
from tests.platforms import process
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


def running(world: World, command_line: CommandLine) -> AbstractAsyncContextManager[Path]:
    """A bot that serves, with the settings of the command line, until SIGTERM; what comes out is its log."""
    return process.running(world, command_line, lambda: world.state.commands[None] and world.gateway.is_connected)
