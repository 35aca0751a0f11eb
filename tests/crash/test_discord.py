"""A bot that serves Discord, as a real process, is killed between hearing, posting and knowing that it has posted."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.testing import ScriptedServer
from tests.platforms.discord.served import of_bot
from tests.platforms.discord.things import Channel
from tests.platforms.discord.world import World
from tests.platforms.serving import echo

ROOT = Path(__file__).parents[2]
LIMIT_S = 30
POST = "POST /channels/*/messages"


class Lives:
    """A bot that is killed and started again, in front of a world and a model."""

    def __init__(self, world: World, model: ScriptedServer, folder: Path) -> None:
        self.world = world
        self.model = model
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def begin(self) -> None:
        settings = {
            "BOT_PLATFORMS": "discord",
            "BOT_DATA_DIR": str(self._folder / "data"),
            "DISCORD_TOKEN": self.world.token,
            "DISCORD_API_URL": self.world.api,
            "DISCORD_GATEWAY_URL": self.world.gateway_url,
            "LLM_MODEL": "m",
            "LLM_TIER": "tools",
            "OPENAI_BASE_URL": self.model.url,
            "EMBEDDING_MODEL": "letters",
        }
        own = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "PYTHONPATH": str(ROOT)}
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "run"), cwd=self._folder, env=own | settings, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """End it at once, wherever it is."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self._process = None
        await self.world.until(lambda: not self.world.gateway.is_connected, LIMIT_S)

    def freeze(self) -> None:
        """What arrives from now on is taken by the machine, and not by the bot."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    async def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            assert await self._process.wait() == 0, (self._folder / "log").read_text()
            self._process = None


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    async with World() as world, ScriptedServer(echo) as model:
        lives = Lives(world, model, tmp_path)
        try:
            yield lives
        finally:
            await lives.end()


@asynccontextmanager
async def about(lives: Lives, text: str) -> AsyncIterator[Channel]:
    """Something is written to a bot that lives, is to be killed inside, and must then answer it once."""
    world, place = lives.world, lives.world.dm(lives.world.ada)
    await lives.begin()
    await world.until(lambda: world.gateway.is_connected, LIMIT_S)
    first = await world.says(world.ada, place, "hello")
    await world.hears(place, after=first, within_s=LIMIT_S)
    yield place
    await lives.begin()
    await world.hears(place, holds=lambda it: text in it.content, within_s=LIMIT_S)
    last = await world.says(world.ada, place, "and a last one")
    await world.hears(place, after=last, within_s=LIMIT_S)
    assert [it.content.split("\n")[0] for it in of_bot(world, place)] == [
        f"You said: {said}" for said in ("hello", text, "and a last one")
    ]
    assert len([it for it in lives.model.requests if last_of(it) == text]) == 1


def last_of(request: dict[str, object]) -> str:
    messages = request["messages"]
    assert isinstance(messages, list)
    return str(json.loads(messages[-1]["content"]).get("message"))


async def test_killed_when_discord_has_the_reply_and_has_not_said_so(lives: Lives) -> None:
    async with about(lives, "kept?") as place:
        hold = lives.world.faults.hold_answer(POST)
        await lives.world.says(lives.world.ada, place, "kept?")
        await asyncio.wait_for(hold.arrived.wait(), LIMIT_S)
        await lives.kill()
        hold.release()
        lives.world.clock.advance(600)  # by now Discord has forgotten the nonce


async def test_killed_while_the_reply_is_on_its_way_to_discord(lives: Lives) -> None:
    async with about(lives, "on its way?") as place:
        hold = lives.world.faults.hold(POST)
        await lives.world.says(lives.world.ada, place, "on its way?")
        await asyncio.wait_for(hold.arrived.wait(), LIMIT_S)
        await lives.kill()
        hold.drop()


async def test_killed_before_it_has_taken_in_a_message_that_discord_has_told(lives: Lives) -> None:
    async with about(lives, "heard?") as place:
        lives.freeze()
        await lives.world.says(lives.world.ada, place, "heard?")
        await lives.kill()
