"""A conversation whose bot is killed at every moment that can be named, one after the other: it ends as if not.

A bot is killed once: at its n-th commit, or write of vectors, the n-th time that the platform hears from it, or at its
n-th call of the model; n goes up until the conversation is over before that.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from random import Random

import pytest

from adapters.testing import ScriptedServer
from tests.crash.model import ObedientModel
from tests.crash.nursery import LIMIT_S, Nursery, nursery
from tests.crash.people import Conversation
from tests.crash.torture import SETTINGS, bad_lines
from tests.crash.verdict import at_rest, calls_repeated_in_a_life, violations
from tests.platforms.socket_platform import Json, SocketServer

SAID = ("note", "fact", "twice")
"""The orders of what is said at once: turns of three or four steps."""

pytestmark = pytest.mark.timeout(600)  # seconds; some tests are forty conversations, one after the other

Watch = Callable[[str], None]
"""Is told what the platform is about to take in from the bot, or has taken in, or that the model was asked."""


class WatchedPlatform(SocketServer):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def _hear(self, entry: Json, writer: asyncio.StreamWriter) -> None:
        self._watch("before")
        super()._hear(entry, writer)
        self._watch("after")


@pytest.fixture
async def bots() -> AsyncIterator[Nursery]:
    async with nursery() as bots:
        yield bots


async def converse(folder: Path, bots: Nursery, watch: Watch, *hooks: str) -> tuple[int, list[str]]:
    """Hold the conversation to its end, with a new bot for one that was killed; returns how many lived, and faults."""
    talk, model = Conversation(("ada",)), ObedientModel(Random(0), asked=lambda: watch("model"))
    lives, is_over = 0, asyncio.Event()
    async with WatchedPlatform(watch) as platform, ScriptedServer(model) as server:

        async def end_it() -> None:
            await is_over.wait()
            await platform.connected()  # until then it may be at its very beginning, where a signal just ends it
            bots.terminate()

        async def live_on() -> int:
            nonlocal lives
            code = -9
            while code == -9:
                lives += 1
                await platform.gone()
                settings = SETTINGS | {"OPENAI_BASE_URL": server.url, "LLM_MODEL": f"life-{lives}"}
                await bots.bear(folder, platform.port, settings, *(hooks if lives == 1 else ()))
                ending = asyncio.create_task(end_it())
                code = await bots.ended()
                ending.cancel()
            return code

        living = asyncio.create_task(live_on())
        for order in SAID:
            talk.order(platform, "ada", order)
        await platform.until(lambda: not talk.is_busy(platform))
        await platform.connected()
        await at_rest(folder / "data", LIMIT_S)
        is_over.set()
        assert await living == 0
    found = await violations(folder / "data", [talk], platform) + calls_repeated_in_a_life(model)
    return lives, found + bad_lines(folder / "log")


@pytest.fixture
def new_folder(tmp_path: Path, new_database: Path) -> Callable[[], Path]:
    """Makes a folder for a bot that has an empty database, which costs less than having each bot make its own."""
    numbers = count(1)

    def make() -> Path:
        folder = tmp_path / str(next(numbers))
        (folder / "data").mkdir(parents=True)
        shutil.copy(new_database, folder / "data")
        return folder

    return make


async def at_every_moment(new_folder: Callable[[], Path], bots: Nursery, what: str, hook: str | None = None) -> int:
    """Kill it at its n-th moment of a kind, for every n; returns how many there were."""
    for number in count(1):
        moments = count(1)

        def watch(moment: str) -> None:
            if moment == what and next(moments) == number:  # noqa: B023 - it is done with before the next
                bots.kill()

        hooks = [f"{hook}-{number}"] if hook else []
        lives, found = await converse(new_folder(), bots, watch, *hooks)
        assert (number, found) == (number, [])
        if lives == 1:
            return number - 1
    raise AssertionError


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_commit_it_ends_the_same(new_folder: Callable[[], Path], bots: Nursery, when: str) -> None:
    assert await at_every_moment(new_folder, bots, "", f"commit-{when}") > 12


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_write_to_the_vector_index_it_ends_the_same(
    new_folder: Callable[[], Path], bots: Nursery, when: str
) -> None:
    assert await at_every_moment(new_folder, bots, "", f"vectors-{when}") == 1  # a note


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_anything_it_tells_the_platform_it_ends_the_same(
    new_folder: Callable[[], Path], bots: Nursery, when: str
) -> None:
    assert await at_every_moment(new_folder, bots, when) > 5  # a greeting, three messages and two replies


async def test_killed_at_any_call_of_the_model_it_ends_the_same(new_folder: Callable[[], Path], bots: Nursery) -> None:
    assert await at_every_moment(new_folder, bots, "model") > 3
