"""`doctor`: one line a check, with what to do; only what has to be mended is a failure."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails
from bot.operator.doctor import examine
from bot.operator.errors import CannotBeDone
from config.settings import load_settings
from memory.sqlite.database import SCHEMA_REVISION

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
        with pytest.raises(CannotBeDone, match=r"^\d of 10 checks failed\.$"):
            await examine(load_settings(bot_data_dir=self._data_dir, **settings), lambda: now)
        return {about: told for about, told in self._lines().items() if told.startswith("fail")}

    def _lines(self) -> dict[str, str]:
        out = self._capsys.readouterr().out
        assert KEY not in out
        assert len(out.splitlines()) == 10
        return {line[6:].partition(":")[0]: line for line in out.splitlines()}


@pytest.fixture
def doctor(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(data_dir, capsys)


def calls_what_it_is_offered(request: Request) -> Reply:
    tools = request.get("tools")
    return answer(None, (tools[0]["function"]["name"], {})) if tools else answer("hello")


@pytest.mark.parametrize(("served", "told"), [(4096, "warn"), (8192, "ok"), (None, "ok")])
async def test_a_server_that_runs_the_model_with_less_than_is_taken_for_it_is_told(
    doctor: Doctor, served: int | None, told: str
) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        server.models = [{"id": "other", "max_model_len": 1}, {"id": "m", "max_model_len": served}]
        found = await doctor.examine(llm_model="m", openai_base_url=server.url, llm_context_window=8192)
    assert found["model"].startswith(told)
    assert "window 8192 tokens (LLM_CONTEXT_WINDOW); tools yes" in found["model"]
    assert "it called the tool that it was offered: tier tools" in found["model"]
    advice = "its server runs it with 4096 tokens: set LLM_CONTEXT_WINDOW=4096, or give the server more"
    assert found["model"].endswith(advice) == (told == "warn")


@pytest.mark.parametrize(
    ("entry", "window"),
    [
        ({"max_model_len": 4096}, "4096 tokens (as the server runs it)"),
        ({"meta": {"n_ctx_train": 40_960}}, "8192 tokens (at most 40960; the server may run it with less)"),
        ({}, "8192 tokens (assumed, as the server does not tell it; LLM_CONTEXT_WINDOW says it)"),
    ],
)
async def test_the_window_that_is_taken_is_told_with_where_it_is_from(
    doctor: Doctor, entry: dict[str, Any], window: str
) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        server.models = [{"id": "m"} | entry]
        found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert found["model"].startswith(f"ok    model: m answers; window {window}; tools yes")


def streamed(*pieces: str) -> Reply:
    body = "".join(f"data: {piece}\n\n" for piece in (*pieces, "[DONE]"))
    return Reply(body=body.encode(), headers={"content-type": "text/event-stream"})


def can_all(request: Request) -> Reply:
    if request.get("stream"):
        return streamed('{"choices": [{"index": 0, "delta": {"content": "hello"}}]}')
    return answer('{"greeting": "hello"}') if "response_format" in request else calls_what_it_is_offered(request)


def refuses_all(request: Request) -> Reply:
    asked = next((name for name in ("response_format", "stream", "tools") if name in request), None)
    return answer("hello") if asked is None else fails(400, f"{asked} is not supported")


def streams_an_error(request: Request) -> Reply:
    return streamed('{"error": {"message": "no"}}') if request.get("stream") else refuses_all(request)


def breaks_off(request: Request) -> Reply:
    if "response_format" in request or "stream" in request:
        return fails(503, x_should_retry="false")
    return calls_what_it_is_offered(request)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (can_all, "tools yes, JSON schema yes, streaming yes (not used)"),
        (calls_what_it_is_offered, "tools yes, JSON schema no, streaming no (not used)"),
        (refuses_all, "tools no, JSON schema no, streaming no (not used)"),
        (streams_an_error, "tools no, JSON schema no, streaming no (not used)"),
        (breaks_off, "tools yes, JSON schema not found out, streaming not found out (not used)"),
    ],
)
async def test_what_the_model_can_do_is_tried_and_told(
    doctor: Doctor, reply: Callable[[Request], Reply], told: str
) -> None:
    async with ScriptedServer(reply) as server:
        model = {"llm_model": "m", "openai_base_url": server.url}
        found = await doctor.examine(**model)
        assert f"; {told}; it " in found["model"]
        assert found["model"].startswith("ok" if told.startswith("tools yes") else "warn")
        as_set = await doctor.examine(**model, llm_tier="json")
    assert as_set["model"].startswith("ok")
    assert as_set["model"].endswith(f"; {told}; tier json, as set")


async def test_what_never_answers_is_not_waited_for_longer_than_a_call_may_take(doctor: Doctor) -> None:
    def hangs(request: Request) -> Reply:
        return Reply(hangs=True) if "response_format" in request else can_all(request)

    async with ScriptedServer(hangs) as server:
        found = await doctor.examine(llm_model="m", openai_base_url=server.url, llm_timeout_s=2)
    assert "JSON schema not found out, streaming not found out (not used)" in found["model"]


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


async def test_the_other_models_of_settings_and_agents_are_looked_for(
    doctor: Doctor, data_dir: Path, talked: None
) -> None:
    def by_name(request: Request) -> Reply:
        return fails(404, "no such model") if request["model"] == "gone" else calls_what_it_is_offered(request)

    async with ScriptedServer(by_name) as server:
        own = {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 8192}
        assert "none is named beside LLM_MODEL" in (await doctor.examine(**own))["models"]
        told = await doctor.examine(**own, llm_model_summaries="cheap", llm_model_timed="m")
        assert told["models"] == "ok    models: there are cheap (LLM_MODEL_SUMMARIES)"
        told = await doctor.failing(**own, llm_model_timed="gone")
        assert "gone (LLM_MODEL_TIMED) gives no answer: gone: HTTP 404" in told["models"]
        with closing(sqlite3.connect(data_dir / "bot.db")) as database, database:
            database.execute("UPDATE agents SET model = 'scripted', model_window = 4096")
        assert "there are scripted (/agent model, 2 agents)" in (await doctor.examine(**own))["models"]
        server.models = []
        told = await doctor.failing(**own)
        assert "scripted (/agent model, 2 agents) is not offered by the server" in told["models"]


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
        assert "2 passages wait for their vectors" in (await doctor.examine(**model))["storage"]

        written = datetime(2026, 3, 1, 12, tzinfo=UTC)
        failed = await doctor.failing(now=written - timedelta(days=1), **model)
        assert "set this machine's clock" in failed["clock"]
        assert "clock" in await doctor.failing(now=datetime(1980, 1, 1, tzinfo=UTC), **model)

        with closing(sqlite3.connect(data_dir / "bot.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = '0001'")
        assert "python -m bot migrate" in (await doctor.examine(**model))["storage"]
        with closing(sqlite3.connect(data_dir / "bot.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
        assert "written by a newer version" in (await doctor.failing(**model))["storage"]
        (data_dir / "bot.db").write_bytes(b"Dear diary, " * 1000)
        assert "damaged" in (await doctor.failing(**model))["storage"]


async def test_wherever_the_database_is_damaged_it_is_a_line_and_no_traceback(
    doctor: Doctor, talked: None, data_dir: Path
) -> None:
    file = data_dir / "bot.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = database.execute("PRAGMA page_size").fetchone()[0]
    whole = file.read_bytes()
    found = set()
    async with ScriptedServer(calls_what_it_is_offered) as server:
        for at in range(0, len(whole), 4 * page):
            file.write_bytes(whole[:at] + b"\xa5" * page + whole[at + page :])
            try:
                failed = await doctor.failing(llm_model="m", openai_base_url=server.url)
            except pytest.fail.Exception:  # a page that nothing is kept on
                continue
            found.add(failed["storage"].partition("(")[0])
    assert found
    assert all("damaged" in line for line in found)


async def test_a_file_of_keys_that_others_can_read_is_worth_knowing(doctor: Doctor, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.touch(mode=0o644)
    env.chmod(0o644)
    async with ScriptedServer(calls_what_it_is_offered) as server:
        found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert found["settings"].startswith("warn")
    assert "chmod 600 .env" in found["settings"]


async def test_what_was_found_out_of_a_model_is_told_with_its_age(doctor: Doctor, data_dir: Path, talk: Any) -> None:
    async with talk() as bot:
        await bot.say("Hello")

    async def found(days: int, reply: Callable[[Request], Reply]) -> str:
        async with ScriptedServer(reply) as server:
            found_at = int((NOW - timedelta(days=days)).timestamp() * 1_000_000)
            with closing(sqlite3.connect(data_dir / "bot.db")) as database, database:
                row = (server.url, "m", "text", found_at)
                database.execute("INSERT INTO model_tiers VALUES (?, ?, ?, ?)", row)
            return (await doctor.examine(llm_model="m", openai_base_url=server.url))["model"]

    told = await found(1, calls_what_it_is_offered)
    assert told.startswith("warn")
    assert told.endswith("is spoken to in tier text, as was found out 1 day ago: set LLM_TIER=tools")
    told = await found(12, calls_what_it_is_offered)
    assert told.endswith("is spoken to in tier text, as was found out 12 days ago: the next start asks it again")
    told = await found(12, lambda _: answer("hello"))
    assert told.endswith("it did not call the tool that it was offered: tier text, as was found out 12 days ago")


async def test_a_file_that_a_kill_left_empty_is_no_database_yet(doctor: Doctor, data_dir: Path) -> None:
    os.mkdir(data_dir)
    os.mknod(data_dir / "bot.db")
    async with ScriptedServer(calls_what_it_is_offered) as server:
        found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert found["storage"] == "ok    storage: nothing is kept yet; the first conversation makes the database"


async def test_a_data_directory_that_leads_nowhere_is_a_failure(doctor: Doctor, data_dir: Path) -> None:
    os.symlink("unplugged", data_dir)
    async with ScriptedServer(calls_what_it_is_offered) as server:
        failed = await doctor.failing(llm_model="m", openai_base_url=server.url)
    assert set(failed) == {"storage"}


async def test_a_window_without_room_for_an_agent_is_a_failure(doctor: Doctor) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        failed = await doctor.failing(llm_model="m", openai_base_url=server.url, llm_context_window=1024)
    assert "Instructions and tools take" in failed["model"]


async def test_a_persona_that_there_is_not_is_a_failure(doctor: Doctor) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        failed = await doctor.failing(llm_model="m", openai_base_url=server.url, bot_persona="nobody")
    assert "no 'nobody' in personas" in failed["words"]


async def test_words_that_cannot_be_used_are_a_failure(doctor: Doctor, data_dir: Path) -> None:
    (data_dir / "presets").mkdir(parents=True)
    (data_dir / "presets" / "mine.toml").write_text("not toml", encoding="utf-8")
    async with ScriptedServer(calls_what_it_is_offered) as server:
        failed = await doctor.failing(llm_model="m", openai_base_url=server.url)
    assert "The preset 'mine' is not TOML" in failed["words"]


async def test_what_was_put_aside_is_worth_knowing_also_beside_a_running_bot(doctor: Doctor, talk: Any) -> None:
    async with talk() as bot:
        await bot.say("Hello")
        async with bot.app.stores.database.write() as transaction:
            for event_id, state in (("a", "parked"), ("b", "parked"), ("c", "done")):
                row = (event_id, state)
                await transaction.exec_driver_sql(
                    "INSERT INTO inbox (platform, event_id, scope, state, kind, is_timed, origin, author, sent_at, "
                    "received_at) VALUES ('console', ?, 'console:dm:ada', ?, 'user_message', 0, '{}', '', 0, 0)",
                    row,
                )
            for key, state in (("a", "dead"), ("b", "doubtful"), ("c", "sent")):
                await transaction.exec_driver_sql(
                    "INSERT INTO outbox (agent_id, platform, channel, key, state, created_at) "
                    "VALUES (1, 'console', 'ada', ?, ?, 0)",
                    (key, state),
                )
            await transaction.exec_driver_sql(
                "INSERT INTO turns (agent_id, state, origin, is_timed, message_ids, begun_at, changed_at, progress, "
                "failing_since) VALUES (1, 'running', '{}', 0, '[]', 0, 0, '{}', 0)"
            )
        async with ScriptedServer(calls_what_it_is_offered) as server:
            found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert found["unanswered"] == (
        "warn  unanswered: events parked, as they could not be answered: 2; replies that could not be delivered: 1; "
        "doubtful replies, which were perhaps delivered: 1; turns that wait for the model, which gives no answer: 1. "
        "`/agent status` in the conversation says which"
    )


async def test_a_row_whose_owner_is_gone_is_a_failure(doctor: Doctor, talked: None, data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "bot.db")) as database, database:  # such a connection checks no keys
        database.execute("DELETE FROM agents WHERE id = 1")
    async with ScriptedServer(calls_what_it_is_offered) as server:
        failed = await doctor.failing(llm_model="m", openai_base_url=server.url)
    assert set(failed) == {"storage"}
    assert "belongs to a row of agents that is gone" in failed["storage"]


async def test_the_vector_index_is_looked_at_also_beside_a_running_bot(doctor: Doctor, talk: Any) -> None:
    async with talk() as bot:
        await bot.say("Hello")
        await bot.app.shelves.archival.index_pending()
        async with ScriptedServer(calls_what_it_is_offered) as server:
            found = await doctor.examine(llm_model="m", openai_base_url=server.url)
    assert found["vectors"].startswith("ok    vectors: 1 vectors in ")
    assert found["vectors"].endswith("1 passages marked to have one")


async def test_a_damaged_or_lost_vector_index_is_worth_knowing(doctor: Doctor, talked: None, data_dir: Path) -> None:
    async with ScriptedServer(calls_what_it_is_offered) as server:
        model = {"llm_model": "m", "openai_base_url": server.url}
        file = data_dir / "chroma" / "chroma.sqlite3"
        with closing(sqlite3.connect(file)) as index, index:
            index.execute("UPDATE embeddings SET embedding_id = CAST(x'ff' AS TEXT) WHERE id = 1")
        found = await doctor.examine(**model)
        assert found["vectors"].startswith("warn")
        assert "is damaged (Could not decode to UTF-8" in found["vectors"]
        assert found["vectors"].endswith("until the next start, or `python -m bot reindex`, makes it anew")
        file.unlink()
        assert "0 vectors in" in (await doctor.examine(**model))["vectors"]
        assert not file.exists()
