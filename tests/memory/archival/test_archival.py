"""Archival storage: notes kept in SQL, found by meaning through real Chroma and by words without it."""

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from adapters.models.embedders import WordLlamaEmbedder
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.ports import Embedder, IndexEntry, NewPassage
from memory.search.chroma_index import COLLECTIONS, ChromaIndex
from memory.sqlite.database import Database
from memory.sqlite.tables import passages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPICS = (("dog", "puppy", "cat"), ("rent", "money", "bill"), ("fig", "bread", "supper"))


class Topics:
    """An `Embedder` that knows three topics; it can be made unreachable, and counts what it embedded."""

    def __init__(self, name: str = "topics-4", *, dimensions: int = 4) -> None:
        self.name = name
        self.dimensions = dimensions
        self.is_reachable = True
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if not self.is_reachable:
            raise ConnectionError("nobody there")
        self.embedded += texts
        return [self._vector(text.lower()) for text in texts]

    def _vector(self, text: str) -> list[float]:
        found = [float(any(word in text for word in topic)) for topic in TOPICS]
        vector = [*found, 0.0 if any(found) else 1.0] + [0.0] * (self.dimensions - 4)
        length = sum(number * number for number in vector) ** 0.5
        return [number / length for number in vector]


@pytest.fixture
def embedder() -> Topics:
    return Topics()


class Shelf:
    """Archival storage of one database, opened as often as a test likes."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self._open: list[ArchivalStorage] = []

    def open(self, embedder: Embedder) -> ArchivalStorage:
        storage = ArchivalStorage(self.database, ChromaIndex(self.folder), embedder, lambda: NOW)
        self._open.append(storage)
        return storage

    async def close(self) -> None:
        while self._open:
            await self._open.pop().close()

    async def keep(
        self, storage: ArchivalStorage, agent_id: int, *contents: str, tags: Sequence[str] = ()
    ) -> tuple[int, ...]:
        """Insert notes without indexing them."""
        new = [NewPassage(content=content, tags=tuple(tags), created_at=NOW) for content in contents]
        async with self.database.write() as transaction:
            return await storage.insert(transaction, agent_id, new)

    async def pending(self) -> set[int]:
        async with self.database.read() as connection:
            return set(await connection.scalars(select(passages.c.id).where(passages.c.indexed_at.is_(None))))


@pytest.fixture
async def shelf(database: Database, tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = Shelf(database, tmp_path / "chroma")
    yield shelf
    await shelf.close()


@pytest.fixture
def archival(shelf: Shelf, embedder: Topics) -> ArchivalStorage:
    return shelf.open(embedder)


# ── keeping ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_note_comes_back_as_it_was_kept(shelf: Shelf, archival: ArchivalStorage, ada: int, bob: int) -> None:
    new = NewPassage(content='figs 🍇\n"quoted"', tags=("Ünï", "b"), source_message_id=7, created_at=NOW)
    async with shelf.database.write() as transaction:
        (kept,) = await archival.insert(transaction, ada, [new])
        assert await archival.insert(transaction, ada, []) == ()
    (passage,) = await archival.get(ada, [kept])
    assert (passage.content, passage.tags, passage.source_message_id, passage.created_at) == (
        new.content,
        new.tags,
        7,
        NOW,
    )
    assert await archival.count(ada) == 1
    assert await archival.get(bob, [kept]) == ()
    assert await archival.count(bob) == 0


async def test_notes_come_in_the_order_asked_and_those_gone_are_left_out(
    shelf: Shelf, archival: ArchivalStorage, ada: int
) -> None:
    one, two, three = await shelf.keep(archival, ada, "one", "two", "three")
    async with shelf.database.write() as transaction:
        await transaction.execute(delete(passages).where(passages.c.id == two))
    assert [passage.id for passage in await archival.get(ada, [three, two, 99, one])] == [three, one]


async def test_an_agent_without_notes_opens_no_index(shelf: Shelf, archival: ArchivalStorage, ada: int) -> None:
    assert await archival.search(ada, "dogs") == ()
    assert await archival.index_pending() == 0
    await archival.close()
    assert not shelf.folder.exists()


# ── finding ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_note_that_holds_a_whole_identifier_comes_before_those_that_hold_a_part(
    shelf: Shelf, archival: ArchivalStorage, ada: int
) -> None:
    days = [f"On day {number} we saw {number * 7 % 60} lions" for number in range(1, 61)]
    filler = "the garden water plants light soil " * 25
    kept = await shelf.keep(archival, ada, *days[:20], f"{filler} The order is ORD-55-17. {filler}", *days[20:])
    for query in ("ORD-55-17", "order number ord-55-17"):
        assert (await archival.search(ada, query))[0] == kept[20]


async def test_notes_are_found_by_meaning_and_by_words(shelf: Shelf, archival: ArchivalStorage, ada: int) -> None:
    puppy, rent, bread = await shelf.keep(
        archival, ada, "a puppy called Biscuit", "the rent is 900 euros", "bread from Rua Augusta"
    )
    assert await archival.index_pending() == 3
    assert await archival.index_pending() == 0
    assert await archival.search(ada, "my dog") == (puppy,)
    assert await archival.search(ada, "Augusta") == (bread,)
    assert set(await archival.search(ada, "money Augusta")) == {rent, bread}
    assert await archival.search(ada, "the moon") == ()


async def test_what_fits_in_meaning_and_in_words_comes_first(shelf: Shelf, archival: ArchivalStorage, ada: int) -> None:
    cat, dog, bone = await shelf.keep(archival, ada, "a cat on a mat", "a dog with a bone", "a bone of contention")
    await archival.index_pending()
    found = await archival.search(ada, "dog bone")
    assert found[0] == dog
    assert set(found) == {cat, dog, bone}


async def test_real_embeddings_find_a_note_that_shares_no_word(shelf: Shelf, ada: int) -> None:
    archival = shelf.open(WordLlamaEmbedder())
    kept = await shelf.keep(
        archival, ada, "Biscuit is a brown dog who barks at trams", "Her money is in a savings account"
    )
    await archival.index_pending()
    assert (await archival.search(ada, "puppy"))[0] == kept[0]
    assert (await archival.search(ada, "paying bills"))[0] == kept[1]


async def test_only_notes_with_every_tag_are_found(shelf: Shelf, archival: ArchivalStorage, ada: int) -> None:
    (plain,) = await shelf.keep(archival, ada, "a dog")
    (pets,) = await shelf.keep(archival, ada, "my dog", tags=["pets"])
    (both,) = await shelf.keep(archival, ada, "your dog", tags=["pets", "home"])
    await archival.index_pending()
    (fresh,) = await shelf.keep(archival, ada, "our dog", tags=["home", "pets"])
    for query in ("dog", "puppy"):  # by words and by meaning
        seen = {fresh} if query == "dog" else set()
        assert set(await archival.search(ada, query)) == {plain, pets, both} | seen
        assert set(await archival.search(ada, query, ["pets"])) == {pets, both} | seen
        assert set(await archival.search(ada, query, ["home", "pets"])) == {both} | seen
        assert await archival.search(ada, query, ["none"]) == ()


async def test_no_agent_finds_anothers_notes_even_in_a_shared_collection(
    shelf: Shelf, archival: ArchivalStorage
) -> None:
    async with shelf.database.write() as transaction:
        made = [
            await AgentStore(shelf.database).create(transaction, f"console:dm:{number}", [("human", "")], NOW)
            for number in range(COLLECTIONS + 2)
        ]
    agents = [agent.id for agent in made]
    notes = {agent: (await shelf.keep(archival, agent, "a dog", "the rent"))[0] for agent in agents}
    await archival.index_pending()
    assert agents[0] % COLLECTIONS == agents[COLLECTIONS] % COLLECTIONS
    for agent in agents:
        assert await archival.search(agent, "puppy") == (notes[agent],)
        assert await archival.search(agent, "dog") == (notes[agent],)
        assert await archival.get(agent, list(notes.values())) == await archival.get(agent, [notes[agent]])
        assert await archival.count(agent) == 2


async def test_an_erased_note_is_not_found_though_its_vector_is_still_there(
    shelf: Shelf, archival: ArchivalStorage, ada: int
) -> None:
    gone, stays = await shelf.keep(archival, ada, "a dog", "a puppy")
    await archival.index_pending()
    async with shelf.database.write() as transaction:
        await transaction.execute(delete(passages).where(passages.c.id == gone))
    assert await archival.search(ada, "dog") == (stays,)


# ── the index follows ────────────────────────────────────────────────────────────────────────────────


async def test_a_note_without_its_vector_is_found_by_words(shelf: Shelf, archival: ArchivalStorage, ada: int) -> None:
    await shelf.keep(archival, ada, "the rent")
    await archival.index_pending()
    (fresh,) = await shelf.keep(archival, ada, "a dog called Biscuit")
    assert await archival.search(ada, "Biscuit") == (fresh,)
    assert await archival.search(ada, "puppy") == ()
    assert await archival.index_pending() == 1
    assert await archival.search(ada, "puppy") == (fresh,)


async def test_an_embedder_that_is_down_costs_only_the_meaning_until_it_is_back(
    shelf: Shelf, archival: ArchivalStorage, embedder: Topics, ada: int
) -> None:
    kept = await shelf.keep(archival, ada, "a dog called Biscuit", "the rent")
    embedder.is_reachable = False
    assert await archival.index_pending() == 0
    assert await shelf.pending() == set(kept)
    assert await archival.search(ada, "Biscuit") == kept[:1]
    assert await archival.search(ada, "puppy") == ()
    embedder.is_reachable = True
    assert await archival.index_pending() == 2
    assert await shelf.pending() == set()
    assert await archival.search(ada, "puppy") == kept[:1]


async def test_many_notes_are_embedded_once_each(
    shelf: Shelf, archival: ArchivalStorage, embedder: Topics, ada: int, bob: int
) -> None:
    contents = [f"note {number}" for number in range(150)]
    await shelf.keep(archival, ada, *contents[:100])
    await shelf.keep(archival, bob, *contents[100:])
    assert await archival.index_pending() == 150
    assert sorted(embedder.embedded) == sorted(contents)
    assert len(await archival.search(ada, "nothing special")) == 100
    assert len(await archival.search(bob, "nothing special")) == 50


@pytest.mark.parametrize(
    "other",
    [pytest.param(Topics("other-4"), id="name"), pytest.param(Topics("topics-8", dimensions=8), id="dimension")],
)
async def test_another_embedder_makes_all_vectors_anew(
    shelf: Shelf, archival: ArchivalStorage, ada: int, other: Topics
) -> None:
    kept = await shelf.keep(archival, ada, "a dog", "the rent")
    await archival.index_pending()
    await shelf.close()
    changed = shelf.open(other)
    assert await changed.search(ada, "puppy") == ()
    assert await changed.search(ada, "dog") == kept[:1]
    await changed.catch_up()
    assert await changed.search(ada, "puppy") == kept[:1]


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _replace_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder", encoding="utf-8")


def _garbage(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"no database" * 1000)


def _overwrite_the_middle(folder: Path) -> None:
    content = (folder / "chroma.sqlite3").read_bytes()
    half = len(content) // 2
    (folder / "chroma.sqlite3").write_bytes(content[:4096] + b"\xff" * (half - 4096) + content[half:])


@pytest.mark.parametrize("damage", [_remove, _empty, _replace_by_a_file, _garbage, _overwrite_the_middle])
async def test_a_lost_index_is_built_anew_from_sql(
    shelf: Shelf, archival: ArchivalStorage, embedder: Topics, ada: int, damage: Callable[[Path], None]
) -> None:
    (dog,) = await shelf.keep(archival, ada, "a dog")
    await shelf.keep(archival, ada, "the rent is due", "bread and figs")
    await archival.index_pending()
    await shelf.close()
    damage(shelf.folder)
    again = shelf.open(embedder)
    assert await again.search(ada, "puppy") == (dog,)
    assert await shelf.pending() == set()
    await shelf.close()
    embedder.embedded.clear()
    assert await shelf.open(embedder).search(ada, "puppy") == (dog,)
    assert embedder.embedded == ["puppy"]


async def test_a_lost_index_is_also_noticed_by_the_next_note(
    shelf: Shelf, archival: ArchivalStorage, embedder: Topics, ada: int
) -> None:
    (dog,) = await shelf.keep(archival, ada, "a dog")
    await archival.index_pending()
    await shelf.close()
    _remove(shelf.folder)
    again = shelf.open(embedder)
    (cat,) = await shelf.keep(again, ada, "a cat")
    await again.index_pending()
    assert set(await again.search(ada, "puppy")) == {dog, cat}


async def test_an_index_lost_while_the_embedder_is_down_is_built_later(
    shelf: Shelf, archival: ArchivalStorage, embedder: Topics, ada: int
) -> None:
    (dog,) = await shelf.keep(archival, ada, "a dog")
    await archival.index_pending()
    await shelf.close()
    _remove(shelf.folder)
    again = shelf.open(embedder)
    embedder.is_reachable = False
    assert await again.search(ada, "dog") == (dog,)
    embedder.is_reachable = True
    await again.catch_up()
    assert await again.search(ada, "puppy") == (dog,)


async def test_at_start_the_index_is_held_against_sql(
    shelf: Shelf, archival: ArchivalStorage, embedder: Topics, ada: int, bob: int
) -> None:
    dog, *_ = await shelf.keep(archival, ada, "my dog", "the rent", "a fig")
    await archival.index_pending()
    index = ChromaIndex(shelf.folder)
    await archival.close()
    await index.delete(ada, [dog])
    await index.upsert(bob, f"{embedder.name}/4", [IndexEntry(77, [1.0, 0, 0, 0])])
    await index.close()
    embedder.embedded.clear()
    mended = shelf.open(embedder)
    assert await mended.catch_up() == 1
    assert embedder.embedded == ["my dog"]
    await mended.close()
    index = ChromaIndex(shelf.folder)
    held = [entry async for entry in index.entries()]
    assert len(held) == 3
    assert (bob, 77) not in held
    await index.close()


async def test_set_aside_indexes_do_not_pile_up(
    shelf: Shelf, archival: ArchivalStorage, embedder: Topics, ada: int
) -> None:
    await shelf.keep(archival, ada, "a dog")
    await archival.index_pending()
    for _ in range(3):
        await shelf.close()
        _garbage(shelf.folder)
        await shelf.open(embedder).search(ada, "puppy")
    assert _names(shelf.folder.parent, "chroma*") == ["chroma", "chroma.damaged"]


def _names(folder: Path, pattern: str) -> list[str]:
    return sorted(found.name for found in folder.glob(pattern))


async def test_no_text_and_no_tag_stands_anywhere_in_the_index(
    shelf: Shelf, archival: ArchivalStorage, ada: int
) -> None:
    await shelf.keep(archival, ada, *(f"kanarienvogel the dog {n}" for n in range(5)), tags=["geheimnis"])
    await archival.index_pending()
    await archival.search(ada, "suchwort dog", ["geheimnis"])
    await shelf.close()
    everything = b"".join(_contents(shelf.folder))
    assert len(everything) > 10_000
    assert not any(word in everything for word in (b"kanarienvogel", b"geheimnis", b"suchwort"))


def _contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


async def test_a_long_message_finds_the_note_with_its_telling_word(
    shelf: Shelf, archival: ArchivalStorage, ada: int
) -> None:
    talk = [f"small talk {number} about the house and family and the train and holidays" for number in range(15)]
    gadget, *_ = await shelf.keep(archival, ada, "It is a Frobozz", *talk)
    long = (
        "Remember that last year in the holidays with the family at the house near the train station we talked of "
        "many different small things, cooking walking music painting reading writing swimming climbing sewing "
        "gardening skating singing, and then I mentioned the Frobozz"
    )
    await archival.index_pending()
    assert (await archival.search(ada, long))[0] == gadget


async def test_of_very_many_notes_that_hold_a_word_more_are_told(
    shelf: Shelf, embedder: Topics, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    archival = shelf.open(embedder)
    await shelf.keep(archival, ada, *(f"the moon {number}" for number in range(6)))
    for query in ("moon", "the"):
        monkeypatch.setattr("memory.archival.passage_words.MAX_CANDIDATES", 6)
        found = await archival.find(ada, query)
        assert (len(found.ids), found.is_cut) == (6, False)
        monkeypatch.setattr("memory.archival.passage_words.MAX_CANDIDATES", 5)
        assert (await archival.find(ada, query)).is_cut
