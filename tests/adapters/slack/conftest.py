"""A fake Slack."""

from collections.abc import AsyncIterator

import pytest

from tests.platforms.slack.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world
