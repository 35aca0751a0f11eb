"""A bot that serves, as a real process: signals, exit codes, and HTTP for those who watch it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from tests.platforms.socket_platform import SocketServer

ROOT = Path(__file__).parents[1]
LIMIT_S = 30


class Child:
    """A serving bot."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log: list[str] = []

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def logged(self, words: str) -> str:
        """Read on until a line with these words comes; returns it."""
        assert self._process.stderr is not None
        async with asyncio.timeout(LIMIT_S):
            while line := (await self._process.stderr.readline()).decode().rstrip():
                self.log.append(line)
                if words in line:
                    return line
        raise AssertionError(f"it ended without {words!r}: {self.log}")

    async def ended(self) -> int:
        """The exit code."""
        async with asyncio.timeout(LIMIT_S):
            _, err = await self._process.communicate()
        self.log += err.decode().splitlines()
        assert self._process.returncode is not None
        return self._process.returncode


@asynccontextmanager
async def child(tmp_path: Path, platform: SocketServer, *words: str, **settings: str) -> AsyncIterator[Child]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "BOT_DATA_DIR": str(tmp_path / "data"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.platforms.serving_child", str(platform.port), *words),
        cwd=tmp_path,
        env=own | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


class LateModel:
    """A model that answers once it is allowed to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, request: Request) -> Reply:
        self.asked.set()
        await self.may_answer.wait()
        return says("Better late than never.")


@asynccontextmanager
async def serving(
    tmp_path: Path, script: Callable[[Request], Any], *words: str, **settings: str
) -> AsyncIterator[tuple[Child, SocketServer]]:
    """A child that is connected, and the platform it is connected to."""
    async with ScriptedServer(script) as model, SocketServer() as platform:
        settings |= {"LLM_MODEL": "scripted", "LLM_TIER": "tools", "OPENAI_BASE_URL": model.url}
        async with child(tmp_path, platform, *words, **settings) as bot:
            await bot.logged("serving platforms=socket")
            await platform.connected()
            yield bot, platform


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_at_sigterm_a_running_turn_is_let_finish_and_its_reply_is_heard(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    model = LateModel()
    async with serving(tmp_path, model, BOT_HEALTH_PORT=str(unused_tcp_port)) as (bot, platform):
        assert (await get(unused_tcp_port, "/readyz"))[0] == 200
        await platform.has_acknowledged(platform.say("Are you there?"))
        await model.asked.wait()
        bot.signal(signal.SIGTERM)
        await bot.logged("stopping at SIGTERM")
        status, told = await get(unused_tcp_port, "/readyz")
        assert (status, '"bot": "is stopping"' in told) == (503, True)
        assert (await get(unused_tcp_port, "/healthz"))[0] == 200
        model.may_answer.set()
        assert await bot.ended() == 0
    assert platform.seen == {"ada": ["Better late than never."]}
    assert "Traceback" not in "".join(bot.log)


async def test_a_turn_that_does_not_finish_does_not_hold_up_the_end(tmp_path: Path) -> None:
    model = LateModel()
    async with serving(tmp_path, model, "1") as (bot, platform):
        platform.say("Are you there?")
        await model.asked.wait()
        bot.signal(signal.SIGTERM)
        assert await bot.ended() == 0
        assert "Traceback" not in "".join(bot.log)
    assert platform.seen == {}


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    model = LateModel()
    async with serving(tmp_path, model) as (bot, platform):
        platform.say("Are you there?")
        await model.asked.wait()
        bot.signal(signal.SIGINT)
        await bot.logged("stopping at SIGINT")
        bot.signal(signal.SIGTERM)
        assert await bot.ended() == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("imported", ["typer", "pydantic_settings", "sqlalchemy", "discord", "aiosqlite"])
async def test_told_to_stop_while_it_starts_it_ends_well(
    tmp_path: Path, unused_tcp_port: int, number: signal.Signals, imported: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "bot", "run"),
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "BOT_PLATFORMS": "discord",
            "DISCORD_TOKEN": "x",
            "DISCORD_API_URL": f"http://127.0.0.1:{unused_tcp_port}",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    bot = Child(process)
    await bot.logged(f" {imported}")
    bot.signal(number)
    assert await bot.ended() == 0
    log = "\n".join(line for line in bot.log if not line.startswith("import time:"))
    assert "Traceback" not in log


async def test_an_idle_bot_stops_at_an_interrupt(tmp_path: Path) -> None:
    async with serving(tmp_path, lambda _: says("Hello.")) as (bot, platform):
        platform.say("Hello?")
        await platform.until(lambda: platform.seen["ada"] == ["Hello."])
        bot.signal(signal.SIGINT)
        assert await bot.ended() == 0
        assert "Traceback" not in "".join(bot.log)


async def test_a_lost_connection_is_made_again_and_readiness_tells_it(tmp_path: Path, unused_tcp_port: int) -> None:
    async with serving(tmp_path, lambda _: says("Here."), BOT_HEALTH_PORT=str(unused_tcp_port)) as (bot, platform):
        platform.is_open = False
        platform.drop()
        await bot.logged("platform failed, runs again platform=socket in_s=")
        status, told = await get(unused_tcp_port, "/readyz")
        assert (status, '"socket": "is not connected"' in told) == (503, True)
        platform.is_open = True
        platform.say("Still there?")  # said while nobody listens, told at the next connection
        await platform.until(lambda: platform.seen["ada"] == ["Here."])
        assert platform.connections == 2
        assert (await get(unused_tcp_port, "/readyz"))[0] == 200


async def test_metrics_can_be_read_by_prometheus_and_hold_no_word_of_anybody(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    def reply(_: Request) -> Reply:
        usage = {"prompt_tokens": 100, "completion_tokens": 7}
        return answer(None, ("send_message", {"message": "wallaby", "request_heartbeat": False}), **usage)

    async with serving(tmp_path, reply, BOT_HEALTH_PORT=str(unused_tcp_port)) as (_, platform):
        platform.say("kanarienvogel", person="ada-4711")
        await platform.until(lambda: platform.seen["ada-4711"] == ["wallaby"])
        status, text = await get(unused_tcp_port, "/metrics")
    assert status == 200
    assert not [word for word in ("kanarienvogel", "wallaby", "4711") if word in text]
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["memgptbot_model_calls_total", "ok"] == 1
    assert found["memgptbot_model_calls_total", "unavailable"] == 0
    assert found["memgptbot_model_call_duration_seconds_count",] == 1
    assert found["memgptbot_model_tokens_total", "prompt"] == 100
    assert found["memgptbot_model_tokens_total", "completion"] == 7
    assert found["memgptbot_platform_up", "socket"] == 1
    assert found["memgptbot_database_up",] == 1
    assert found["memgptbot_inbox_waiting",] == 0
    assert found["process_resident_memory_bytes",] > 0


async def test_a_health_port_that_is_taken_is_one_line_and_69(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with SocketServer() as platform, child(tmp_path, platform, BOT_HEALTH_PORT=str(port)) as bot:
            assert await bot.ended() == 69
    assert bot.log == [f"BOT_HEALTH_PORT={port}: cannot listen on 127.0.0.1 (Address already in use)."]
    assert not (tmp_path / "data").exists()


async def test_a_bot_that_no_platform_lets_in_ends_with_69(tmp_path: Path) -> None:
    async with ScriptedServer() as model, SocketServer() as platform:
        platform.unwanted = "SOCKET_TOKEN: the server refuses it."
        async with child(tmp_path, platform, LLM_MODEL="scripted", OPENAI_BASE_URL=model.url) as bot:
            assert await bot.ended() == 69
    assert bot.log[-1] == "socket: SOCKET_TOKEN: the server refuses it."
    assert "Traceback" not in "".join(bot.log)
