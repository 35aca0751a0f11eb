"""`python -m tests.platforms.discord`: a play in front of a real bot and a Discord that is none, as text or pictures.

Without `--wait` it starts the bot itself. With it, it prints the settings for a bot that you start beside it, with
`make run`, and plays as soon as that is there.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from adapters.testing import ScriptedServer
from tests.command_line import CommandLine
from tests.platforms.discord.picture import picture
from tests.platforms.discord.process import running, settings_for
from tests.platforms.discord.show import Scene, play, play_without_intent, think
from tests.platforms.discord.things import Intent
from tests.platforms.discord.world import World

PATIENCE_S = 3600.0


async def perform() -> dict[str, tuple[str, str]]:
    """Both plays, each in front of a bot of its own; for each scene its text and its picture."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        return {
            **await _perform(Path(one), play),
            **await _perform(Path(other), play_without_intent, missing=Intent.MESSAGE_CONTENT),
        }


async def _perform(
    folder: Path, plays: Callable[[World], Awaitable[tuple[Scene, ...]]], missing: Intent = Intent.NONE
) -> dict[str, tuple[str, str]]:
    command_line = CommandLine(folder)
    async with World() as world, ScriptedServer(think) as model:
        world.state.granted &= ~missing
        command_line.settings |= settings_for(world, model.url)
        async with running(world, command_line):
            return _shown(world, await plays(world))


async def _wait_and_play() -> dict[str, tuple[str, str]]:
    async with World() as world, ScriptedServer(think) as model:
        for name, value in settings_for(world, model.url).items():
            print(f"{name}={value}")
        print("\nWaiting for a bot with these settings, and an empty BOT_DATA_DIR …\n", flush=True)
        await world.until(lambda: world.state.commands[None], within_s=PATIENCE_S)
        return _shown(world, await play(world))


def _shown(world: World, scenes: tuple[Scene, ...]) -> dict[str, tuple[str, str]]:
    return {
        scene.name: (
            f"── {scene.title} ──\n{world.transcript(scene.channel, scene.viewer)}\n",
            picture(world.state, scene.channel, scene.viewer, scene.title),
        )
        for scene in scenes
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.platforms.discord", description=__doc__)
    parser.add_argument("--wait", action="store_true", help="for a bot that you start yourself")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write what is seen there, as SVG")
    asked = parser.parse_args()
    shown = asyncio.run(_wait_and_play() if asked.wait else perform())
    for name, (text, drawn) in shown.items():
        print(text)
        if asked.pictures is not None:
            (asked.pictures / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
