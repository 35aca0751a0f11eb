"""Of an agent with more messages than are held at hand, the older ones are found by their words."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, event

from adapters.models.embedders import WordLlamaEmbedder
from memory.ports import Kind, NewMessage
from memory.recall import message_index, older_messages, older_speakers
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database
from memory.sqlite.tables import messages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3000)
AT_HAND = 8


@pytest.fixture(autouse=True)
def _few_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_index, "MAX_AT_HAND", AT_HAND)


@pytest.fixture
def recall(database: Database) -> RecallStorage:
    return RecallStorage(database)


async def keep(database: Database, agent_id: int, *texts: str, at: datetime = NOW, by: str | None = "Ada") -> list[int]:
    """Messages, a minute apart; by None: the agent's own."""
    kind = Kind.ASSISTANT if by is None else Kind.USER_MESSAGE
    new = [
        NewMessage(kind=kind, created_at=at + timedelta(minutes=number), text=text, author_name=by)
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
    assert 4 <= len(first) <= 30 + 4 * (2 * older_messages.REACH + 1) + message_index.MAX_AT_HAND
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


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("before:2020-01-01", "zcbax"),
        ("before:2020-01-01 from:user", "zbax"),
        ("on:2018-01-02", "ba"),
        ("the on:2018-01-02", "b"),
        ("of the on:2018-01-02", "ba"),  # nothing holds this as it stands
        ("from:assistant", "nc"),
        ("from:zoe", "z"),
        ("from:zoe the", "z"),
        ("from:zoe on:2018-01-02", ""),
        ("from:bob before:2020-01-01", ""),
    ],
)
async def test_what_narrows_a_search_lists_old_lines_as_well_newest_first(
    database: Database, recall: RecallStorage, ada: int, bob: int, query: str, expected: str
) -> None:
    at, lines = datetime(2018, 1, 1, 9, tzinfo=UTC), dict[int, str]()

    async def say(name: str, text: str, day: int, by: str | None = "Ada") -> None:
        (id_,) = await keep(database, ada, text, at=at + timedelta(days=day), by=by)
        lines[id_] = name

    await keep(database, bob, "Bob's own, the", at=at + timedelta(days=1), by="Zoe")
    await say("x", "It rains.", 0)
    await say("a", "We went out.", 1)
    await say("b", "Into the rain.", 1)
    await say("c", "So I heard.", 2, by=None)
    await say("z", "My cat is called Pixel; the cat!", 3, by="Zoe")
    await keep(database, ada, *talk(20))
    await say("n", "Well.", 3000, by=None)
    await keep(database, ada, "Hello", by="Bob")
    for storage in (recall, RecallStorage(database)):  # as well after a restart
        found = await storage.find(ada, query)
        assert "".join(lines.get(id_, "?") for id_ in found.ids) == expected
        assert (found.is_cut, found.untaken) == (False, ())


async def test_of_very_many_old_lines_that_a_search_is_narrowed_to_the_newest_are_listed_and_more_is_told(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_messages, "MAX_LISTED", 5)
    old = await keep(database, ada, *talk(12, "Of old"), at=LONG_AGO)
    await keep(database, ada, *talk(20))
    found = await recall.find(ada, "before:2020-01-01")
    assert (found.ids, found.is_cut) == (tuple(old[:-6:-1]), True)
    monkeypatch.setattr(older_messages, "MAX_LISTED", 100)
    found = await recall.find(ada, "before:2020-01-01")
    assert (found.ids, found.is_cut) == (tuple(old[::-1]), False)


async def test_a_name_is_known_of_whoever_spoke_only_long_ago(database: Database, ada: int, bob: int) -> None:
    (cat,) = await keep(database, ada, "My cat is Pixel", at=LONG_AGO, by="Zoë Quinn")
    await keep(database, bob, "My cat is Byte", at=LONG_AGO, by="Yan")
    await keep(database, ada, *talk(20, "The cat sleeps"))
    found = await RecallStorage(database).find(ada, "cat from:zoe")
    assert (found.ids, found.untaken) == ((cat,), ())
    found = await RecallStorage(database).find(ada, "cat from:yan")  # who spoke to somebody else's agent
    assert found.untaken == ("nobody here is called yan; not narrowed",)
    assert (await RecallStorage(database).find(ada, "cat from:zoe", before_id=cat)).ids == ()


async def test_older_messages_are_gone_through_once_for_who_spoke_in_them(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_speakers, "READ_AT_ONCE", 3)
    speakers = older_speakers.OlderSpeakers()
    first = await keep(database, ada, *talk(4), by="Zoe")
    second = await keep(database, ada, *talk(4))
    (last,) = await keep(database, ada, "And now?", by="Zoe")
    await recall.catch_up()
    read: list[object] = []

    def note(connection: object, cursor: object, statement: str, *others: object) -> None:
        read.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with database.read() as connection:
            assert await speakers.before(connection, ada, second[-1]) == {
                "Zoe": (first[0], first[-1]),
                "Ada": (second[0], second[-2]),
            }
            read.clear()
            assert (await speakers.before(connection, ada, last + 1))["Zoe"] == (first[0], last)
            assert len(read) == 2  # what came since, and nothing
            speakers.let_go(ada)
            assert len(await speakers.before(connection, ada, first[1])) == 1
            monkeypatch.setattr(older_speakers, "MAX_NAMES", 1)
            assert list(await speakers.before(connection, ada, last + 1)) == ["Zoe"]
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_speaker_and_role_come_before_the_newest_that_hold_a_word(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_messages, "MAX_OF_A_WORD", 5)
    (bobs,) = await keep(database, ada, "The kettle is under the bed", at=LONG_AGO, by="Bob")
    (own,) = await keep(database, ada, "I see a kettle", at=LONG_AGO, by=None)
    await keep(database, ada, *talk(30, "Ada has a kettle"), at=LONG_AGO + timedelta(days=20))
    (late,) = await keep(database, ada, "Nothing, I", at=LONG_AGO + timedelta(days=21), by="Bob")
    await keep(database, ada, *talk(20))
    day = LONG_AGO.date().isoformat()
    for query in ("kettle from:bob", "where is the kettle bed from:bob", f"kettle on:{day} from:user"):
        assert bobs in await recall.search(ada, query)
    found = await recall.find(ada, "kettle from:assistant")
    assert (found.ids, found.is_cut) == ((own,), False)
    assert set(await recall.search(ada, "kettle from:bob")) <= {bobs, late}


async def test_of_what_is_narrowed_so_many_are_looked_through_and_more_is_told(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bobs,) = await keep(database, ada, "The kettle is under the bed", at=LONG_AGO, by="Bob")
    await keep(database, ada, *talk(30, "Ada has a kettle"), at=LONG_AGO + timedelta(days=20))
    (late,) = await keep(database, ada, "The kettle!", at=LONG_AGO + timedelta(days=21), by="Bob")
    await keep(database, ada, *talk(20))
    found = await recall.find(ada, "kettle from:bob")
    assert (set(found.ids), found.is_cut) == ({bobs, late}, False)
    monkeypatch.setattr(older_messages, "MAX_LOOKED_THROUGH", 20)
    for query in ("kettle from:bob", "from:bob"):
        found = await recall.find(ada, query)
        assert (found.ids, found.is_cut) == ((late,), True)


@pytest.mark.parametrize("query", ["blue kettle", "blue kettle garden", "blue garden kettle door spoon wall roof lamp"])
async def test_some_common_words_are_found_together_without_the_others_of_the_query(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(older_messages, "MAX_OF_A_WORD", 5)
    asked: list[Sequence[str]] = []
    holding_all = recall._index._words.holding_all

    async def counted(connection: object, owner: int, terms: Sequence[str], cut: object) -> list[int]:
        asked.append(terms)
        return await holding_all(connection, owner, terms, cut)  # type: ignore[arg-type]

    monkeypatch.setattr(recall._index._words, "holding_all", counted)
    (line,) = await keep(database, ada, "The blue kettle lives here.", at=LONG_AGO)
    for text in ("A kettle.", "So blue."):
        await keep(database, ada, *talk(8, text), at=LONG_AGO + timedelta(days=3))
    for word in ("garden", "door", "spoon", "wall", "roof", "lamp"):
        await keep(database, ada, *talk(20, f"Big {word}."), at=LONG_AGO + timedelta(days=4))
    await keep(database, ada, *talk(20))
    assert (await recall.search(ada, query))[0] == line
    assert len(asked) <= older_messages.MAX_COMBINATIONS


async def test_where_two_words_together_are_common_a_third_is_taken_to_them(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_messages, "MAX_OF_A_WORD", 5)
    (line,) = await keep(database, ada, "The blue kettle of the garden", at=LONG_AGO)
    for text in ("Blue kettle", "Blue garden", "Garden kettle", "A roof", "Roof kettle"):
        await keep(database, ada, *talk(20, text), at=LONG_AGO + timedelta(days=3))
    await keep(database, ada, *talk(20))
    assert (await recall.search(ada, "blue kettle garden roof"))[0] == line


async def test_all_old_lines_that_hold_a_word_are_found_or_it_is_told_that_there_are_more(
    database: Database, recall: RecallStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_messages, "MAX_FOUND", 10)
    old = await keep(database, ada, *talk(60, "umbrella"), at=LONG_AGO)
    await keep(database, ada, *talk(20))
    found = await recall.find(ada, "umbrella")
    assert set(old) <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert not found.is_cut
    assert (await recall.search(ada, "umbrella 3"))[0] == old[3]
    for limit in ("MAX_LISTED", "MAX_OF_A_WORD"):
        with monkeypatch.context() as lowered:
            lowered.setattr(older_messages, limit, 40)
            found = await recall.find(ada, "umbrella")
            assert found.is_cut
            assert 40 <= len(set(old).intersection(found.ids)) < 60


async def _of(recall: RecallStorage, agent_id: int, ids: Sequence[int]) -> list[str]:
    return [message.text or "" for message in await recall.get(agent_id, ids) if "kettle" in (message.text or "")]
