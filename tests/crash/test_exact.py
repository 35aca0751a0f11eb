"""A conversation whose bot is killed at every moment that can be named, one after the other: it ends as if not.

A bot is killed once: at its n-th commit, or write of vectors, the n-th time that the platform hears from it, or at its
n-th call of the model; n goes up until the conversation is over before that. So does the life of a promise: a bot
that starts finds it due, hands it over, thinks of it and says it, and is killed at each of these moments.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from adapters.testing import ScriptedServer
from bot.origins import to_json
from bot.testing import RecordingPlatform, direct, open_bot
from memory.turns.timers import FOLLOW_UP, NewTimer
from tests.crash.model import ObedientModel
from tests.crash.nursery import LIMIT_S, Nursery, nursery
from tests.crash.people import Conversation, Said, ring_of
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


async def promise(folder: Path, talk: Conversation) -> None:
    """Somebody was promised something in an earlier life, and it came due after that; they have read the answer."""
    async with open_bot(folder / "data", platform=RecordingPlatform("socket")) as bot:
        origin = direct(talk.place, platform="socket")
        agent = await bot.app.agents.get(talk.scope)
        (said,) = talk.said
        timer = NewTimer(
            kind=FOLLOW_UP,
            due_at=datetime.now(UTC),
            origin=to_json(origin),
            platform="socket",
            person=f"socket:{talk.place}",
            note=ring_of(said.text),
        )
        async with bot.app.stores.database.write() as transaction:
            await bot.app.stores.timers.add(transaction, agent.id, [timer], bot.clock())


async def keep_promise(folder: Path, bots: Nursery, watch: Watch, *hooks: str) -> tuple[int, list[str]]:
    """As `converse`, of a promise that is due when the first bot starts."""
    talk = Conversation(("ada",))
    talk.said.append(Said("ada", "ada #1 later"))
    await promise(folder, talk)
    model = ObedientModel(Random(0), asked=lambda: watch("model"))
    lives, code = 0, -9
    async with WatchedPlatform(watch) as platform, ScriptedServer(model) as server:

        async def end_it() -> None:
            await platform.until(lambda: not talk.is_promised(platform))
            await platform.connected()
            await at_rest(folder / "data", LIMIT_S)
            bots.terminate()

        while code == -9:
            lives += 1
            await platform.gone()
            settings = SETTINGS | {"OPENAI_BASE_URL": server.url, "LLM_MODEL": f"life-{lives}"}
            await bots.bear(folder, platform.port, settings, *(hooks if lives == 1 else ()))
            ending = asyncio.create_task(end_it())
            code = await bots.ended()
            ending.cancel()
        assert code == 0
    return lives, [*faults_of_promise(folder / "data", platform.seen["ada"]), *bad_lines(folder / "log")]


def faults_of_promise(data: Path, seen: Sequence[str]) -> list[str]:
    """What is not as it has to be once a promise was kept."""
    found = [] if seen == ["rings #1"] else [f"seen: {seen}"]
    with closing(sqlite3.connect(f"file:{data / 'bot.db'}?mode=ro", uri=True)) as database:
        for table, good in {"timers": "fired", "inbox": "done", "turns": "done", "outbox": "sent"}.items():
            states = [state for (state,) in database.execute(f"SELECT state FROM {table}")]
            found += [] if states == [good] else [f"{table}: {states}"]
    return found


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


async def at_every_moment(
    new_folder: Callable[[], Path], bots: Nursery, what: str, hook: str | None = None, *, live: Any = converse
) -> int:
    """Kill it at its n-th moment of a kind, for every n; returns how many there were."""
    for number in count(1):
        moments = count(1)

        def watch(moment: str) -> None:
            if moment == what and next(moments) == number:  # noqa: B023 - it is done with before the next
                bots.kill()

        hooks = [f"{hook}-{number}"] if hook else []
        lives, found = await live(new_folder(), bots, watch, *hooks)
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


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_commit_from_the_sweep_on_what_was_promised_is_said_once(
    new_folder: Callable[[], Path], bots: Nursery, when: str
) -> None:
    assert await at_every_moment(new_folder, bots, "", f"commit-{when}", live=keep_promise) > 4


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_while_it_is_delivered_what_was_promised_is_said_once(
    new_folder: Callable[[], Path], bots: Nursery, when: str
) -> None:
    assert await at_every_moment(new_folder, bots, when, live=keep_promise) > 1  # a greeting, and the reply


async def test_killed_while_the_model_thinks_of_it_what_was_promised_is_said_once(
    new_folder: Callable[[], Path], bots: Nursery
) -> None:
    assert await at_every_moment(new_folder, bots, "model", live=keep_promise) == 1
