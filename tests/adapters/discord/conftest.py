"""A fake Discord, to which the library is pointed for as long as a test runs."""

from collections.abc import AsyncIterator

import pytest
from discord.http import Route

from adapters.discord.client import Client
from tests.platforms.discord.world import World


async def at_once(*given: object, **more: object) -> None:
    """The library would wait for five seconds before it begins a session anew."""


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(Client, "before_identify_hook", at_once)
    async with World() as world:
        yield world
