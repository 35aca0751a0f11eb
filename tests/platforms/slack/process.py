"""`python -m bot run` in front of the fake Slack: a real process, over real sockets."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.command_line import CommandLine
from tests.platforms import process
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


def running(world: World, command_line: CommandLine) -> AbstractAsyncContextManager[Path]:
    """A bot that serves by Socket Mode, with the settings of the command line, until SIGTERM; its log is yielded."""
    return process.running(world, command_line, lambda: world.socket_mode.is_connected)
