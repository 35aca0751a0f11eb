"""A whole bot that serves one of the fakes: what is the same whichever it is."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from adapters.ports.intake import Intake
from adapters.ports.platform import ChatPlatform
from adapters.testing import Reply, Request, ScriptedServer, says
from bot.app import App, open_app
from bot.choices import Choices
from bot.process.supervisor import Supervisor
from config.settings import load_settings
from tests.platforms.clock import Clock

Think = Callable[[Request], Reply | Awaitable[Reply]]
"""A model: what it says to what it is asked."""


class World(Protocol):
    """What a world of any platform has."""

    @property
    def clock(self) -> Clock:
        """The time there."""

    async def until(self, holds: Callable[[], object], within_s: float = 10) -> None:
        """Wait until something holds."""

    def stir(self) -> None:
        """Have those look who wait."""

    def person(self, name: str) -> Any:
        """Somebody of that name."""

    def dm(self, person: Any) -> Any:
        """Where they and the bot talk."""

    async def says(self, person: Any, channel: Any, text: str) -> Any:
        """Write a message."""

    async def hears(self, channel: Any, *, after: Any) -> Any:
        """Wait for what the bot says next."""


class Connects(ChatPlatform, Protocol):
    """A platform that says whether events reach it."""

    @property
    def is_connected(self) -> bool:
        """Whether they do."""


AnyPlatform = TypeVar("AnyPlatform", bound=Connects)


@dataclass
class Served(Generic[AnyPlatform]):
    """A bot that serves the world, and what its model was asked."""

    app: App
    platform: AnyPlatform
    model: ScriptedServer


def echo(request: Request) -> Reply:
    """Say back what the person wrote last."""
    last = next(message for message in reversed(request["messages"]) if message["role"] == "user")
    return says(f"You said: {json.loads(last['content'])['message']}")


async def settled(world: World) -> None:
    """Wait until the bot has done what there was to do: it has answered somebody who wrote after all others."""
    last = world.person("Zoe")
    asked = await world.says(last, world.dm(last), "are you there?")
    await world.hears(world.dm(last), after=asked)


@asynccontextmanager
async def serving(
    world: World, platform: AnyPlatform, data_dir: Path, think: Think, **settings: Any
) -> AsyncIterator[Served[AnyPlatform]]:
    """A whole bot in front of the world; `think` is its model. Whoever waits lets the time there pass."""
    async with ScriptedServer(think) as model:
        given: dict[str, Any] = {"llm_model": "m", "openai_base_url": model.url, "llm_tier": "tools"} | settings
        chosen, platforms = load_settings(bot_data_dir=data_dir, **given), {platform.name: platform}

        async def wait(seconds: float) -> None:
            await asyncio.sleep(0)
            world.clock.advance(seconds)

        async with open_app(chosen, platforms, Choices(verifies_first=False), now=world.clock.now, wait=wait) as app:

            def intake(name: str) -> Intake:
                given = app.intake(name)

                def connected(name: str) -> None:
                    given.connected(name)
                    world.stir()

                return replace(given, connected=connected)

            supervisor = Supervisor(platforms, intake, wait=wait)
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
