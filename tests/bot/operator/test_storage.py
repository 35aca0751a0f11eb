"""`backup` and `migrate`: a whole copy beside a running bot, and a database brought up to date."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine

import memory.sqlite.database
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.storage import back_up, migrate
from bot.operator.transfer import export_agent, import_agent
from config.settings import Settings
from memory.ports import StorageUnavailable
from memory.sqlite.database import SCHEMA_REVISION
from memory.sqlite.upkeep import beside, integrity

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


async def test_a_backup_beside_a_running_bot_is_whole_and_for_its_owner_alone(
    settings: Settings, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "copy.db"
    async with talk() as bot:
        await bot.say("Hello")
        talking = asyncio.create_task(bot.say("And again"))
        await back_up(settings, out)
        await talking
        assert "checked" in capsys.readouterr().out
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    with closing(sqlite3.connect(out)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert ("Hello",) in copy.execute("SELECT text FROM messages").fetchall()


async def test_a_backup_is_of_one_moment_however_much_is_written_meanwhile(
    settings: Settings, talk: Any, tmp_path: Path
) -> None:
    out = tmp_path / "copy.db"
    async with talk() as bot:
        await bot.say("Hello")
        done = asyncio.Event()

        async def write() -> int:
            """Two tables in a transaction each, again and again; returns how often."""
            number = 0
            while not done.is_set():
                number += 1
                async with bot.app.stores.database.write() as transaction:
                    note = (f"note {number} " + "x" * 2000,)
                    await transaction.exec_driver_sql(
                        "INSERT INTO passages (agent_id, content, tags, created_at) VALUES (1, ?, '[]', 0)", note
                    )
                    await transaction.exec_driver_sql(
                        "INSERT INTO people (id, timezone) VALUES (?, 'UTC')", (f"console:{number}",)
                    )
            return number

        writing = asyncio.create_task(write())
        before = 0
        while before < 20:
            before = await _count(bot, "people")
        after = before
        while after == before:  # until something was written in the moment of the copy
            out.unlink(missing_ok=True)
            before = await _count(bot, "people")
            await back_up(settings, out)
            after = await _count(bot, "people")
        done.set()
        assert await writing >= after > before >= 20  # the bot wrote on while it was copied
    with closing(sqlite3.connect(out)) as copy:
        (notes,) = copy.execute("SELECT count(*) FROM passages WHERE content LIKE 'note %'").fetchone()
        (people,) = copy.execute("SELECT count(*) FROM people WHERE id GLOB 'console:[0-9]*'").fetchone()
    assert before <= notes == people <= after


async def _count(bot: Any, table: str) -> int:
    async with bot.app.stores.database.read() as connection:
        return int((await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one())


async def test_a_backup_put_in_the_databases_place_is_the_bot_as_it_was(
    settings: Settings, talked: None, talk: Any, tmp_path: Path, data_dir: Path
) -> None:
    await back_up(settings, tmp_path / "copy.db")
    async with talk() as bot:
        await bot.say("Forget this wallaby")
    os.replace(tmp_path / "copy.db", data_dir / "bot.db")
    async with talk() as bot:
        assert "found nothing" in await bot.command("search wallaby")
        assert "kanarienvogel" in await bot.command("search word")


async def test_a_backup_writes_over_nothing(settings: Settings, talked: None, tmp_path: Path) -> None:
    out = tmp_path / "copy.db"
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(CommandUnclear, match="exists"):
        await back_up(settings, out)
    assert out.read_text(encoding="utf-8") == "precious"
    with pytest.raises(CannotBeDone, match="cannot be written"):
        await back_up(settings, tmp_path / "nowhere" / "copy.db")
    assert set(os.listdir(tmp_path)) == {"copy.db", "data"}


async def test_of_nothing_there_is_no_backup(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="no database yet"):
        await back_up(settings, tmp_path / "copy.db")
    assert os.listdir(tmp_path) == []


def old_database(path: Path) -> None:
    """A database as the first version of this program made it."""
    config = Config()
    config.set_main_option("script_location", str(Path(memory.sqlite.database.__file__).parent / "migrations"))
    path.parent.mkdir()
    engine = create_engine(URL.create("sqlite", database=str(path)))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO agents (scope, created_at) VALUES ('console:dm:old', 0)")
    engine.dispose()


async def test_an_old_database_is_brought_up_to_date_with_a_copy_before(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old_database(settings.database_path)
    with pytest.raises(StorageUnavailable, match="python -m bot migrate"):
        async with beside(settings.database_path):
            pass
    await migrate(settings, lambda: NOW)
    copy = settings.bot_data_dir / "backups" / f"before-{SCHEMA_REVISION}-20260601T120000.db"
    told = f"{settings.database_path}: schema 0001 brought to {SCHEMA_REVISION}; the copy from before is {copy}.\n"
    assert capsys.readouterr().out == told
    with closing(sqlite3.connect(copy)) as before:
        assert before.execute("SELECT scope FROM agents").fetchall() == [("console:dm:old",)]
    await migrate(settings, lambda: NOW)
    assert "up to date already" in capsys.readouterr().out
    assert len(os.listdir(copy.parent)) == 1


OF_THE_FIRST_VERSION = """
INSERT INTO agents (id, scope, created_at, summary, warned) VALUES (1, 'console:dm:ada', 0, 'They spoke of figs.', 1);
INSERT INTO blocks VALUES (1, 'persona', 0, 'I am kind.'), (1, 'human', 1, 'Likes figs.');
INSERT INTO messages (id, agent_id, turn_id, kind, created_at, text, tool_uses, tool_use_id, author_id, author_name,
    evicted) VALUES
    (3, 1, NULL, 'user_message', 1000000, 'I like figs', NULL, NULL, 'ada', 'Ada', 1),
    (4, 1, 3, 'assistant', 2000000, NULL, '[{"id": "a", "name": "core_memory_append",
        "arguments": "{\\"label\\": \\"human\\", \\"content\\": \\"Likes figs.\\"}"}]', NULL, NULL, NULL, 1),
    (5, 1, 3, 'tool_result', 2000000, '{"status": "ok"}', NULL, 'a', NULL, NULL, 1),
    (8, 1, NULL, 'user_message', 3000000, 'And kanarienvogel-73', NULL, NULL, 'ada', 'Ada', 0);
INSERT INTO block_edits VALUES (1, 1, 'human', '', 'Likes figs.', 'agent', 'core_memory_append', 4, 2000000);
INSERT INTO passages (id, agent_id, content, tags, source_message_id, created_at) VALUES
    (2, 1, 'Ada likes figs', '["food"]', 3, 2000000), (4, 1, 'Ada likes figs', '["fruit"]', 8, 3000000);
INSERT INTO result_lists VALUES ('x', 1, 'recall', 'figs', '[3]', 3000000);
"""


async def test_all_that_the_first_version_kept_is_there_after_a_migration(
    settings: Settings, talk: Any, tmp_path: Path
) -> None:
    old_database(settings.database_path)
    with closing(sqlite3.connect(settings.database_path)) as database:
        database.executescript("DELETE FROM agents;" + OF_THE_FIRST_VERSION)
    await migrate(settings, lambda: NOW)
    assert integrity(settings.database_path) == "ok"
    async with talk() as bot:
        agent = await bot.agent()
        assert (agent.summary, agent.warned) == ("They spoke of figs.", True)
        assert [queued.message.id for queued in agent.queue] == [8]
        assert agent.core.text("human") == "Likes figs."
        assert "I like figs" in await bot.command("search figs")
        assert "kanarienvogel-73" in await bot.command("search kanarienvogel-73")
        assert "from message 4" in await bot.command("memory sources")
        assert await bot.say("Still there?") == ["Noted."]
        assert "1 turn" in await bot.in_chat("pop")
        kept = await bot.kept()
        await bot.in_chat("save old")
        await bot.say("Something else")
        assert "I am as I was" in await bot.in_chat("restore old")
        assert [type(record) for record in await bot.kept()] == [type(record) for record in kept][:-1]  # one note once
    await export_agent(settings, "ada", str(tmp_path / "ada.jsonl"), overwrites=False)
    await import_agent(settings, str(tmp_path / "ada.jsonl"), "eve", lambda: NOW)


async def test_where_there_is_no_database_none_is_made(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    await migrate(settings, lambda: NOW)
    assert "no database yet" in capsys.readouterr().out
    assert os.listdir(settings.bot_data_dir.parent) == []
