"""The registry: every table and every file that is kept says how a person is erased from it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from adapters.testing import ScriptedServer, says
from bot.testing import direct, open_bot
from config.settings import VECTOR_FILES
from memory.erasing.stores import FILES, TABLES
from memory.sqlite.tables import MESSAGE_WORDS, PASSAGE_WORDS, metadata

ROOT = Path(__file__).parents[3]
MADE_BY_SQLITE = ("sqlite_", "alembic_version", MESSAGE_WORDS, PASSAGE_WORDS)
"""What names no person, and the indexes of words, whose rows go with those of messages and passages."""

PRIVACY = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_every_table_is_in_the_registry() -> None:
    """A new table? Say in `memory.erasing.stores` whose its rows are, and in `docs/privacy.md` what it holds."""
    assert set(TABLES) == set(metadata.tables)


async def test_every_table_of_a_database_is_in_the_registry(tmp_path: Path) -> None:
    async with open_bot(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "bot.db")) as connection:
        made = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {name for name in made if not name.startswith(MADE_BY_SQLITE)} == set(TABLES)


def test_every_column_that_may_name_a_person_is_looked_at() -> None:
    """A table without rows or blanks says that it names nobody: so it has no column that could."""
    naming = {"agent_id", "scope", "person", "author", "author_id", "origin", "changed_by"}
    silent = [name for name, stored in TABLES.items() if not (stored.rows or stored.blanks) and name != "erasures"]
    assert [name for name in silent if naming.intersection(metadata.tables[name].columns.keys())] == []


def test_every_file_that_the_program_names_is_in_the_registry() -> None:
    named = re.compile(r'(?:data_dir|_data_dir|\bown)\s*/\s*f?"([\w.-]+)')
    found = set(VECTOR_FILES.values())
    for room in ("bot", "memory", "adapters", "config"):
        for source in (ROOT / room).rglob("*.py"):
            if source.name != "testing.py":
                found.update(named.findall(source.read_text(encoding="utf-8")))
    assert {"chroma", "checkpoints", "backups", "incoming", "console_history", "erasing", "floors"} <= found
    assert found - set(FILES) == set()


async def test_every_file_of_a_bot_that_was_used_is_in_the_registry(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path / "data", llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("Hello")
            await bot.say("Hello", person="bob")
            await bot.in_chat("save monday")
            await bot.give(direct("ada"), "erase-me erase me")
            there = {path.name for path in (tmp_path / "data").iterdir()}
    there |= {path.name for path in (tmp_path / "data").iterdir()}
    assert {"bot.db", "bot.db-wal", "lock", "floors", "floors.key"} <= there
    assert there - set(FILES) == set()


def test_people_are_told_of_all_of_it() -> None:
    """`docs/privacy.md` names each table and each file."""
    assert [name for name in (*TABLES, *FILES) if f"`{name}`" not in PRIVACY] == []
