"""A file is known again by its path, whatever source it is in and whatever it says now."""

import os
import sys
from pathlib import Path

import pytest

from bot.documents.library import Outcome
from bot.testing import Bot
from tests.bot.documents.loaded_before.loading import forget_paths, held, load, said, write


@pytest.mark.parametrize("first", ["docs", "docs/sub", "docs/sub/b.md", "docs/**/*.md"])
@pytest.mark.parametrize("again", ["docs/sub/b.md", "docs/sub", "docs/*/b.md", "{root}/docs/sub/b.md"])
@pytest.mark.parametrize("source", ["mine", None])
async def test_an_edited_file_replaces_what_was_made_of_it_in_a_named_source(
    bot: Bot, tmp_path: Path, first: str, again: str, source: str | None
) -> None:
    write("docs/a.md", "The spoon is here.")
    write("docs/sub/b.md", "The kettle is blue.")
    await load(bot, first, source="mine")
    before = await held(bot)
    write("docs/sub/b.md", "The kettle is red.")
    told = await load(bot, again.format(root=tmp_path), source=source)
    assert told.startswith("mine: 0 documents loaded, 1 replaced")
    assert await held(bot, None) == before
    assert "red" in await said(bot)
    assert "blue" not in await said(bot)


async def test_some_files_of_a_named_source_are_replaced_and_the_rest_stays(bot: Bot) -> None:
    for name in ("docs/a.md", "docs/b.md", "docs/c.md"):
        write(name, "old")
    await load(bot, "docs", source="mine")
    for name in ("docs/a.md", "docs/b.md", "docs/c.md"):
        write(name, "new")
    assert await load(bot, "docs/a.md", "docs/b.md", source="mine") == "mine: 0 documents loaded, 2 replaced"
    assert await held(bot, None) == {"mine": 3}
    assert await load(bot, "docs", source="mine") == "mine: 0 documents loaded, 1 replaced, 2 unchanged"


async def test_files_of_one_name_in_two_folders_are_two_documents(bot: Bot) -> None:
    write("one/notes.md", "The kettle is blue.")
    write("two/notes.md", "The kettle is red.")
    write("two/two/notes.md", "The kettle is green.")
    await load(bot, "one", source="mine")
    assert await load(bot, "two", source="mine") == "mine: 2 documents loaded"
    for colour in ("blue", "red", "green"):
        assert colour in await said(bot)
    write("two/notes.md", "The kettle is black.")
    assert await load(bot, "two/notes.md", source="mine") == "mine: 0 documents loaded, 1 replaced"
    found = await said(bot)
    assert "red" not in found
    assert "**notes.md**: The kettle is blue." in found
    assert "two/notes.md**: The kettle is black." in found
    assert await held(bot) == {"mine": 3}


async def test_a_file_that_was_moved_stays_the_document_that_it_is(bot: Bot) -> None:
    write("old/notes.md", "The kettle is blue.")
    await load(bot, "old", source="mine")
    os.rename("old", "new")
    assert await load(bot, "new", source="mine") == "mine: 0 documents loaded, 1 unchanged"
    write("new/notes.md", "The kettle is red.")
    assert (await load(bot, "new/notes.md")).startswith("mine: 0 documents loaded, 1 replaced, put into 'mine'")
    assert await held(bot, None) == {"mine": 1}


async def test_a_name_given_later_takes_the_place_of_the_source_without_one(bot: Bot) -> None:
    write("docs/a.md", "The kettle is blue.")
    write("docs/b.md", "The spoon is here.")
    await load(bot, "docs")
    await load(bot, "docs", person="bob")
    assert await load(bot, "docs", source="mine") == "mine: 2 documents loaded, in the place of 'docs'"
    assert (await held(bot), await held(bot, "bob")) == ({"mine": 2}, {"docs": 2})
    write("docs/a.md", "The kettle is red.")
    told = "mine: 0 documents loaded, 1 replaced, 1 unchanged, put into 'mine', which holds the same files already"
    assert await load(bot, "docs") == told
    assert (await held(bot), await held(bot, "bob")) == ({"mine": 2}, {"docs": 2})


async def test_a_file_that_two_sources_of_an_agent_have_is_replaced_in_both(bot: Bot) -> None:
    write("docs/a.md", "The kettle is blue.")
    write("docs/b.md", "The spoon is here.")
    await load(bot, "docs")
    await load(bot, "docs/a.md", source="mine")
    write("docs/a.md", "The kettle is red.")
    assert await load(bot, "docs/a.md", source="mine") == "mine: 0 documents loaded, 1 replaced"
    assert "blue" not in await said(bot)
    write("docs/a.md", "The kettle is green.")
    assert (await load(bot, "docs")).startswith("docs: 0 documents loaded, 1 replaced, 1 unchanged")
    assert "red" not in await said(bot)
    assert await held(bot) == {"docs": 2, "mine": 1}


@pytest.mark.parametrize("source", ["mine", None])
async def test_what_is_gone_of_a_part_of_a_named_source_is_dropped(bot: Bot, source: str | None) -> None:
    for name in ("docs/a.md", "docs/sub/b.md", "docs/sub/c.md"):
        write(name, name)
    await load(bot, "docs", source="mine")
    os.unlink("docs/a.md")
    os.unlink("docs/sub/c.md")
    assert "1 dropped" in await load(bot, "docs/sub", source=source, drops=True)
    assert await held(bot) == {"mine": 2}
    assert "1 dropped" in await load(bot, "docs", source=source, drops=True)
    assert await held(bot) == {"mine": 1}


@pytest.mark.parametrize("again", ["docs", "docs/sub/b.md"])
async def test_what_a_version_without_paths_loaded_is_known_by_the_end_of_its_path(bot: Bot, again: str) -> None:
    write("docs/b.md", "The spoon is here.")
    write("docs/sub/b.md", "The kettle is blue.")
    await load(bot, "docs", source="mine")
    await forget_paths(bot)
    write("docs/sub/b.md", "The kettle is red.")
    told = await load(bot, again, source="mine")
    assert told.startswith("mine: 0 documents loaded, 1 replaced")
    assert "blue" not in await said(bot)
    assert await held(bot, None) == {"mine": 2}


async def test_what_a_version_without_paths_loaded_is_remembered_when_it_is_found_as_it_was(bot: Bot) -> None:
    write("docs/sub/b.md", "The kettle is blue.")
    await load(bot, "docs", source="mine")
    await forget_paths(bot)
    assert (await load(bot, "docs/sub/b.md")).startswith("mine: 0 documents loaded, 1 unchanged, put into 'mine'")
    write("docs/sub/b.md", "The kettle is red.")
    assert (await load(bot, "docs/sub/b.md")).startswith("mine: 0 documents loaded, 1 replaced, put into 'mine'")
    assert await held(bot, None) == {"mine": 1}


async def test_without_a_path_another_text_of_that_name_is_another_file_unless_the_source_is_chosen(bot: Bot) -> None:
    write("docs/b.md", "The kettle is blue.")
    await load(bot, "docs", source="mine")
    await forget_paths(bot)
    write("docs/b.md", "The kettle is red.")
    assert await load(bot, "docs/b.md") == "b: 1 document loaded"
    assert await load(bot, "docs/b.md", source="mine") == "mine: 0 documents loaded, 1 replaced, in the place of 'b'"
    assert await held(bot, None) == {"mine": 1}


async def test_a_link_to_a_folder_leads_to_the_same_documents(bot: Bot) -> None:
    write("docs/b.md", "The kettle is blue.")
    os.symlink("docs", "link")
    await load(bot, "docs", source="mine")
    write("docs/b.md", "The kettle is red.")
    assert await load(bot, "link/b.md", source="mine") == "mine: 0 documents loaded, 1 replaced"
    assert await held(bot, None) == {"mine": 1}


async def test_what_cannot_be_read_any_more_leaves_a_load_with_a_source_that_is_there(bot: Bot) -> None:
    write("docs/a.md", "The kettle is blue.")
    await load(bot, "docs", source="mine")
    write("docs/new.md", "\0")
    loaded = await bot.app.library.load(["docs"], None, await bot.app.agents.id_of("console:dm:ada"))
    assert (loaded.source, loaded.outcomes, len(loaded.faults)) == ("mine", {Outcome.UNCHANGED: 1}, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
async def test_a_file_whose_name_is_no_text_is_known_again(bot: Bot) -> None:
    write("docs/a.md", "The kettle is blue.")
    os.rename("docs/a.md", b"docs/\xff.md")
    assert await load(bot, "docs", source="mine") == "mine: 1 document loaded"
    assert await load(bot, "docs", source="mine") == "mine: 0 documents loaded, 1 unchanged"


async def test_what_was_just_loaded_is_not_dropped_for_being_written_in_another_form(bot: Bot) -> None:
    write("docs/cafe\u0301.md", "The kettle is blue.")
    await load(bot, "docs", source="mine")
    assert "dropped" not in await load(bot, "docs", drops=True)
    assert await held(bot) == {"mine": 1}
