"""Files whose names are no text, or one letter in two forms, stay apart."""

import os
import re
import sys

import pytest
from sqlalchemy import delete, select, update

from bot.documents.kept_paths import as_it_is, as_once_kept
from bot.testing import Bot
from memory.sqlite.tables import documents
from tests.bot.documents.loaded_before.loading import held, load, said, write

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
    async with bot.app.stores.database.write() as transaction:  # as such a version left it: one of the four
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
