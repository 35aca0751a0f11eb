"""A bot that has to answer the next hello after all that it is sent: what the tests of bad input share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.platforms.discord.served import Served, serving
from tests.platforms.discord.world import World
from tests.platforms.serving import Think, echo, settled


@asynccontextmanager
async def tried(world: World, tmp_path: Path, think: Think = echo, **settings: Any) -> AsyncIterator[Served]:
    """A bot to try something on, with one connection to the end; afterwards it must answer a hello."""
    async with serving(world, tmp_path, think, **settings) as served:
        await settled(world)
        running = served.platform._client
        yield served
        await hello(world)
        assert served.platform._client is running, "the connection did not outlive it"


async def hello(world: World, what: str = "") -> None:
    """The bot lives: it answers Ada directly and in the channel, and somebody new."""
    for place in (world.dm(world.ada), world.general):
        mentions = [world.bot] if place.guild else []
        asked = await world.says(world.ada, place, "hello again", mentions=mentions)
        try:
            await world.hears(place, after=asked, holds=lambda it: "hello again" in it.content)
        except TimeoutError:
            raise AssertionError(f"no answer after: {what}") from None
    await settled(world)
