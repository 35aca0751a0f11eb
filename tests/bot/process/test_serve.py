"""Serving, within the test's own process: what is taken up first, what is put down last, and what watchers are told."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.errors import ServiceMissing
from adapters.ports.intake import Intake
from adapters.testing import Reply, Request, ScriptedServer, says
from bot.process.health import Health
from bot.process.serve import Wait, serve
from bot.process.supervisor import Supervisor
from config.settings import Settings, load_settings
from memory.ports import StorageUnavailable
from tests.platforms.socket_platform import SocketPlatform, SocketServer


async def never(_: float) -> None:
    await asyncio.Event().wait()


async def once_a_moment(seconds: float) -> None:
    """Let no time pass before something is tried again, but a day before the next day's work."""
    await (asyncio.Event().wait() if seconds > 3600 else asyncio.sleep(0.01))


def settings_of(data_dir: Path, model: ScriptedServer) -> Settings:
    return load_settings(bot_data_dir=data_dir, llm_model="scripted", llm_tier="tools", openai_base_url=model.url)


async def test_what_was_left_is_taken_up_at_the_next_start(tmp_path: Path) -> None:
    """A step that does not end in time is cut off; after the next start it is done again, and heard once."""
    asked = asyncio.Event()

    async def hangs(_: Request) -> Reply:
        asked.set()
        return Reply(hangs=True)

    async with SocketServer() as people:
        stop = asyncio.Event()
        async with ScriptedServer(hangs) as model:
            platforms = {"socket": SocketPlatform(people.port)}
            serving = asyncio.create_task(
                serve(settings_of(tmp_path, model), platforms, stop=stop, grace_s=0.1, wait=never)
            )
            await people.has_acknowledged(people.say("Are you there?"))
            await asked.wait()
            stop.set()
            await serving
        assert people.seen == {}
        stop.clear()
        async with ScriptedServer(lambda _: says("Now I am.")) as model:
            platforms = {"socket": SocketPlatform(people.port)}
            serving = asyncio.create_task(serve(settings_of(tmp_path, model), platforms, stop=stop, wait=once_a_moment))
            await people.until(lambda: people.seen["ada"] == ["Now I am."])
            assert len(model.requests) == 1
            stop.set()
            await serving


async def test_half_the_grace_past_it_no_longer_waits_for_who_has_locked_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, hurried = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr("memory.sqlite.database.Database.hurry", lambda _: hurried.set())

    async def hangs(_: Request) -> Reply:
        asked.set()
        return Reply(hangs=True)

    async with SocketServer() as people, ScriptedServer(hangs) as model:
        stop = asyncio.Event()
        platforms = {"socket": SocketPlatform(people.port)}
        serving = asyncio.create_task(
            serve(settings_of(tmp_path, model), platforms, stop=stop, grace_s=0.1, wait=never)
        )
        await people.has_acknowledged(people.say("Are you there?"))
        await asked.wait()
        assert not hurried.is_set()
        stop.set()
        await serving
    assert hurried.is_set()


async def test_what_is_said_while_it_stops_is_kept_for_the_next_start(tmp_path: Path) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def late(_: Request) -> Reply:
        asked.set()
        await may_answer.wait()
        return says("One.")

    async with SocketServer() as people:
        stop = asyncio.Event()
        async with ScriptedServer(late) as model:
            platforms = {"socket": SocketPlatform(people.port)}
            serving = asyncio.create_task(serve(settings_of(tmp_path, model), platforms, stop=stop, wait=never))
            people.say("First")
            await asked.wait()
            stop.set()
            await people.has_acknowledged(people.say("Second"))
            may_answer.set()
            await serving
            assert (people.seen["ada"], len(model.requests)) == (["One."], 1)
        stop.clear()
        async with ScriptedServer(lambda _: says("Two.")) as model:
            platforms = {"socket": SocketPlatform(people.port)}
            serving = asyncio.create_task(serve(settings_of(tmp_path, model), platforms, stop=stop, wait=once_a_moment))
            await people.until(lambda: people.seen["ada"] == ["One.", "Two."])
            stop.set()
            await serving
        assert len(people.acknowledged) == 2


async def test_replies_wait_for_the_connection_without_a_try_and_go_out_once_it_is_there(tmp_path: Path) -> None:
    asked, may_answer, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def late(_: Request) -> Reply:
        asked.set()
        await may_answer.wait()
        return says("Here I am.")

    def replies() -> list[tuple[str, int]]:
        with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
            return list(database.execute("SELECT state, attempts FROM outbox"))

    async with SocketServer() as people, ScriptedServer(late) as model:

        def served(wait: Wait) -> tuple[SocketPlatform, "asyncio.Task[None]"]:
            platform = SocketPlatform(people.port)
            serving = serve(settings_of(tmp_path, model), {"socket": platform}, stop=stop, wait=wait)
            return platform, asyncio.create_task(serving)

        platform, serving = served(never)
        people.say("Are you there?")
        await asked.wait()
        people.is_open = False
        people.drop()
        while platform.is_connected:
            await asyncio.sleep(0)
        may_answer.set()
        stop.set()
        await serving
        assert replies() == [("waiting", 0)]
        for restarts in (1, 2):
            stop.clear()
            _, serving = served(never)
            await people.until(lambda: people.turned_away == restarts)  # noqa: B023 - it is done with before the next
            stop.set()
            await serving
            assert replies() == [("waiting", 0)]
        stop.clear()
        _, serving = served(once_a_moment)
        await people.until(lambda: people.turned_away > 5)
        people.is_open = True
        await people.until(lambda: people.seen["ada"] == ["Here I am."])
        stop.set()
        await serving
        assert (replies(), people.looked_up) == ([("sent", 0)], 0)


async def test_what_cannot_be_opened_is_raised_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    settings = load_settings(bot_data_dir=tmp_path / "data", llm_model="m", openai_base_url="http://127.0.0.1:9/v1")
    with pytest.raises(StorageUnavailable):
        await serve(settings, {}, stop=asyncio.Event(), wait=never)


async def test_where_there_is_nothing_to_serve_it_ends(tmp_path: Path) -> None:
    async with ScriptedServer() as model:
        settings = load_settings(bot_data_dir=tmp_path, llm_model="scripted", openai_base_url=model.url)
        with pytest.raises(ServiceMissing, match="no platform"):
            await serve(settings, {}, stop=asyncio.Event(), wait=never)


class Beats:
    """A database whose writer answers, or does not."""

    def __init__(self, *, writes: bool) -> None:
        self._writes = writes

    async def writes(self) -> bool:
        return self._writes

    async def counts(self) -> None:
        return None


async def test_watchers_are_told_how_far_it_has_come() -> None:
    async def nothing(*_: Any) -> Any: ...

    health = Health()
    assert await health.faults() == {}
    assert health.unready() == {"storage": "is not open yet"}
    assert await health.gauges() == {}
    beats: Any = Beats(writes=False)
    health.pulse = beats
    assert await health.faults() == {"database": "nothing could be written for 2 seconds"}
    assert await health.gauges() == {"database_up": 0.0}
    assert health.unready() == {"earlier turns": "are not taken up yet"}
    health.supervisor = Supervisor({"socket": SocketPlatform(0)}, lambda name: Intake(nothing, nothing))
    assert health.unready() == {"socket": "is not connected"}
    health.is_stopping = True
    assert health.unready() == {"bot": "is stopping"}
