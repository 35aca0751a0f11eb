"""The contract of `VectorIndex`, for every implementation: near ones found, and only one's own."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from memory.ports import IndexEntry, IndexLost, VectorIndex
from memory.search.chroma_index import COLLECTIONS, ChromaIndex
from memory.search.exact_index import ExactIndex

Result = TypeVar("Result")
MODEL = "model-4"
EAST, NORTH, UP, WEST = [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [-1.0, 0, 0, 0]
NEARLY_EAST = [0.8, 0.6, 0, 0]


@pytest.fixture(params=[pytest.param(ChromaIndex, id="chroma"), pytest.param(ExactIndex, id="exact")])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    index = request.param(tmp_path / "index")
    yield index
    await index.close()


async def built(call: Callable[[], Awaitable[Result]]) -> Result:
    """Make a call; if the index is lost, make it again, once."""
    try:
        return await call()
    except IndexLost:
        return await call()


async def fill(index: VectorIndex, agent_id: int, *entries: IndexEntry, embedder: str = MODEL) -> None:
    await built(lambda: index.upsert(agent_id, embedder, entries))


async def ids(
    index: VectorIndex,
    owners: int | Sequence[int],
    vector: Sequence[float],
    *tags: str,
    limit: int = 10,
    embedder: str = MODEL,
) -> list[int]:
    named = [owners] if isinstance(owners, int) else owners
    found = await built(lambda: index.nearest(named, embedder, vector, tags, limit))
    return [passage_id for passage_id, _ in found]


async def test_a_new_index_is_lost_once_and_then_empty(index: VectorIndex) -> None:
    with pytest.raises(IndexLost):
        await index.nearest([1], MODEL, EAST, [], 10)
    assert list(await index.nearest([1], MODEL, EAST, [], 10)) == []


async def test_the_nearest_come_first_with_their_cosine(index: VectorIndex) -> None:
    entries = [IndexEntry(4, WEST), IndexEntry(1, EAST), IndexEntry(3, NORTH), IndexEntry(2, NEARLY_EAST)]
    await fill(index, 1, *entries)
    found = await index.nearest([1], MODEL, EAST, [], 10)
    assert [passage_id for passage_id, _ in found] == [1, 2, 3, 4]
    assert [likeness for _, likeness in found] == pytest.approx([1.0, 0.8, 0.0, -1.0], abs=1e-5)
    assert await ids(index, 1, EAST, limit=2) == [1, 2]


async def test_every_tag_asked_for_has_to_be_there(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST, ("pets", "home")), IndexEntry(2, EAST, ("pets",)), IndexEntry(3, EAST))
    assert set(await ids(index, 1, EAST)) == {1, 2, 3}
    assert set(await ids(index, 1, EAST, "pets")) == {1, 2}
    assert await ids(index, 1, EAST, "pets", "home") == [1]
    assert await ids(index, 1, EAST, "pet") == []
    assert await ids(index, 1, EAST, "agent_id") == []


@pytest.mark.parametrize("tag", ["", "Ünï 🦊", "$and", "tag-x", "a" * 5000, '"'])
async def test_a_tag_may_be_any_text(index: VectorIndex, tag: str) -> None:
    await fill(index, 1, IndexEntry(1, EAST, (tag,)), IndexEntry(2, EAST, ("other",)))
    assert await ids(index, 1, EAST, tag) == [1]


async def test_agents_are_apart_also_where_they_share_a_collection(index: VectorIndex) -> None:
    first, second, third = 1, 1 + COLLECTIONS, 2
    await fill(index, first, IndexEntry(10, EAST, ("pets",)))
    await fill(index, second, IndexEntry(20, EAST, ("pets",)), IndexEntry(21, NORTH))
    assert await ids(index, first, EAST) == [10]
    assert await ids(index, first, NORTH, "pets") == [10]
    assert await ids(index, second, EAST) == [20, 21]
    assert await ids(index, third, EAST) == []


async def test_many_near_ones_of_another_agent_hide_nothing(index: VectorIndex) -> None:
    await fill(index, 1 + COLLECTIONS, *(IndexEntry(number, EAST) for number in range(100, 400)))
    await fill(index, 1, IndexEntry(1, NORTH), IndexEntry(2, UP))
    assert set(await ids(index, 1, EAST, limit=5)) == {1, 2}


async def test_an_entry_that_is_there_is_replaced_whole(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST, ("old",)), IndexEntry(2, NEARLY_EAST))
    await fill(index, 1, IndexEntry(1, NORTH, ("new",)))
    assert await ids(index, 1, EAST) == [2, 1]
    assert await ids(index, 1, EAST, "old") == []
    assert await ids(index, 1, EAST, "new") == [1]


async def test_an_agent_is_forgotten_whole_and_the_others_are_found_as_before(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST, ("pets",)), IndexEntry(2, NORTH))
    await fill(index, 1, IndexEntry(1, EAST), embedder="other")
    await fill(index, 1 + COLLECTIONS, IndexEntry(3, EAST, ("pets",)), IndexEntry(4, NORTH))
    await fill(index, 2, IndexEntry(5, EAST))
    assert [await index.count([agent]) for agent in (1, 1 + COLLECTIONS, 2, 3)] == [3, 2, 1, 0]
    left = {3: 1 + COLLECTIONS, 4: 1 + COLLECTIONS, 5: 2}
    assert await index.keep_only(left) == 3
    assert await ids(index, 1, EAST) == []
    assert await ids(index, 1, EAST, embedder="other") == []
    assert await ids(index, 1 + COLLECTIONS, EAST) == [3, 4]
    assert await ids(index, 1 + COLLECTIONS, EAST, "pets") == [3]
    assert await ids(index, 2, EAST) == [5]
    assert await index.count([1]) == await index.keep_only(left) == 0
    await fill(index, 1, IndexEntry(6, UP))
    assert await ids(index, 1, UP) == [6]


async def test_deleted_entries_are_gone_and_unknown_ids_are_ignored(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST), IndexEntry(2, NORTH))
    await index.delete(1, [1, 99])
    assert await ids(index, 1, EAST) == [2]
    await index.delete(1, [])
    assert await ids(index, 1, EAST) == [2]


async def test_an_agent_deletes_only_its_own(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST))
    await fill(index, 1 + COLLECTIONS, IndexEntry(2, EAST))
    await index.delete(1 + COLLECTIONS, [1, 2])
    assert await ids(index, 1, EAST) == [1]
    assert await ids(index, 1 + COLLECTIONS, EAST) == []


async def test_vectors_of_different_embedders_are_never_compared(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST))
    await fill(index, 1, IndexEntry(2, [1.0, 0.0]), embedder="other-2")
    assert await ids(index, 1, EAST) == [1]
    assert await ids(index, 1, [1.0, 0.0], embedder="other-2") == [2]
    await index.delete(1, [2, 1])
    assert await ids(index, 1, EAST) == await ids(index, 1, [1.0, 0.0], embedder="other-2") == []


async def test_what_several_own_comes_in_one_order(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, NEARLY_EAST, ("pets",)), IndexEntry(2, WEST))
    await fill(index, -1, IndexEntry(3, EAST), IndexEntry(4, NORTH))  # of a source
    await fill(index, -1 - COLLECTIONS, IndexEntry(5, EAST))
    assert await ids(index, [1, -1], EAST) == [3, 1, 4, 2]
    assert await ids(index, [1, -1], EAST, limit=2) == [3, 1]
    assert await ids(index, [1, -1, -1 - COLLECTIONS, 7], NORTH, limit=2) == [4, 1]
    assert await ids(index, [1, -1], EAST, "pets") == [1]
    assert await ids(index, [], EAST) == []


async def test_those_that_are_not_named_are_forgotten_together(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST))
    await fill(index, -1, IndexEntry(2, EAST), IndexEntry(3, NORTH))
    await fill(index, -2, IndexEntry(4, EAST))
    assert await index.count([1, -1]) == await index.keep_only({4: -2}) == 3
    assert await ids(index, [1, -1, -2], EAST) == [4]


async def test_nothing_to_add_is_nothing(index: VectorIndex) -> None:
    await fill(index, 1)
    assert await ids(index, 1, EAST) == []


async def test_it_is_all_there_after_a_restart(index: VectorIndex, tmp_path: Path) -> None:
    await fill(index, 1, IndexEntry(1, EAST, ("pets",)))
    await index.close()
    again = type(index)(tmp_path / "index")  # type: ignore[call-arg]
    assert list(await again.nearest([1], MODEL, EAST, ["pets"], 10)) == [(1, pytest.approx(1.0))]
    await again.close()


async def test_it_can_be_closed_without_having_been_used_and_more_than_once(index: VectorIndex) -> None:
    await index.close()
    await index.close()


async def test_everything_held_is_named_with_its_owner(index: VectorIndex) -> None:
    await fill(index, 1, IndexEntry(1, EAST), IndexEntry(2, NORTH))
    await fill(index, -3, IndexEntry(7, UP))
    await fill(index, 1, IndexEntry(9, [1.0, 0]), embedder="model-2")
    assert {entry async for entry in index.entries()} == {(1, 1), (1, 2), (-3, 7), (1, 9)}


def spread(count: int) -> list[IndexEntry]:
    """Entries from 1, each a little farther from east; every tenth is tagged."""
    return [
        IndexEntry(number, [math.cos(number / count), math.sin(number / count), 0, 0], ("tenth",) * (number % 10 == 0))
        for number in range(1, count + 1)
    ]


async def test_among_many_vectors_the_nearest_are_found_exactly_and_none_of_another(index: VectorIndex) -> None:
    await fill(index, 1, *spread(3000))
    await fill(index, 1 + COLLECTIONS, *(IndexEntry(number, EAST) for number in range(5001, 6001)))
    for _ in range(2):  # the second time what the first one read is at hand
        found = await index.nearest([1], MODEL, EAST, [], 100)
        assert {passage_id for passage_id, _ in found[:50]} <= set(range(1, 101))
        assert [likeness for _, likeness in found] == sorted((likeness for _, likeness in found), reverse=True)
        assert found[0][1] == pytest.approx(1.0, abs=5e-3)
        assert set(await ids(index, 1, NORTH, "tenth", limit=5)) <= set(range(2700, 3001, 10))
        assert len(await ids(index, 1, EAST, "tenth", limit=1000)) == 300
    assert await ids(index, 1, EAST, "unknown") == []


async def test_changes_among_many_vectors_show_in_the_next_search(index: VectorIndex) -> None:
    await fill(index, 1, *spread(300))
    assert len(await ids(index, 1, EAST, limit=1000)) == 300
    assert len(await ids(index, 1, EAST, limit=10)) == 10
    await fill(index, 1, IndexEntry(301, WEST, ("new",)), IndexEntry(1, WEST))
    assert set(await ids(index, 1, WEST, limit=2)) == {301, 1}
    assert await ids(index, 1, WEST, "new") == [301]
    await index.delete(1, [301, 2])
    found = await ids(index, 1, WEST, limit=1000)
    assert found[0] == 1
    assert set(found) == {1, *range(3, 301)}
    assert await index.keep_only({}) == 299
    assert await ids(index, 1, WEST) == []
