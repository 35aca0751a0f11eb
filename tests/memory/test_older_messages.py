"""Of an agent with more messages than are held at hand, the older ones are found by their words."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, event

from adapters.embedders import WordLlamaEmbedder
from memory import message_index, older_messages
from memory.database import Database
from memory.ports import Kind, NewMessage
from memory.recall import RecallStorage
from memory.tables import messages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3000)
AT_HAND = 8


@pytest.fixture(autouse=True)
def _few_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_index, "MAX_AT_HAND", AT_HAND)


@pytest.fixture
def recall(database: Database) -> RecallStorage:
    return RecallStorage(database)


async def keep(database: Database, agent_id: int, *texts: str, at: datetime = NOW, by: str = "Ada") -> list[int]:
    """Messages, a minute apart."""
    new = [
        NewMessage(kind=Kind.USER_MESSAGE, created_at=at + timedelta(minutes=number), text=text, author_name=by)
        for number, text in enumerate(texts)
    ]
    async with database.write() as transaction:
        return [message.id for message in await RecallStorage(database).append(transaction, agent_id, None, new)]


def talk(count: int, text: str = "We talked about the weather, number") -> list[str]:
    return [f"{text} {number}" for number in range(count)]


async def test_a_line_from_years_ago_is_found_by_its_words(database: Database, recall: RecallStorage, ada: int) -> None:
    await keep(database, ada, *talk(20), at=LONG_AGO)
    (line,) = await keep(database, ada, "The blue kettle stands in the cellar.", at=LONG_AGO + timedelta(hours=1))
    await keep(database, ada, *talk(20), "A kettle is a pot.", *talk(AT_HAND - 1))
    assert (await recall.search(ada, "Where is the blue kettle?"))[0] == line
    assert (await recall.search(ada, "cellar"))[0] == line
    assert line in await recall.search(ada, "ettle")  # within a word as well
    assert line not in await recall.search(ada, "blue kettle", before_id=line)


async def test_its_meaning_and_what_was_said_around_it_count_as_at_hand(database: Database, ada: int) -> None:
    recall = RecallStorage(database, WordLlamaEmbedder())
    asked, answer = await keep(database, ada, "Which zebra won the race?", "It was number seven.", at=LONG_AGO)
    await keep(database, ada, *talk(20))
    await recall.catch_up()
    found = await recall.search(ada, "zebra race")
    assert found[0] == asked
    assert answer in found  # without a word of the question


async def test_nobody_elses_old_line_is_found(database: Database, recall: RecallStorage, ada: int, bob: int) -> None:
    await keep(database, bob, "The blue kettle stands in the cellar.", at=LONG_AGO)
    own = await keep(database, ada, "A kettle of mine.", at=LONG_AGO)
    for agent_id in (ada, bob):
        await keep(database, agent_id, *talk(20))
    assert own[0] in await recall.search(ada, "blue kettle cellar")
    found = await recall.search(ada, "blue kettle cellar")
    assert set(found) <= {message.id for message in await recall.get(ada, found)}


@pytest.mark.parametrize("limit", [AT_HAND, 20, 10_000])
@pytest.mark.parametrize("query", ["kettle", "blue kettle", "spoon kettle weather", "ORD-55-17", "kettle from:Bob"])
async def test_the_same_lines_hold_a_word_however_many_are_at_hand(
    database: Database, ada: int, monkeypatch: pytest.MonkeyPatch, query: str, limit: int
) -> None:
    said = [f"{'kettle' if n % 7 == 0 else 'spoon'} {'blue' if n % 5 == 0 else 'red'} {n}" for n in range(60)]
    await keep(database, ada, "The order was ORD-55-17.", *said[:30], at=LONG_AGO)
    await keep(database, ada, *said[30:], by="Bob")
    monkeypatch.setattr(message_index, "MAX_AT_HAND", 10_000)
    expected = await RecallStorage(database).search(ada, query)
    monkeypatch.setattr(message_index, "MAX_AT_HAND", limit)
    found = await RecallStorage(database).search(ada, query)
    words = [word.lower() for word in query.split() if ":" not in word]
    texts = {message.id: message.text or "" for message in await RecallStorage(database).get(ada, expected)}
    holding = {id_ for id_ in expected if any(word in texts[id_].lower() for word in words)}
    assert holding <= set(found)
    assert found[0] == expected[0]


async def test_old_lines_are_narrowed_before_the_best_are_chosen(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_messages, "MAX_FOUND", 1)
    monkeypatch.setattr(older_messages, "MAX_OF_A_WORD", 3)
    (bobs,) = await keep(database, ada, "A kettle of Bob's", at=LONG_AGO, by="Bob")
    await keep(database, ada, *talk(10, "Ada has a kettle"), at=LONG_AGO + timedelta(days=1))
    await keep(database, ada, *talk(10, "Late I bought a kettle"), at=LONG_AGO + timedelta(days=700))
    await keep(database, ada, *talk(20))
    await keep(database, ada, "Hello", by="Bob")
    day = LONG_AGO.date().isoformat()
    assert await recall.search(ada, f"kettle on:{day}") == (bobs,)
    monkeypatch.setattr(older_messages, "MAX_OF_A_WORD", 100)
    assert await recall.search(ada, "kettle from:bob") == (bobs,)
    assert await recall.search(ada, "kettle on:1999-01-01") == ()
    assert await recall.search(ada, f"kettle from:assistant on:{day}") == ()


async def test_two_common_words_are_found_together_however_long_ago(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_messages, "MAX_OF_A_WORD", 5)
    (line,) = await keep(database, ada, "The kettle is blue.", at=LONG_AGO)
    await keep(database, ada, *talk(20, "A kettle."), *talk(20, "So blue."))
    await keep(database, ada, *talk(20))
    assert (await recall.search(ada, "blue kettle"))[0] == line


async def test_what_is_read_and_kept_of_old_lines_is_bounded(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_messages, "MAX_OF_A_WORD", 30)
    monkeypatch.setattr(older_messages, "MAX_FOUND", 4)
    await keep(database, ada, *talk(200, "A kettle."), at=LONG_AGO)
    newest = await keep(database, ada, *talk(AT_HAND))
    first = await recall.search(ada, "kettle")
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *others: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert await recall.search(ada, "kettle") == first
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert 4 <= len(first) <= 4 * (2 * older_messages.REACH + 1) + message_index.MAX_AT_HAND
    assert len(statements) < 15
    assert recall._index._at_hand[ada].told.ids.tolist() == newest


async def test_an_old_line_that_was_removed_is_not_found(database: Database, recall: RecallStorage, ada: int) -> None:
    line, beside = await keep(database, ada, "The blue kettle.", "It is hot.", at=LONG_AGO)
    await keep(database, ada, *talk(20))
    assert line in await recall.search(ada, "kettle")
    async with recall.rewriting(), database.write() as transaction:
        await transaction.execute(delete(messages).where(messages.c.id == line))
    assert await _of(recall, ada, await recall.search(ada, "blue kettle")) == []
    assert beside in await recall.search(ada, "hot")


async def _of(recall: RecallStorage, agent_id: int, ids: Sequence[int]) -> list[str]:
    return [message.text or "" for message in await recall.get(agent_id, ids) if "kettle" in (message.text or "")]
