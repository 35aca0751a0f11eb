"""The bot in a process of its own, serving a `SocketPlatform`.

`python -m tests.platforms.serving_child PORT [GRACE_S [PACE]]`, with the root on PYTHONPATH; settings are taken
from the environment. Pauses between attempts are so many times as short as the pace says.
"""

import asyncio
import sys

import typer

from bot.command_line import _run
from bot.log import set_up
from bot.process.serve import GRACE_S, serve
from config.settings import load_settings
from tests.platforms.socket_platform import SocketPlatform


def main(port: str, grace_s: str = str(GRACE_S), pace: str = "1") -> None:
    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds / float(pace))

    settings = load_settings()
    set_up(settings.bot_log_level, settings.bot_log_format)
    platforms = {"socket": SocketPlatform(int(port))}
    try:
        _run(lambda: asyncio.run(serve(settings, platforms, grace_s=float(grace_s), wait=wait)))
    except typer.Exit as end:
        sys.exit(end.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
