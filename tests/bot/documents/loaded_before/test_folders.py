"""What is loaded again by the same words, by fewer or by others: an agent never finds two copies of one file."""

import os
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.documents.library import Outcome
from bot.testing import Bot
from memory.sqlite.tables import documents, sources
from tests.bot.documents.loaded_before.loading import held, load, write


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
    async with bot.app.stores.database.write() as transaction:
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
    async with bot.app.stores.database.write() as transaction:
        for name, origin in (("a", "docs/a.txt"), ("docs", "docs")):
            change = update(sources).where(sources.c.name == name)
            await transaction.execute(change.values(origin=str(tmp_path / origin)))
        await transaction.execute(update(documents).values(path=None))
    write("docs/a.txt", "new")
    assert "1 replaced" in await load(bot, "docs/a.txt")
    assert await held(bot, None) == {"docs": 1}
