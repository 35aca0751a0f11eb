"""A world that discord.py is pointed at, and a bot in it."""

from collections.abc import AsyncIterator

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from tests.platforms.discord.echo_bot import Bot, running
from tests.platforms.discord.world import World


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with World(tells_gateway=True) as world:
        monkeypatch.setattr(Route, "BASE", world.api)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", URL(world.gateway_url))
        yield world


@pytest.fixture
async def bot(world: World) -> AsyncIterator[Bot]:
    async with running(world) as bot:
        yield bot
