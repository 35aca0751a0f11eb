"""A bot that serves Slack, as a real process, is killed between hearing, posting and knowing that it has posted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, says
from tests.command_line import CommandLine
from tests.platforms.serving import echo
from tests.platforms.slack.process import settings_for
from tests.platforms.slack.served import of_bot
from tests.platforms.slack.things import Channel
from tests.platforms.slack.world import World

LIMIT_S = 30
POST = "chat.postMessage"
LINES = 5000
CODE_PLEASE = "code, please"
LONG_CODE = "Code:\n```python\n" + "\n".join(f"print({number})" for number in range(LINES)) + "\n```"


def answers(request: Request) -> Reply:
    return says(LONG_CODE) if last_of(request) == CODE_PLEASE else echo(request)


class Lives:
    """A bot that is killed and started again, in front of a world and a model."""

    def __init__(self, world: World, model: ScriptedServer, folder: Path) -> None:
        self.world = world
        self.model = model
        self._command_line = CommandLine(folder)
        self._command_line.settings |= settings_for(world, model.url) | {"EMBEDDING_MODEL": "letters"}
        self._process: asyncio.subprocess.Process | None = None
        self._log = folder / "log"

    async def begin(self) -> None:
        with self._log.open("ab") as log:
            self._process = await self._command_line.start("run", stdin=asyncio.subprocess.DEVNULL, stderr=log)
        await self.world.until(lambda: self.world.socket_mode.is_connected, LIMIT_S)

    async def kill(self) -> None:
        """End it at once, wherever it is."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self._process = None
        await self.world.until(lambda: not self.world.socket_mode.is_connected, LIMIT_S)

    async def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            assert await self._process.wait() == 0, self._log.read_text()
            self._process = None


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    async with World() as world, ScriptedServer(answers) as model:
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
    first = await world.says(world.ada, place, "hello")
    await world.hears(place, after=first, within_s=LIMIT_S)
    yield place
    await lives.begin()
    await world.hears(place, holds=lambda it: text in it.text, within_s=LIMIT_S)
    await world.retries()  # as Slack does with what was not acknowledged
    last = await world.says(world.ada, place, "and a last one")
    await world.hears(place, after=last, within_s=LIMIT_S)
    assert [it.text.split("\n")[0] for it in of_bot(world, place)] == [
        f"You said: {said}" for said in ("hello", text, "and a last one")
    ]
    assert len([it for it in lives.model.requests if last_of(it) == text]) == 1


def last_of(request: Request) -> str:
    messages = request["messages"]
    assert isinstance(messages, list)
    return str(json.loads(messages[-1]["content"]).get("message"))


async def test_killed_when_slack_has_the_reply_and_has_not_said_so(lives: Lives) -> None:
    async with about(lives, "kept?") as place:
        hold = lives.world.faults.hold_answer(POST)
        await lives.world.says(lives.world.ada, place, "kept?")
        await asyncio.wait_for(hold.arrived.wait(), LIMIT_S)
        await lives.kill()
        hold.release()


async def test_killed_while_the_reply_is_on_its_way_to_slack(lives: Lives) -> None:
    async with about(lives, "on its way?") as place:
        hold = lives.world.faults.hold(POST)
        await lives.world.says(lives.world.ada, place, "on its way?")
        await asyncio.wait_for(hold.arrived.wait(), LIMIT_S)
        await lives.kill()
        hold.drop()


async def test_killed_between_the_parts_of_code_that_could_not_be_a_file(lives: Lives) -> None:
    world, place = lives.world, lives.world.dm(lives.world.ada)
    await lives.begin()
    world.faults.refuse("files.getUploadURLExternal", "storage_limit_reached")
    world.faults.hold(POST).release()  # the first part arrives, and the second while nobody hears so
    hold = world.faults.hold_answer(POST)
    await world.says(world.ada, place, CODE_PLEASE)
    await asyncio.wait_for(hold.arrived.wait(), LIMIT_S)
    await lives.kill()
    hold.release()
    assert len(of_bot(world, place)) == 2
    await lives.begin()
    last = await world.says(world.ada, place, "and a last one")
    await world.hears(place, after=last, holds=lambda it: "and a last one" in it.text, within_s=LIMIT_S)
    *parts, _ = of_bot(world, place)
    shown = "\n".join(part.blocks[0]["text"] for part in parts)
    assert [shown.count(f"print({number})") for number in range(LINES)] == [1] * LINES
    assert not any(part.files for part in parts)


async def test_killed_before_it_heard_what_was_written(lives: Lives) -> None:
    async with about(lives, "unheard?") as place:
        await lives.kill()
        await lives.world.says(lives.world.ada, place, "unheard?")
