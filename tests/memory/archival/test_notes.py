"""Notes of the agent's own: the same one is kept once, and a search may be narrowed to the days they were kept."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from memory.archival.notes import digest_of
from memory.archival.storage import ArchivalStorage
from memory.ports import NewPassage
from memory.search.chroma_index import ChromaIndex
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class AllAlike:
    name = "alike"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[1.0, 0.0] for _ in texts]


@pytest.fixture
async def archival(database: Database, tmp_path: Path) -> AsyncIterator[ArchivalStorage]:
    storage = ArchivalStorage(database, ChromaIndex(tmp_path / "chroma"), AllAlike(), lambda: NOW)
    yield storage
    await storage.close()


async def keep(
    database: Database, archival: ArchivalStorage, agent: int, *contents: str, tags: Sequence[str] = (), days: int = 0
) -> tuple[int, ...]:
    moment = NOW + timedelta(days=days)
    async with database.write() as transaction:
        new = [NewPassage(content=content, tags=tuple(tags), created_at=moment) for content in contents]
        return await archival.insert(transaction, agent, new)


async def test_the_same_note_is_kept_once(database: Database, archival: ArchivalStorage, ada: int, bob: int) -> None:
    (first, again, other) = await keep(database, archival, ada, "A dog", " A\n dog ", "a dog")
    assert first == again != other
    assert await keep(database, archival, ada, "A dog", days=1) == (first,)
    (passage,) = await archival.get(ada, [first])
    assert (passage.content, passage.created_at) == ("A dog", NOW)
    assert await archival.count(ada) == 2
    (of_bob,) = await keep(database, archival, bob, "A dog")
    assert of_bob not in (first, other)


async def test_tags_that_are_new_come_to_the_note_and_into_its_index(
    database: Database, archival: ArchivalStorage, ada: int
) -> None:
    (kept,) = await keep(database, archival, ada, "A dog", tags=["pets"])
    await archival.index_pending()
    assert await archival.search(ada, "unheard", ["home"]) == ()
    assert await keep(database, archival, ada, "A dog", tags=["home", "pets"]) == (kept,)
    (passage,) = await archival.get(ada, [kept])
    assert passage.tags == ("pets", "home")
    assert await archival.waiting() == 1
    await archival.index_pending()
    assert await archival.search(ada, "unheard", ["home"]) == (kept,)
    await keep(database, archival, ada, "A dog", tags=["home"])
    assert await archival.waiting() == 0


async def test_the_same_note_is_found_without_being_kept(
    database: Database, archival: ArchivalStorage, ada: int, bob: int
) -> None:
    (kept,) = await keep(database, archival, ada, "A dog")
    found = await archival.find_same(ada, "A  dog\n")
    assert found is not None
    assert found.id == kept
    assert await archival.find_same(bob, "A dog") is None
    assert await archival.find_same(ada, "A cat") is None


def test_a_checksum_stays_what_it_was() -> None:
    """It stands in databases."""
    assert digest_of("A  dog\n").hex() == digest_of("A dog").hex() == "be6f936dd4142d3b4d643269f48236b0"
    assert digest_of("\ud800") != digest_of("A dog")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("dog on:2026-03-02", {1}),
        ("dog after:2026-03-02", {1, 2}),
        ("unheard before:2026-03-03", {0, 1}),
        ("before:2026-03-02", {0}),
        ("dog on:2027-01-01", set()),
        ("dog on:never", {0, 1, 2}),
    ],
)
async def test_a_search_is_narrowed_to_the_days_of_notes(
    database: Database, archival: ArchivalStorage, ada: int, query: str, found: set[int]
) -> None:
    kept = [(await keep(database, archival, ada, f"dog {day}", days=day, tags=["pets"]))[0] for day in range(3)]
    await archival.index_pending()
    assert {kept.index(id_) for id_ in await archival.search(ada, query)} == found
    assert {kept.index(id_) for id_ in await archival.search(ada, query, ["pets"])} == found
    assert await archival.search(ada, query, ["none"]) == ()


async def test_days_are_those_of_the_zone(database: Database, archival: ArchivalStorage, ada: int) -> None:
    (kept,) = await keep(database, archival, ada, "dog")
    assert await archival.search(ada, "dog on:2026-03-02", zone=ZoneInfo("Pacific/Kiritimati")) == (kept,)
    assert await archival.search(ada, "dog on:2026-03-01", zone=ZoneInfo("Pacific/Kiritimati")) == ()


async def test_narrowing_comes_before_the_best_are_chosen(
    database: Database, archival: ArchivalStorage, ada: int
) -> None:
    (early,) = await keep(database, archival, ada, "early")
    await keep(database, archival, ada, *(f"late {number}" for number in range(150)), days=2)
    await archival.index_pending()
    assert len(await archival.search(ada, "unheard")) == 100
    assert await archival.search(ada, "unheard before:2026-03-02") == (early,)


async def test_a_note_that_gets_its_vector_while_the_index_is_checked_keeps_it(
    database: Database, archival: ArchivalStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(database, archival, ada, "early")
    await archival.index_pending()
    index = archival._vectors._index
    entries = index.entries

    async def meanwhile() -> AsyncIterator[tuple[int, int]]:
        await keep(database, archival, ada, "late")
        archival.index_soon()
        assert archival._vectors._indexing is not None
        await asyncio.wait([archival._vectors._indexing], timeout=0.3)
        async for entry in entries():
            yield entry

    monkeypatch.setattr(index, "entries", meanwhile)
    await archival.catch_up()
    assert await index.count([ada]) == 2
    assert await archival.waiting() == 0
