"""Questions on documents (MemGPT, section 3.2.1): most are about nearly the same, and few of them hold an answer."""

import random
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.memory.case import Case, Question
from bot.testing import Bot

PLACES = "Arden Brae Cobh Dunmore Ely Fanad Gorey Howth Inver Juniper Kells Loop Malin Ness Orkney Penmon Rhos".split()
KINDS = "Point Head Island".split()
NAMES = "Ames Birch Crane Dale Eads Finch Gale Hart Ives Jory Kerr Lowe".split()

PECULIAR = (
    ("Gull Rock", "Thea Lindqvist", "played the cello", "to the seals"),
    ("Far Skerry", "Odd Kaspersen", "bred canaries", "in the oil store"),
    ("Maiden Stack", "Brigid Toal", "copied out an atlas", "by hand"),
    ("Hollow Reef", "Jonas Wieck", "mended clocks", "that fishermen brought"),
    ("Crooked Spit", "Ailsa Muir", "wrote to a chess master", "once a month"),
    ("Salt Ledge", "Piran Nance", "grew lemons", "behind glass"),
)
"""Where somebody tended a lamp and did something out of the common: what is asked about."""

TOPIC = "lighthouse keeper"
"""What nearly every document is about, but for those that are asked about."""


def corpus(seed: int) -> dict[str, str]:
    """Documents by the names of their files."""
    source = random.Random(seed)
    texts = {}
    for place in [f"{name} {kind}" for kind in KINDS for name in PLACES]:
        year = source.randrange(1790, 1899)
        texts[f"{_file_name(place)}.txt"] = (
            f"The lighthouse of {place} was lit in {year}. Its first lighthouse keeper was {source.choice(NAMES)}, and "
            f"a lighthouse keeper lived there until {year + source.randrange(60, 99)}. The lighthouse keeper's house "
            f"has {source.randrange(2, 9)} rooms.\n"
        )
    for place, person, did, how in PECULIAR:
        texts[f"{_file_name(place)}.txt"] = (
            f"{place} is bare stone with a lighthouse and nothing else. {person}, who tended its lamp alone through "
            f"{source.randrange(5, 20)} winters, {did} {how} and is buried there.\n"
        )
    return texts


def documents(seed: int) -> Case:
    """An agent with all documents loaded."""

    async def fill(bot: Bot, person: str) -> None:
        await load_corpus(bot, person, corpus(seed))

    where = [Question(f"At which lighthouse was there somebody who {did}?", (place,)) for place, _, did, _ in PECULIAR]
    who = [Question(f"Who {did} while tending a lamp?", (person,)) for _, person, did, _ in PECULIAR]
    return Case("documents", fill, (*where, *who))


async def load_corpus(bot: Bot, person: str, texts: Mapping[str, str]) -> None:
    """Load documents for a person's agent, as `python -m bot load` does."""
    agent = await bot.agent(person=person)
    with TemporaryDirectory() as folder:
        _write(Path(folder), texts)
        await bot.app.library.load([folder], "lighthouses", agent.id)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _file_name(place: str) -> str:
    return place.lower().replace(" ", "-")
