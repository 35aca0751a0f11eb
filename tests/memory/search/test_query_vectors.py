"""A search does not wait for an embedder that does not answer."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from memory.ports import Kind, NewMessage
from memory.recall.storage import RecallStorage
from memory.search.query_vectors import PAUSE_S, QueryVectors
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Embedder:
    """One that answers, refuses, or never comes to an answer."""

    name = "moody"

    def __init__(self) -> None:
        self.mood = "answers"
        self.asked = 0

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.asked += 1
        if self.mood == "hangs":
            await asyncio.Event().wait()
        if self.mood == "refuses":
            raise ConnectionError("nobody there")
        return [[1.0, 0.0] for _ in texts]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory.search.query_vectors.PATIENCE_S", 0.01)


@pytest.mark.parametrize("mood", ["hangs", "refuses"])
async def test_an_embedder_that_gave_nothing_is_left_alone_for_a_while(mood: str) -> None:
    embedder, now = Embedder(), [0.0]
    vectors = QueryVectors(embedder, lambda: now[0])
    embedder.mood = mood
    assert [await vectors.of("figs") for _ in range(3)] == [None] * 3
    assert embedder.asked == 1
    embedder.mood = "answers"
    now[0] += PAUSE_S - 1
    assert await vectors.of("figs") is None
    now[0] += 2
    assert await vectors.of("figs") == [1.0, 0.0]
    assert not vectors.is_silent


async def test_words_find_what_was_said_while_the_embedder_hangs(database: Database, ada: int) -> None:
    embedder = Embedder()
    embedder.mood = "hangs"
    recall = RecallStorage(database, embedder)
    message = NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="I like figs")
    async with database.write() as transaction:
        (kept,) = await recall.append(transaction, ada, None, [message])
    async with asyncio.timeout(10):
        assert await recall.search(ada, "figs") == (kept.id,)
        assert await recall.search(ada, "figs") == (kept.id,)
    assert embedder.asked == 1


async def test_each_message_is_found_at_once_whatever_goes_on_beside(database: Database, ada: int) -> None:
    recall = RecallStorage(database, Embedder())
    for number in range(30):
        message = NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text=f"unique{number}x")
        async with database.write() as transaction:
            recall.index_soon()
            (kept,) = await recall.append(transaction, ada, None, [message])
            for _ in range(number % 7):
                await asyncio.sleep(0)
        assert (await recall.search(ada, f"unique{number}x"))[0] == kept.id
    await recall.close()
