"""A whole bot that serves the fake Discord."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.discord.endpoints import Endpoints
from adapters.discord.platform import DiscordPlatform
from tests.platforms import serving as any_serving
from tests.platforms.discord.things import Channel, Message
from tests.platforms.discord.world import World
from tests.platforms.serving import Think, echo

Served = any_serving.Served[DiscordPlatform]


class QuickPlatform(DiscordPlatform):
    """The platform, without the pauses that Discord itself would ask for."""

    def __init__(self, world: World, **options: Any) -> None:
        endpoints = Endpoints(world.api, world.gateway_url)
        super().__init__(world.token, endpoints, guild_ready_timeout=0.01, **options)


def of_bot(world: World, channel: Channel) -> list[Message]:
    """What the bot has said in a place, in order."""
    return [it for _, it in sorted(channel.messages.items()) if it.author is world.bot]


@asynccontextmanager
async def serving(
    world: World, data_dir: Path, think: Think = echo, platform: DiscordPlatform | None = None, **settings: Any
) -> AsyncIterator[Served]:
    """A whole bot in front of the world; `think` is its model. Whoever waits lets the time there pass."""
    async with any_serving.serving(world, platform or QuickPlatform(world), data_dir, think, **settings) as served:
        yield served
