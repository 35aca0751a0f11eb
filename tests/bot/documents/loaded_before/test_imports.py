"""What an import brought is known again without paths, by what it holds."""

import os

import pytest
from sqlalchemy import update

from bot.testing import Bot
from memory.sqlite.tables import sources
from tests.bot.documents.loaded_before.loading import forget_paths, held, load, said, write


async def import_(bot: Bot, **texts: str) -> None:
    """A folder `hb` of these files as an import leaves it: without a path, and without words that lead to it."""
    for name, text in texts.items():
        write(f"hb/{name}.md", text)
    await load(bot, "hb")
    await forget_paths(bot)
    async with bot.app.stores.database.write() as transaction:
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
    async with bot.app.stores.database.write() as transaction:
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
