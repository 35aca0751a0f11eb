"""What is loaded again by the same words, by fewer or by others: an agent never finds two copies of one file."""

import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from bot.documents.kept_paths import as_it_is, as_once_kept
from bot.documents.library import Outcome
from bot.testing import Bot, open_bot
from memory.sqlite.tables import documents, sources


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with open_bot(tmp_path / "data") as bot:
        await bot.command("memory")
        await bot.command("memory", person="bob")
        yield bot


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def load(bot: Bot, *paths: str, person: str = "ada", source: str | None = None, drops: bool = False) -> str:
    agent_id = await bot.app.agents.id_of(f"console:dm:{person}")
    loaded = await bot.app.library.load(paths, source, agent_id, drops_missing=drops)
    return f"{loaded.source}: {loaded.told}"


async def held(bot: Bot, person: str | None = "ada") -> dict[str, int]:
    agent_id = await bot.app.agents.id_of(f"console:dm:{person}") if person else None
    return {source.name: source.documents for source in await bot.app.library.sources(agent_id)}


async def test_a_pattern_that_fits_more_than_before_replaces_what_it_fitted(bot: Bot) -> None:
    write("docs/one.txt", "The code is ALPHA")
    assert await load(bot, "docs/*.txt") == "docs: 1 document loaded"
    write("docs/one.txt", "The code is BETA")
    write("docs/two.txt", "Another file")
    assert await load(bot, "docs/*.txt") == "docs: 1 document loaded, 1 replaced"
    assert "ALPHA" not in await bot.command("search code")
    assert "BETA" in await bot.command("search code")
    assert await held(bot) == {"docs": 2}


async def test_a_pattern_whose_files_move_up_keeps_its_folder(bot: Bot) -> None:
    write("docs/sub/a.md", "GAMMA")
    await load(bot, "docs/**/*.md")
    write("docs/sub/a.md", "DELTA")
    write("docs/b.md", "Top")
    assert await load(bot, "docs/**/*.md") == "docs: 1 document loaded, 1 replaced"
    assert await held(bot) == {"docs": 2}


@pytest.mark.parametrize("typed", ["docs/a.txt", "docs/*.txt", "docs/sub", "docs/sub/*.txt"])
async def test_what_is_part_of_a_loaded_folder_goes_there(bot: Bot, typed: str) -> None:
    write("docs/a.txt", "old")
    write("docs/sub/b.txt", "old")
    await load(bot, "docs")
    write("docs/a.txt", "new")
    write("docs/sub/b.txt", "new")
    told = await load(bot, typed)
    assert told.startswith("docs: 0 documents loaded, 1 replaced, put into 'docs', which holds the same files already")
    assert await held(bot) == {"docs": 2}


@pytest.mark.parametrize("typed", [["docs/a.txt"], ["docs/a.*"], ["docs/sub"], ["docs/a.txt", "docs/sub/b.txt"]])
async def test_a_folder_takes_the_place_of_its_parts(bot: Bot, typed: list[str]) -> None:
    write("docs/a.txt", "word")
    write("docs/sub/b.txt", "word")
    write("docs/c.txt", "word")
    await load(bot, *typed)
    told = await load(bot, "docs")
    assert len(typed) > 1 or "in the place of" in told
    assert list((await held(bot)).values()) == [3]
    assert await held(bot, None) == await held(bot)
    assert await bot.app.shelves.archival.waiting() == 0


async def test_nobody_is_shown_the_rest_of_a_folder_for_being_given_a_file_of_it(bot: Bot) -> None:
    write("firm/prices.txt", "word")
    write("firm/wages.txt", "word")
    await load(bot, "firm")
    assert await load(bot, "firm/prices.txt", person="bob") == "prices: 1 document loaded"
    assert await load(bot, "firm") == "firm: 0 documents loaded, 2 unchanged"
    assert await held(bot, "bob") == {"prices": 1}
    assert "put into 'firm'" in await load(bot, "firm/prices.txt")
    assert await held(bot) == {"firm": 2}


async def test_a_source_that_others_have_stays_with_them(bot: Bot) -> None:
    write("docs/a.txt", "word")
    write("docs/b.txt", "word")
    for person in ("ada", "bob"):
        await load(bot, "docs/a.txt", person=person)
    assert "in the place of 'a'" in await load(bot, "docs")
    assert (await held(bot), await held(bot, "bob")) == ({"docs": 2}, {"a": 1})


async def test_a_source_of_a_given_name_keeps_its_files_and_gets_no_others(bot: Bot) -> None:
    write("docs/a.txt", "old")
    write("docs/b.txt", "another")
    await load(bot, "docs/a.txt", source="mine")
    write("docs/a.txt", "new")
    told = "docs: 1 document loaded, 1 replaced, 1 of them in 'mine', which held it already"
    assert await load(bot, "docs") == told
    assert await load(bot, "docs/a.txt", source="mine") == "mine: 0 documents loaded, 1 unchanged"
    assert await held(bot) == {"docs": 1, "mine": 1}


@pytest.mark.parametrize("named", ["docs", "docs/sub", "docs/sub/b.md"])
async def test_what_a_source_of_a_given_name_holds_goes_there(bot: Bot, named: str) -> None:
    write("docs/a.md", "word")
    write("docs/sub/b.md", "The kettle is blue.")
    await load(bot, named, source="mine")
    before = await held(bot, None)
    told = await load(bot, "docs/sub/b.md", drops=True)
    assert told == "mine: 0 documents loaded, 1 unchanged, put into 'mine', which holds the same files already"
    assert await held(bot, None) == before
    assert await load(bot, "docs/sub/b.md", person="bob") == "b: 1 document loaded"
    assert await held(bot, "bob") == {"b": 1}


async def test_another_file_of_that_name_is_not_what_a_source_of_a_given_name_holds(bot: Bot) -> None:
    write("one/readme.md", "The kettle is blue.")
    write("two/readme.md", "The kettle is red.")
    await load(bot, "one/readme.md", source="mine")
    assert await load(bot, "two/readme.md") == "readme: 1 document loaded"
    assert await held(bot) == {"mine": 1, "readme": 1}


async def test_of_a_part_only_what_is_gone_is_dropped(bot: Bot) -> None:
    for name in ("docs/a.txt", "docs/b.md", "docs/sub/c.txt", "docs/sub/d.txt"):
        write(name, name)
    await load(bot, "docs")
    os.unlink("docs/sub/d.txt")
    os.unlink("docs/b.md")
    assert "dropped" not in await load(bot, "docs/a.txt")
    assert "1 dropped" in await load(bot, "docs/sub", drops=True)
    assert "1 dropped" in await load(bot, "docs/*.txt", drops=True)
    assert await held(bot) == {"docs": 2}


@pytest.mark.parametrize(("old", "typed"), [("docs", "docs/*.txt"), ("docs/a.txt", "docs/*.txt"), ("docs", "**/*.txt")])
async def test_what_an_older_version_loaded_by_a_pattern_is_replaced_too(
    bot: Bot, tmp_path: Path, old: str, typed: str
) -> None:
    write("docs/a.txt", "old")
    agent_id = await bot.app.agents.id_of("console:dm:ada")
    await bot.app.library.load(["docs/a.txt"], "as it was", agent_id)
    async with bot.app.database.write() as transaction:
        await transaction.execute(update(sources).values(origin=str(tmp_path / old)))
        await transaction.execute(update(documents).values(path=None))
    write("docs/a.txt", "new")
    write("docs/b.txt", "new")
    loaded = await bot.app.library.load([typed], None, agent_id)
    assert sum(loaded.outcomes[of] for of in (Outcome.NEW, Outcome.REPLACED)) == 2
    assert list((await held(bot)).values()) == [2]
    assert await held(bot, None) == await held(bot)


async def test_what_two_older_sources_hold_is_one_again(bot: Bot, tmp_path: Path) -> None:
    write("docs/a.txt", "old")
    await load(bot, "docs/a.txt", source="a")
    await load(bot, "docs", source="docs")
    async with bot.app.database.write() as transaction:
        for name, origin in (("a", "docs/a.txt"), ("docs", "docs")):
            change = update(sources).where(sources.c.name == name)
            await transaction.execute(change.values(origin=str(tmp_path / origin)))
        await transaction.execute(update(documents).values(path=None))
    write("docs/a.txt", "new")
    assert "1 replaced" in await load(bot, "docs/a.txt")
    assert await held(bot, None) == {"docs": 1}


# ── by the paths of files ────────────────────────────────────────────────────────────────────────────


async def said(bot: Bot, query: str = "kettle") -> str:
    """What the agent finds, one line a hit."""
    return await bot.command(f"search {query}")


async def forget_paths(bot: Bot) -> None:
    """As a version left them that kept no paths."""
    async with bot.app.database.write() as transaction:
        await transaction.execute(update(documents).values(path=None))


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


# ── what an import brought ───────────────────────────────────────────────────────────────────────────


async def import_(bot: Bot, **texts: str) -> None:
    """A folder `hb` of these files as an import leaves it: without a path, and without words that lead to it."""
    for name, text in texts.items():
        write(f"hb/{name}.md", text)
    await load(bot, "hb")
    await forget_paths(bot)
    async with bot.app.database.write() as transaction:
        await transaction.execute(update(sources).values(origin=None))


@pytest.mark.parametrize("changed", [["a"], ["new"], ["a", "b", "new"], ["a", "b", "c"], []])
async def test_a_folder_goes_into_its_source_of_an_import_whatever_changed(bot: Bot, changed: list[str]) -> None:
    await import_(bot, a="The kettle is blue.", b="The kettle is red.", c="The kettle is green.")
    for name in changed:
        write(f"hb/{name}.md", f"The kettle of {name} is black.")
    new = changed.count("new")
    assert (await load(bot, "hb")).startswith(f"hb: {new} document{'' if new == 1 else 's'} loaded")
    assert await held(bot, None) == {"hb": 3 + new}
    assert ("blue" in await said(bot)) == ("a" not in changed)
    write("hb/later.md", "The kettle is white.")  # from then on it is as if it had been loaded here
    assert (await load(bot, "hb")).startswith(f"hb: 1 document loaded, {3 + new} unchanged")
    write("hb/b.md", "The kettle is violet.")
    assert (await load(bot, "hb/b.md")).startswith("hb: 0 documents loaded, 1 replaced")
    assert await held(bot, None) == {"hb": 4 + new}


async def test_a_numbered_source_of_an_import_is_known_by_its_name_without_the_number(bot: Bot) -> None:
    await import_(bot, a="The kettle is blue.", b="The kettle is red.")
    async with bot.app.database.write() as transaction:
        await transaction.execute(update(sources).values(name="hb (2)"))
    write("hb/a.md", "The kettle is black.")
    assert await load(bot, "hb") == "hb (2): 0 documents loaded, 1 replaced, 1 unchanged"


@pytest.mark.parametrize("texts", [{"readme": "The kettle is blue."}, dict.fromkeys("abcd", "The kettle is blue.")])
async def test_a_few_other_texts_of_the_same_names_are_other_files(bot: Bot, texts: dict[str, str]) -> None:
    await import_(bot, **texts)
    os.rename("hb", "elsewhere")
    for name in [*texts][:2]:
        write(f"hb/{name}.md", "The kettle is red.")
    assert (await load(bot, "hb")).startswith("hb (2): ")
    assert "blue" in await said(bot)


async def test_one_file_that_many_folders_have_makes_no_folder_the_same(bot: Bot) -> None:
    await import_(bot, license="The kettle may be copied.", **dict.fromkeys("abc", "The kettle is blue."))
    os.rename("hb", "elsewhere")
    write("hb/license.md", "The kettle may be copied.")
    write("hb/x.md", "The kettle is red.")
    assert await load(bot, "hb") == "hb (2): 2 documents loaded"
    assert (await held(bot))["hb"] == 4


async def test_another_folder_of_that_name_is_not_what_a_source_knows_files_of(bot: Bot) -> None:
    await import_(bot, a="The kettle is blue.", b="The kettle is red.")
    await load(bot, "hb/a.md")
    write("other/hb/a.md", "The kettle is blue.")
    write("other/hb/b.md", "The kettle is black.")
    assert (await load(bot, "other/hb")).startswith("hb (2): 2 documents loaded")
    assert "red" in await said(bot)


async def test_what_is_gone_of_a_folder_is_dropped_from_its_source_of_an_import(bot: Bot) -> None:
    await import_(bot, a="The kettle is blue.", b="The kettle is red.")
    os.unlink("hb/b.md")
    assert await load(bot, "hb", drops=True) == "hb: 0 documents loaded, 1 unchanged, 1 dropped"


# ── what is dropped ──────────────────────────────────────────────────────────────────────────────────


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


# ── names that are no text ───────────────────────────────────────────────────────────────────────────

CITIES = ("東京", "大阪", "京都", "札幌")


def write_cities() -> None:
    for city in CITIES:
        write(os.fsdecode(b"z/" + city.encode("euc-jp") + b".txt"), f"The kettle of {city}")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
@pytest.mark.parametrize("source", ["mine", None])
async def test_files_whose_names_differ_in_what_is_no_text_stay_apart(bot: Bot, source: str | None) -> None:
    write_cities()
    assert (await load(bot, "z", source=source)).endswith(": 4 documents loaded")
    for _ in range(2):
        assert (await load(bot, "z", source=source)).endswith(": 0 documents loaded, 4 unchanged")
        assert [city in await said(bot) for city in CITIES] == [True] * 4
    assert list((await held(bot, None)).values()) == [4]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
async def test_folders_whose_names_differ_in_what_is_no_text_are_two_sources(bot: Bot) -> None:
    for folder, colour in ((b"w\xe4", "blue"), (b"w\xf6", "red")):
        write(f"{os.fsdecode(folder)}/n.txt", f"The kettle is {colour}.")
    assert (await load(bot, "w\udce4")).endswith(": 1 document loaded")
    assert (await load(bot, "w\udcf6")).endswith(": 1 document loaded")
    assert (await load(bot, "w\udce4/n.txt")).startswith("w\N{REPLACEMENT CHARACTER}: 0 documents loaded, 1 unchanged")
    assert list((await held(bot)).values()) == [1, 1]
    for colour in ("blue", "red"):
        assert colour in await said(bot)


@pytest.mark.skipif(sys.platform == "darwin", reason="one file there")
async def test_two_forms_of_a_letter_are_two_files(bot: Bot) -> None:
    write("docs/\u00e9.txt", "The kettle is blue.")
    write("docs/e\u0301.txt", "The kettle is red.")
    write("docs/a b.txt", "The kettle is green.")
    write("docs/a  b.txt", "The kettle is black.")
    assert await load(bot, "docs") == "docs: 4 documents loaded"
    assert await load(bot, "docs", drops=True) == "docs: 0 documents loaded, 4 unchanged"
    assert all([colour in await said(bot) for colour in ("blue", "red", "green", "black")])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
@pytest.mark.parametrize("source", ["mine", None])
async def test_paths_that_were_once_kept_as_one_lead_to_their_files_again(bot: Bot, source: str | None) -> None:
    write_cities()
    write("z/e\u0301.txt", "The kettle is blue.")
    await load(bot, "z", source=source)
    async with bot.app.database.write() as transaction:  # as such a version left it: one of the four
        names = list(await transaction.scalars(select(documents.c.name).where(documents.c.name.like("%\ufffd%"))))
        await transaction.execute(delete(documents).where(documents.c.name.in_(names[1:])))
        for id_, path in list(await transaction.execute(select(documents.c.id, documents.c.path))):
            change = update(documents).where(documents.c.id == id_)
            await transaction.execute(change.values(path=as_once_kept(as_it_is(path))))
    told = await load(bot, "z", source=source)
    assert sum(map(int, re.findall(r"(\d) (?:documents? loaded|replaced|unchanged)", told))) == 5
    assert list((await held(bot, None)).values()) == [5]
    assert "5 unchanged" in await load(bot, "z", source=source)
    assert all([city in await said(bot) for city in (*CITIES, "blue")])
