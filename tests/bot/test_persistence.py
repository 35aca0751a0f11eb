"""What is kept, and how it is found, by settings: one contract for each of the choices that MemGPT began with.

In memory, with preloaded archival memory, with embeddings, with a vector index; and by words alone.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.documents.testing import pdf
from adapters.testing import ScriptedServer, says
from bot.app import utc_now
from bot.commands.erase_me import TYPED
from bot.operator.transfer import export_agent, import_agent
from bot.process.in_memory import in_memory
from bot.testing import Bot, direct, open_bot
from config.settings import SettingsInvalid, load_settings
from memory.ports import NewPassage

NOTE, LIKE_IT, OTHER = "Biscuit is the name of the dog.", "What is my puppy called?", "The rent is due on Monday."
ERASE = f"erase-me {TYPED}"
FILES = {"chroma": {"chroma"}, "exact": {"vectors.db"}, None: set()}


@dataclass(frozen=True)
class Choice:
    """Settings, and what follows from them."""

    id: str
    settings: dict[str, Any] = field(default_factory=dict)
    keeps: bool = True
    by_meaning: bool = True
    index: str | None = "chroma"


CHOICES = (
    Choice("in memory", keeps=False),
    Choice("with preloaded archival memory", {"memory_preload": ("corpus",)}),
    Choice("with embeddings", {"memory_vector_index": "exact"}, index="exact"),
    Choice("with a vector index"),
    Choice("by words alone", {"embedding_model": "none"}, by_meaning=False, index=None),
)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    manual = pdf("Read this first.", "The warranty lasts 27 months.")
    (tmp_path / "corpus" / "kettle.pdf").write_bytes(manual)
    (tmp_path / "corpus" / "pan.md").write_text("The pan is of copper.")
    return tmp_path / "corpus"


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.node.callspec.params["choice"].keeps:
        yield tmp_path / "data"
    else:
        with in_memory(load_settings(bot_data_dir=":memory:")) as given:
            yield given.bot_data_dir


@asynccontextmanager
async def opened(data: Path, **settings: Any) -> AsyncIterator[Bot]:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(data, llm_model="m", openai_base_url=server.url, llm_tier="tools", **settings) as bot:
            yield bot


def indexes(data: Path) -> set[str]:
    return {path.name for path in data.iterdir()} & {"chroma", "vectors.db"}


async def keep(bot: Bot, person: str, *notes: str) -> None:
    agent, archival = await bot.agent(person=person), bot.app.shelves.archival
    async with bot.app.stores.database.write() as transaction:
        new = [NewPassage(content=note, created_at=bot.clock()) for note in notes]
        await archival.insert(transaction, agent.id, new)
    archival.index_soon()


async def found(bot: Bot, person: str, query: str) -> list[str]:
    agent, archival = await bot.agent(person=person), bot.app.shelves.archival
    passages = await archival.get(agent.id, await archival.search(agent.id, query))
    return [f"{it.content}{f' ({it.document}, {it.page})' if it.document else ''}" for it in passages]


@pytest.mark.parametrize("choice", [pytest.param(it, id=it.id) for it in CHOICES])
async def test_what_is_kept_is_found_is_there_after_a_restart_is_ones_own_and_can_be_erased(
    choice: Choice, data: Path, corpus: Path, tmp_path: Path
) -> None:
    async with opened(data, **choice.settings) as bot:
        await bot.say("My boat is called Albatross.")
        await keep(bot, "ada", NOTE, OTHER)
        await keep(bot, "bob", OTHER)
        assert (await found(bot, "ada", "Biscuit"))[0] == NOTE
        assert (NOTE in await found(bot, "ada", LIKE_IT)) == choice.by_meaning
        assert NOTE not in await found(bot, "bob", "Biscuit dog")
        assert "Albatross" in await bot.command("search boat")
        assert "Albatross" not in await bot.command("search boat", person="bob")
    assert indexes(data) == FILES[choice.index]
    async with opened(data, **choice.settings) as bot:
        assert (await found(bot, "ada", "Biscuit"))[0] == NOTE
        assert (NOTE in await found(bot, "ada", LIKE_IT)) == choice.by_meaning
        assert "erased" in (await bot.command(ERASE)).lower()
        assert await found(bot, "bob", "rent") == [OTHER]
        assert NOTE not in await found(bot, "ada", "Biscuit dog")
        assert "Albatross" not in await bot.command("search boat")
    assert (tmp_path / "data").exists() == choice.keeps


async def test_another_choice_finds_what_an_earlier_one_kept_and_leaves_no_index_of_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for settings, index in (
        ({}, "chroma"),
        ({"memory_vector_index": "exact"}, "exact"),
        ({"embedding_model": "none"}, None),
        ({}, "chroma"),
    ):
        async with opened(data, **settings) as bot:
            if not await bot.app.shelves.archival.count((await bot.agent()).id):
                await keep(bot, "ada", NOTE, OTHER)
            await bot.app.shelves.archival.catch_up()
            assert (await found(bot, "ada", "Biscuit"))[0] == NOTE
            assert (NOTE in await found(bot, "ada", LIKE_IT)) == (index is not None)
        assert indexes(data) == FILES[index]


async def test_what_is_preloaded_everybody_has_and_it_follows_its_files(corpus: Path, tmp_path: Path) -> None:
    warranty = "The warranty lasts 27 months. (kettle.pdf, 2)"
    data = tmp_path / "data"
    async with opened(data) as bot:
        await bot.say("Hello", person="early")
    async with opened(data, memory_preload=("corpus",)) as bot:
        assert (await found(bot, "early", "warranty"))[0] == warranty
        assert (await found(bot, "late", "warranty"))[0] == warranty
        assert "archive" in (await bot.give(direct("late"), "reset archive", confirms=True)).text.lower()
        assert "erased" in (await bot.command(ERASE, person="early")).lower()
        assert (await found(bot, "late", "warranty"))[0] == warranty
        assert (await found(bot, "early", "warranty"))[0] == warranty
        settings = load_settings(bot_data_dir=data)
        await export_agent(settings, "console:dm:late", str(tmp_path / "late.jsonl"), overwrites=False)
    (corpus / "pan.md").write_text("The pan is of iron.")
    (corpus / "kettle.pdf").unlink()
    (corpus / "spoon.md").write_text("The spoon is of silver.")
    async with opened(data, memory_preload=("corpus/pan.md", "corpus/spoon.md")) as bot:
        assert (await found(bot, "late", "pan copper iron"))[0] == "The pan is of iron. (pan.md, None)"
        assert "The pan is of copper. (pan.md, None)" not in await found(bot, "late", "pan copper")
        assert "The spoon is of silver. (spoon.md, None)" in await found(bot, "new", "spoon")
        assert warranty not in await found(bot, "late", "warranty")
        (source,) = await bot.app.library.sources()
        assert (source.documents, source.agents) == (2, 3)
    async with opened(data) as bot:
        assert await bot.app.library.sources() == ()
        assert await found(bot, "late", "spoon") == []
    await import_agent(load_settings(bot_data_dir=data), str(tmp_path / "late.jsonl"), "guest", utc_now)
    for preloaded in ((), ("corpus/pan.md",)):
        async with opened(data, memory_preload=preloaded) as bot:
            assert (await found(bot, "guest", "warranty"))[0] == warranty
    with pytest.raises(SettingsInvalid, match=r"MEMORY_PRELOAD: .*nowhere"):
        async with opened(data, memory_preload=("nowhere",)):
            pass
