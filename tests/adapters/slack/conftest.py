"""A fake Slack in which the app is as our manifest makes it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.slack.manifest import EVENTS, USED_FOR
from tests.command_line import CommandLine
from tests.platforms.slack.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        world.state.scopes = frozenset(USED_FOR)
        world.state.subscriptions = frozenset(EVENTS)
        yield world


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
