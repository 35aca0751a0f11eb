"""A bot without a model, in a folder with documents."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.testing import Bot, open_bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with open_bot(tmp_path / "data") as bot:
        await bot.command("memory")
        await bot.command("memory", person="bob")
        yield bot
