"""`reindex`: every index built anew from SQL."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.operator.reindex import reindex
from config.settings import Settings


def now() -> datetime:
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


async def test_what_was_said_and_noted_is_found_again_by_words_and_meaning(
    settings: Settings, talked: None, talk: Any, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(
        settings.database_path,
        "DELETE FROM message_words",
        "DELETE FROM passage_words",
        "UPDATE message_index SET vector = zeroblob(length(vector))",
    )
    shutil.rmtree(data_dir / "chroma")
    await reindex(settings, now)
    assert capsys.readouterr().out.startswith("Built anew: ")
    async with talk() as bot:
        assert "wombat" in await bot.command("search wombat", person="bob")
        assert "1 note" in await bot.command("search wombat", person="bob")
    with closing(sqlite3.connect(settings.database_path)) as database:
        blank = "SELECT count(*) FROM message_index WHERE vector IS NULL OR vector = zeroblob(length(vector))"
        assert database.execute(blank).fetchone() == (0,)


async def test_of_an_empty_store_there_is_nothing_to_build(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await reindex(settings, now)
    assert capsys.readouterr().out == "Built anew: 0 messages and 0 passages.\n"
