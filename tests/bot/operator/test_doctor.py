"""`doctor`: one line a check, with what to do; only what has to be mended is a failure."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails
from bot.operator.doctor import examine
from bot.operator.errors import CannotBeDone
from config.settings import load_settings
from memory.database import SCHEMA_REVISION

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = "sk-secret-0123456789"


class Doctor:
    """Runs the checks and sorts their lines."""

    def __init__(self, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._data_dir = data_dir
        self._capsys = capsys

    async def examine(self, now: datetime = NOW, **settings: Any) -> dict[str, str]:
        """The verdict and text of each check, by its subject."""
        self._capsys.readouterr()
        await examine(load_settings(bot_data_dir=self._data_dir, **settings), lambda: now)
        return self._lines()

    async def failing(self, now: datetime = NOW, **settings: Any) -> dict[str, str]:
        """The same where something has to be mended; only what failed."""
        self._capsys.readouterr()
        with pytest.raises(CannotBeDone, match=r"^\d of 6 checks failed\.$"):
            await examine(load_settings(bot_data_dir=self._data_dir, **settings), lambda: now)
        return {about: told for about, told in self._lines().items() if told.startswith("fail")}

    def _lines(self) -> dict[str, str]:
        out = self._capsys.readouterr().out
        assert KEY not in out
        assert len(out.splitlines()) == 6
        return {line[6:].partition(":")[0]: line for line in out.splitlines()}


@pytest.fixture
def doctor(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(data_dir, capsys)


def calls_what_it_is_offered(request: Request) -> Reply:
    tools = request.get("tools")
    return answer(None, (tools[0]["function"]["name"], {})) if tools else answer("hello")


async def test_a_good_bot_is_told_so_and_nothing_is_made(doctor: Doctor, data_dir: Path) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert {line[:4] for line in found.values()} == {"ok  "}
    assert "called the tool that it was offered: tier tools" in found["model"]
    assert os.listdir(data_dir.parent) == []


async def test_it_looks_beside_a_running_bot(doctor: Doctor, talk: Any) -> None:
    async with talk() as bot:
        await bot.say("Hello")
        async with ScriptedServer(calls_what_it_is_offered) as server:
            found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert f"is whole; schema {SCHEMA_REVISION}; 1 agents" in found["storage"]  # its note may wait for its vector


async def test_a_model_that_only_talks_is_worth_knowing(doctor: Doctor) -> None:
    async with ScriptedServer(lambda _: answer("hello")) as server:
        found = await doctor.examine(llm_model="m", openai_base_url=server.url)
        assert found["model"].startswith("warn")
        found = await doctor.examine(llm_model="m", openai_base_url=server.url, llm_tier="text")
        assert found["model"].startswith("ok")


async def test_a_model_that_refuses_is_a_failure_and_the_key_is_not_shown(doctor: Doctor, unused_tcp_port: int) -> None:
    async with ScriptedServer(lambda _: fails(401, f"bad key {KEY}")) as server:
        failed = await doctor.failing(llm_model="m", openai_base_url=server.url, openai_api_key=KEY)
    assert "OPENAI_API_KEY" in failed["model"]
    nowhere = f"http://127.0.0.1:{unused_tcp_port}/v1"
    failed = await doctor.failing(llm_model="m", openai_base_url=nowhere, embedding_model="e")
    assert set(failed) == {"model", "embedder"}
    assert "nothing answers" in failed["model"]


async def test_a_file_that_is_no_model_is_a_failure(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"MZ")
    failed = await doctor.failing(llm_model=str(tmp_path / "m.gguf"))
    assert "not a GGUF file" in failed["model"]


async def test_an_embedder_behind_the_server_is_tried(doctor: Doctor) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        found = await doctor.examine(llm_model="m", embedding_model="e", openai_base_url=server.url)
    assert found["embedder"].startswith("ok    embedder: e, 26 numbers")


async def test_what_is_kept_is_looked_at(doctor: Doctor, talked: None, data_dir: Path) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        model = {"llm_model": "m", "openai_base_url": server.url}
        with closing(sqlite3.connect(data_dir / "bot.db")) as database, database:
            database.execute("UPDATE passages SET indexed_at = NULL")
        assert "2 notes wait for their vectors" in (await doctor.examine(**model))["storage"]

        written = datetime(2026, 3, 1, 12, tzinfo=UTC)
        failed = await doctor.failing(now=written - timedelta(days=1), **model)
        assert "set this machine's clock" in failed["clock"]
        assert "clock" in await doctor.failing(now=datetime(1980, 1, 1, tzinfo=UTC), **model)

        with closing(sqlite3.connect(data_dir / "bot.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = '0001'")
        assert "python -m bot migrate" in (await doctor.examine(**model))["storage"]
        (data_dir / "bot.db").write_bytes(b"Dear diary, " * 1000)
        assert "damaged" in (await doctor.failing(**model))["storage"]


async def test_a_file_of_keys_that_others_can_read_is_worth_knowing(doctor: Doctor, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.touch(mode=0o644)
    env.chmod(0o644)
    async with ScriptedServer(calls_what_it_is_offered) as server:
        found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert found["settings"].startswith("warn")
    assert "chmod 600 .env" in found["settings"]
