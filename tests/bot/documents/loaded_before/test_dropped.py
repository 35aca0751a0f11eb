"""What is gone of a folder is dropped from its sources, and nothing else."""

import os
from typing import Any

import pytest

from bot.testing import Bot
from tests.bot.documents.loaded_before.loading import held, load, said, write


async def test_nothing_is_dropped_whose_file_is_there(bot: Bot) -> None:
    write("docs/a.md", "word")
    write("docs/link.md", "word")
    write("docs/pipe.md", "word")
    await load(bot, "docs", source="mine")
    os.rename("docs/link.md", "out.md")
    os.symlink("../out.md", "docs/link.md")
    os.unlink("docs/pipe.md")
    os.mkfifo("docs/pipe.md")
    assert "dropped" not in await load(bot, "docs", source="mine", drops=True)
    assert await held(bot) == {"mine": 3}


async def test_a_folder_that_may_not_be_read_loses_nothing(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    write("docs/a.md", "word")
    write("docs/closed/b.md", "word")
    await load(bot, "docs")
    lstat, scandir = os.lstat, os.scandir

    def refused(path: Any, function: Any = lstat, **more: Any) -> Any:
        if "closed" in str(path) and (function is scandir or not str(path).endswith("closed")):
            raise PermissionError(13, "Permission denied", path)
        return function(path, **more)

    monkeypatch.setattr(os, "lstat", refused)
    monkeypatch.setattr(os, "scandir", lambda path=".": refused(path, scandir))
    told = await load(bot, "docs", drops=True)
    assert told.startswith("docs: 0 documents loaded, 1 unchanged")
    assert "dropped" not in told
    assert await held(bot) == {"docs": 2}


async def test_two_folders_in_one_source_keep_what_is_theirs(bot: Bot) -> None:
    write("one/a.md", "word")
    write("two/b.md", "word")
    for folder in ("one", "two"):
        await load(bot, folder, source="mine")
    assert "dropped" not in await load(bot, "two", source="mine", drops=True)
    os.unlink("one/a.md")
    assert "dropped" not in await load(bot, "two", source="mine", drops=True)
    assert "1 dropped" in await load(bot, "one", source="mine", drops=True)
    assert await held(bot) == {"mine": 1}


async def test_what_is_gone_is_dropped_from_every_source_of_the_agent(bot: Bot) -> None:
    for name in "abc":
        write(f"docs/{name}.md", "The kettle is blue.")
    await load(bot, "docs/a.md", source="mine")
    await load(bot, "docs")
    os.unlink("docs/a.md")
    os.unlink("docs/b.md")
    os.mkdir("docs/b.md")
    assert await load(bot, "docs", drops=True) == "docs: 0 documents loaded, 1 unchanged, 2 dropped"
    assert await held(bot) == {"docs": 1, "mine": 0}


async def test_a_folder_of_which_nothing_is_left_is_dropped(bot: Bot) -> None:
    write("docs/a.md", "The kettle is blue.")
    await load(bot, "docs")
    os.unlink("docs/a.md")
    assert await load(bot, "docs", drops=True) == "docs: 0 documents loaded, 1 dropped"
    assert "found nothing" in await said(bot)
    write("docs/a.md", "The kettle is red.")
    assert await load(bot, "docs") == "docs: 1 document loaded"
