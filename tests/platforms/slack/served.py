"""A whole bot that serves the fake Slack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.slack.credentials import Credentials
from adapters.slack.platform import SlackPlatform
from tests.platforms import serving as any_serving
from tests.platforms.serving import Think, echo
from tests.platforms.slack.things import Channel, Message
from tests.platforms.slack.world import World

Served = any_serving.Served[SlackPlatform]

LONG_S = 300.0

PATIENT_S = 3.0
"""Between pings; a connection that answers none of four is taken for dead, and here much else is done meanwhile."""


class QuickPlatform(SlackPlatform):
    """The platform, without the pauses that Slack itself would ask for; over HTTP if `over_http`."""

    def __init__(self, world: World, *, over_http: bool = False, **options: Any) -> None:
        app_token = None if over_http else world.app_token
        credentials = Credentials(world.token, app_token, world.signing_secret, world.api, port=0)

        async def wait(seconds: float) -> None:
            if seconds > LONG_S:  # it is waited whether something else comes first
                await asyncio.sleep(seconds)
            await asyncio.sleep(0)
            world.clock.advance(seconds)

        def clock() -> float:
            return world.clock.now().timestamp()

        quick = {"wait": wait, "clock": clock, "ping_s": PATIENT_S, "looks_after_s": 0.0}
        super().__init__(credentials, **{**quick, **options})


def of_bot(world: World, channel: Channel) -> list[Message]:
    """What the bot has said in a place for all, in order."""
    said = sorted(channel.messages.values(), key=lambda it: it.ts)
    return [it for it in said if it.author is world.bot and it.visible_to is None]


@asynccontextmanager
async def serving(
    world: World, data_dir: Path, think: Think = echo, platform: SlackPlatform | None = None, **settings: Any
) -> AsyncIterator[Served]:
    """A whole bot in front of the world; `think` is its model. Whoever waits lets the time there pass."""
    async with any_serving.serving(world, platform or QuickPlatform(world), data_dir, think, **settings) as served:
        if served.platform.port is not None:
            await world.serves_at(f"http://127.0.0.1:{served.platform.port}/slack/events")
        yield served
