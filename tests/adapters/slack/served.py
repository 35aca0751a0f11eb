"""A whole bot that serves the fake Slack."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.slack.credentials import Credentials
from adapters.slack.platform import SlackPlatform
from adapters.testing import Reply, Request, ScriptedServer, says
from bot.app import App, open_app
from bot.choices import Choices
from bot.process.supervisor import Supervisor
from config.settings import load_settings
from tests.platforms.slack.things import Channel, Message
from tests.platforms.slack.world import World

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


@dataclass
class Served:
    """A bot that serves the world, and what its model was asked."""

    app: App
    platform: SlackPlatform
    model: ScriptedServer


Think = Callable[[Request], Reply | Awaitable[Reply]]


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
    """What the bot has said in a place for all, in order."""
    said = sorted(channel.messages.values(), key=lambda it: it.ts)
    return [it for it in said if it.author is world.bot and it.visible_to is None]


@asynccontextmanager
async def serving(
    world: World, data_dir: Path, think: Think = echo, platform: SlackPlatform | None = None, **settings: Any
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
            chosen, {"slack": platform}, Choices(verifies_first=False), now=world.clock.now, wait=wait
        ) as app:
            supervisor = Supervisor({"slack": platform}, app.intake, wait=wait)
            await app.resume()
            running = asyncio.create_task(supervisor.run())
            running.add_done_callback(lambda _: world.stir())
            try:
                async with asyncio.timeout(10):
                    while not platform.is_connected and not running.done():
                        await asyncio.sleep(0.01)
                assert not running.done(), running
                if platform.port is not None:
                    await world.serves_at(f"http://127.0.0.1:{platform.port}/slack/events")
                yield Served(app, platform, model)
            finally:
                running.cancel()
                await asyncio.wait([running])
