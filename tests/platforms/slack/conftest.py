"""A world that a bot of slack-bolt's is in."""

from collections.abc import AsyncIterator

import pytest

from tests.platforms.slack.echo_bot import Bot, running
from tests.platforms.slack.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


@pytest.fixture
async def bot(world: World) -> AsyncIterator[Bot]:
    async with running(world) as bot:
        yield bot
