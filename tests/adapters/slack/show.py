"""`python -m tests.adapters.slack.show`: a play in front of a real bot and a Slack that is none, as pictures.

The people are those of the play on Discord, and so is the model's part; with `--pictures` the pictures are written.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from pathlib import Path

from adapters.testing import ScriptedServer
from tests.command_line import CommandLine
from tests.platforms.discord.show import GOING, HELLO, STORM, WHICH, think
from tests.platforms.slack.picture import picture, picture_of_view
from tests.platforms.slack.process import running, settings_for
from tests.platforms.slack.world import World

_NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
THEN = "2026-03-01T12:00:00+00:00"
"""The picture is the same at any time."""


async def perform() -> dict[str, str]:
    """The play; returns the picture of each scene."""
    with tempfile.TemporaryDirectory() as folder:
        command_line = CommandLine(Path(folder))
        async with World() as world, ScriptedServer(think) as model:
            command_line.settings |= settings_for(world, model.url)
            async with running(world, command_line):
                return await play(world)


async def play(world: World) -> dict[str, str]:
    """Let people write, in front of a bot that is there."""
    direct, general = world.dm(world.ada), world.general
    for line in (HELLO, STORM):
        asked = await world.says(world.ada, direct, line)
        await world.hears(direct, after=asked)
    await world.opens_home(world.ada)
    home = await world.sees_home(world.ada)

    await world.answered(await world.slash(world.ada, general, "/agent admin mode listen"))
    plan = await world.says(
        world.bob, general, "The next book is Middlemarch. We meet on Friday at eight, at my place."
    )
    asked = await world.says(world.ada, general, WHICH, thread=plan, mentions=[world.bot])
    await world.hears(general, after=asked, thread=plan)
    more = await world.says(world.bob, general, GOING, thread=plan)
    await world.hears(general, after=more, thread=plan)
    await world.until(lambda: more.reactions)
    return {
        "slack-home": _NOW.sub(THEN, picture_of_view(world.state, home, "Memo, Home, as Ada sees it")),
        "slack-thread": picture(world.state, general, world.ada, "#general of Book club, as Ada sees it"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.adapters.slack.show", description=__doc__)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write what is seen there, as SVG")
    asked = parser.parse_args()
    for name, drawn in asyncio.run(perform()).items():
        if asked.pictures is not None:
            (asked.pictures / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
