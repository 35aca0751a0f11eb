"""A whole bot that serves the fake Discord."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.discord.endpoints import Endpoints
from adapters.discord.platform import DiscordPlatform
from adapters.testing import Reply, Request, ScriptedServer, says
from bot.app import App, open_app
from bot.choices import Choices
from bot.process.supervisor import Supervisor
from config.settings import load_settings
from tests.platforms.discord.things import Channel, Message
from tests.platforms.discord.world import World


class QuickPlatform(DiscordPlatform):
    """The platform, without the pauses that Discord itself would ask for."""

    def __init__(self, world: World, **options: Any) -> None:
        endpoints = Endpoints(world.api, world.gateway_url)
        super().__init__(world.token, endpoints, guild_ready_timeout=0.01, **options)


@dataclass
class Served:
    """A bot that serves the world, and what its model was asked."""

    app: App
    platform: DiscordPlatform
    model: ScriptedServer


Think = Callable[[Request], Reply]


def echo(request: Request) -> Reply:
    """Say back what the person wrote last."""
    last = next(message for message in reversed(request["messages"]) if message["role"] == "user")
    return says(f"You said: {json.loads(last['content'])['message']}")


async def settled(world: World) -> None:
    """Wait until the bot has done what there was to do: it has answered somebody who wrote after all others."""
    last = world.person("Zoe")
    asked = await world.says(last, world.dm(last), "are you there?")
    await world.hears(world.dm(last), after=asked)


def of_bot(world: World, channel: Channel) -> list[Message]:
    """What the bot has said in a place, in order."""
    return [it for _, it in sorted(channel.messages.items()) if it.author is world.bot]


@asynccontextmanager
async def serving(
    world: World, data_dir: Path, think: Think = echo, platform: DiscordPlatform | None = None, **settings: Any
) -> AsyncIterator[Served]:
    """A whole bot in front of the world; `think` is its model. Whoever waits lets the time there pass."""
    async with ScriptedServer(think) as model:
        given: Mapping[str, Any] = {"llm_model": "m", "openai_base_url": model.url, "llm_tier": "tools"} | settings
        platform = platform or QuickPlatform(world)
        chosen = load_settings(bot_data_dir=data_dir, **given)

        async def wait(seconds: float) -> None:
            await asyncio.sleep(0)
            world.clock.advance(seconds)

        async with open_app(
            chosen, {"discord": platform}, Choices(verifies_first=False), now=world.clock.now, wait=wait
        ) as app:
            supervisor = Supervisor({"discord": platform}, app.intake, wait=wait)
            await app.resume()
            running = asyncio.create_task(supervisor.run())
            running.add_done_callback(lambda _: world.stir())
            try:
                await world.until(lambda: platform.is_connected or running.done())
                assert not running.done(), running
                yield Served(app, platform, model)
            finally:
                running.cancel()
                await asyncio.wait([running])
