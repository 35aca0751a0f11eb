"""Recall storage: what was said is kept to the letter, found again, and only by its own agent."""

import asyncio
import itertools
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event

from memory.core.agents import AgentStore
from memory.ports import Found, Kind, Message, NewMessage, ToolUse
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database
from memory.sqlite.tables import messages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def recall(database: Database) -> RecallStorage:
    return RecallStorage(database)


def said(text: str | None, *, kind: Kind = Kind.USER_MESSAGE, minutes: float = 0) -> NewMessage:
    return NewMessage(kind=kind, created_at=NOW + timedelta(minutes=minutes), text=text)


async def keep(database: Database, agent_id: int, *new: NewMessage, turn_id: int | None = None) -> tuple[Message, ...]:
    async with database.write() as transaction:
        return await RecallStorage(database).append(transaction, agent_id, turn_id, new)


def ids(kept: Sequence[Message]) -> tuple[int, ...]:
    return tuple(message.id for message in kept)


# ── keeping ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_comes_back_as_it_was_kept(recall: RecallStorage, database: Database, ada: int) -> None:
    full = NewMessage(
        kind=Kind.ASSISTANT,
        created_at=NOW + timedelta(microseconds=1),
        text='Hello 👩‍👩‍👧‍👦 "quoted" \\ \u202e\n\ttabbed',
        thoughts="They seem shy.",
        tool_uses=(ToolUse("call_1", "send_message", '{"message": "Hello"}'), ToolUse("call_2", "x", "{broken")),
        tool_use_id="call_0",
        author_id="ada",
        author_name="Ada 🦊",
    )
    kept = await keep(database, ada, full, said(None, kind=Kind.TOOL_RESULT))
    assert await recall.queue(ada) == kept
    assert await recall.get(ada, ids(kept)) == kept
    assert kept[0] == Message(
        id=kept[0].id,
        turn_id=kept[0].turn_id,
        kind=full.kind,
        created_at=full.created_at,
        text=full.text,
        thoughts=full.thoughts,
        tool_uses=full.tool_uses,
        tool_use_id=full.tool_use_id,
        author_id=full.author_id,
        author_name=full.author_name,
    )


async def test_messages_without_a_turn_begin_one(recall: RecallStorage, database: Database, ada: int) -> None:
    (one,) = await keep(database, ada, said("one"))
    two = await keep(database, ada, said("two"), said("three"), said("four"))
    answer = await keep(database, ada, said("five", kind=Kind.ASSISTANT), turn_id=one.turn_id)
    assert one.turn_id == one.id
    assert {message.turn_id for message in two} == {two[0].id}
    assert answer[0].turn_id == one.id
    assert await recall.queue(ada) == (one, *two, *answer)


async def test_nothing_to_keep_and_nothing_to_evict_is_nothing(
    recall: RecallStorage, database: Database, ada: int
) -> None:
    assert await keep(database, ada) == ()
    async with database.write() as transaction:
        await recall.evict(transaction, ada, [])
    assert await recall.queue(ada) == ()
    assert await recall.get(ada, []) == ()


async def test_ids_grow_and_are_never_given_twice(database: Database, ada: int, bob: int) -> None:
    kept = [*await keep(database, ada, said("a"), said("b")), *await keep(database, bob, said("c"))]
    async with database.write() as transaction:
        await transaction.execute(delete(messages))
    kept += await keep(database, ada, said("d"))
    assert list(ids(kept)) == sorted(set(ids(kept)))


async def test_writers_at_the_same_time_keep_each_messages_order(
    recall: RecallStorage, database: Database, ada: int, bob: int
) -> None:
    await asyncio.gather(
        *(keep(database, agent, *(said(f"{n}.{m}") for m in range(5))) for n in range(20) for agent in (ada, bob))
    )
    for agent in (ada, bob):
        texts = [message.text or "" for message in await recall.queue(agent)]
        assert len(texts) == 100
        for n in range(20):
            assert [text for text in texts if text.startswith(f"{n}.")] == [f"{n}.{m}" for m in range(5)]


# ── the queue ────────────────────────────────────────────────────────────────────────────────────────


async def test_evicted_messages_leave_the_queue_and_stay_in_recall(
    recall: RecallStorage, database: Database, ada: int
) -> None:
    kept = await keep(database, ada, *(said(f"figs {n}", minutes=n) for n in range(4)))
    async with database.write() as transaction:
        await recall.evict(transaction, ada, ids(kept[:2]))
    assert await recall.queue(ada) == kept[2:]
    assert await recall.get(ada, ids(kept)) == kept
    assert await recall.count(ada) == 4
    assert set(await recall.search(ada, "figs")) == set(ids(kept))
    assert await recall.between(ada, NOW, NOW + timedelta(hours=1)) == ids(kept)


async def test_an_agent_cannot_evict_anothers_messages(
    recall: RecallStorage, database: Database, ada: int, bob: int
) -> None:
    kept = await keep(database, ada, said("mine"))
    async with database.write() as transaction:
        await recall.evict(transaction, bob, ids(kept))
    assert await recall.queue(ada) == kept


async def plan_of(database: Database, asking: Awaitable[object]) -> str:
    """How SQLite goes about the one statement that is made."""
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        await asking
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    ((statement, parameters),) = asked
    async with database.read() as connection:
        return str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all())


async def test_a_short_queue_of_a_long_life_is_read_by_its_own_index(
    recall: RecallStorage, database: Database, ada: int
) -> None:
    assert "ix_messages_queue" in await plan_of(database, recall.queue(ada))


async def test_what_waits_to_be_found_is_not_looked_for_among_all_that_was_ever_said(
    recall: RecallStorage, database: Database
) -> None:
    plan = await plan_of(database, recall.catch_up())
    assert "ix_messages_unindexed" in plan
    assert "TEMP B-TREE" not in plan  # all of it sorted, for the first of it


# ── finding ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_said_is_found_by_its_words_best_first(
    recall: RecallStorage, database: Database, ada: int
) -> None:
    kept = await keep(
        database,
        ada,
        said("My dog is called Biscuit"),
        said("A biscuit would be nice"),
        said("Biscuit, the dog, barks", kind=Kind.ASSISTANT),
        said("The weather is fine"),
        said("It is indeed", kind=Kind.ASSISTANT),
        said("And tomorrow?"),
        said("Rain"),
    )
    found = await recall.search(ada, "Which dog is called Biscuit?")
    assert found[0] == kept[0].id
    assert set(found[:3]) == set(ids(kept[:3]))
    assert set(found[3:]) == set(ids(kept[3:5]))  # beside one that holds a word, so perhaps the answer to it


async def test_only_what_people_said_and_heard_is_found(recall: RecallStorage, database: Database, ada: int) -> None:
    hidden = [kind for kind in Kind if kind not in (Kind.USER_MESSAGE, Kind.ASSISTANT)]
    await keep(database, ada, *(said("figs", kind=kind) for kind in hidden))
    await keep(
        database,
        ada,
        NewMessage(kind=Kind.ASSISTANT, created_at=NOW, thoughts="figs", tool_uses=(ToolUse("1", "figs", "figs"),)),
    )
    assert await recall.search(ada, "figs") == ()
    assert await recall.count(ada) == 0
    assert await recall.between(ada, NOW, NOW + timedelta(days=1)) == ()


async def test_a_search_may_end_before_a_message(recall: RecallStorage, database: Database, ada: int) -> None:
    kept = await keep(database, ada, said("figs one"), said("figs two"), said("figs three"))
    assert set(await recall.search(ada, "figs", before_id=kept[1].id)) == {kept[0].id}
    assert await recall.search(ada, "figs", before_id=0) == ()


@pytest.mark.parametrize("query", ["", "  ", "%", "_", "\\", "%%", "unheard-of", "'", '"', "*", "x" * 60_000])
async def test_special_characters_and_empty_queries_find_nothing_by_chance(
    recall: RecallStorage, database: Database, ada: int, query: str
) -> None:
    await keep(database, ada, said("plain words only"))
    assert await recall.search(ada, query) == ()


@pytest.mark.parametrize(
    "text",
    [
        "100% sure",
        "to be or not to be",
        "OR",
        '"',
        "*",
        "snake_case",
        "C:\\temp",
        "C++",
        "node.js",
        "小猫叫豆豆",
        "猫の名前",
        "Straße",
        "हिन्दी",
        "고양이",
        "แมวดำ",
    ],
)
async def test_a_text_is_found_by_itself(recall: RecallStorage, database: Database, ada: int, text: str) -> None:
    await keep(database, ada, *(said(f"something else {number}") for number in range(9)))
    kept = await keep(database, ada, said("and more"), said(f"({text})"))
    assert (await recall.search(ada, text))[0] == kept[1].id


async def test_a_span_of_time_includes_its_start_and_not_its_end(
    recall: RecallStorage, database: Database, ada: int
) -> None:
    kept = await keep(database, ada, said("late", minutes=2), said("early", minutes=1), said("start"))
    assert await recall.between(ada, NOW, NOW + timedelta(minutes=2)) == (kept[2].id, kept[1].id)
    assert await recall.between(ada, NOW + timedelta(microseconds=1), NOW + timedelta(days=1)) == (
        kept[1].id,
        kept[0].id,
    )
    assert await recall.between(ada, NOW, NOW) == ()


async def test_messages_come_in_the_order_asked_and_those_gone_are_left_out(
    recall: RecallStorage, database: Database, ada: int
) -> None:
    one, two, three = await keep(database, ada, said("one"), said("two"), said("three"))
    async with database.write() as transaction:
        await transaction.execute(delete(messages).where(messages.c.id == two.id))
    assert await recall.get(ada, [three.id, two.id, 999, one.id, three.id]) == (three, one, three)


async def test_no_read_shows_anything_of_another_agent(
    recall: RecallStorage, database: Database, ada: int, bob: int
) -> None:
    adas = await keep(database, ada, said("the secret is figs"), said("a secret answer", kind=Kind.ASSISTANT))
    span = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert await recall.queue(bob) == ()
    assert await recall.get(bob, ids(adas)) == ()
    assert await recall.count(bob) == 0
    assert await recall.search(bob, "secret figs") == ()
    assert await recall.between(bob, *span) == ()

    bobs = await keep(database, bob, said("the secret is dates"))
    assert await recall.queue(bob) == bobs
    assert await recall.get(bob, [*ids(adas), *ids(bobs)]) == bobs
    assert await recall.count(bob) == 1
    assert await recall.search(bob, "secret figs") == ids(bobs)
    assert await recall.between(bob, *span) == ids(bobs)
    assert await recall.queue(ada) == adas


# ── exactly ──────────────────────────────────────────────────────────────────────────────────────────

STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
EXAMPLES = itertools.count()
MOMENTS = st.datetimes(timezones=st.sampled_from([UTC]) | st.timezones()).filter(
    lambda moment: 2 <= moment.year <= 9998  # so that it has a UTC at all
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database for many examples: each makes an agent of its own in it."""
    return tmp_path_factory.mktemp("recall")


@settings(deadline=None, max_examples=40)
@given(
    written=st.lists(st.tuples(STORABLE, MOMENTS, STORABLE | st.none()), min_size=1, max_size=10),
)
def test_any_text_and_any_moment_come_back_exactly(data: Path, written: list[tuple[str, datetime, str | None]]) -> None:
    new = tuple(
        NewMessage(
            kind=Kind.USER_MESSAGE,
            created_at=moment,
            text=text,
            thoughts=thoughts,
            tool_uses=(ToolUse("1", text, text),),
        )
        for text, moment, thoughts in written
    )

    async def round_trip() -> tuple[tuple[Message, ...], tuple[int, ...]]:
        database = await Database.open(data / "bot.db", data / "backups", NOW)
        try:
            async with database.write() as transaction:
                agent = await AgentStore(database).create(
                    transaction, f"example {next(EXAMPLES)}", [("human", "")], NOW
                )
            await keep(database, agent.id, *new)
            recall = RecallStorage(database)
            return await recall.queue(agent.id), await recall.between(
                agent.id, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
            )
        finally:
            await database.close()

    kept, in_time = asyncio.run(round_trip())
    # In UTC: of two moments in a repeated hour, Python calls none equal to one in another zone.
    exact = [(text, moment.astimezone(UTC), thoughts) for text, moment, thoughts in written]
    assert [(message.text, message.created_at, message.thoughts) for message in kept] == exact
    assert [message.tool_uses for message in kept] == [message.tool_uses for message in new]
    assert all(message.created_at.tzinfo is UTC for message in kept)
    assert in_time == ids(sorted(kept, key=lambda message: (message.created_at, message.id)))


async def test_a_moment_without_a_zone_is_refused(database: Database, ada: int) -> None:
    naive = NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW.replace(tzinfo=None), text="when?")
    with pytest.raises(Exception, match="offset-naive and offset-aware"):
        await keep(database, ada, naive)


# ── narrowing ────────────────────────────────────────────────────────────────────────────────────────


def by(name: str, text: str, *, days: int) -> NewMessage:
    return NewMessage(
        kind=Kind.USER_MESSAGE, created_at=NOW + timedelta(days=days), text=text, author_id=name, author_name=name
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("figs", {0, 1, 2, 3, 4}),
        ("figs from:Ada", {0, 2}),
        ('figs from:"ada lovelace"', {0, 2}),
        ("from:bob figs", {1}),
        ("figs from:assistant", {3, 4}),
        ("figs from:user", {0, 1, 2}),
        ("figs after:2026-03-03", {2, 3, 4}),
        ("figs before:2026-03-03", {0, 1}),
        ("figs on:2026-03-02", {1}),
        ("figs from:ada after:2026-03-02 before:2026-03-09", {2}),
        ("figs from:ada from:bob", set()),
        ("figs from:user from:assistant", set()),
        ("from:ada what did she do", {0, 2}),
        ("on:2026-03-02", {1}),
        ("figs from:nobody", {0, 1, 2, 3, 4}),
        ("figs after:2026-13-01", {0, 1, 2, 3, 4}),
    ],
)
async def test_a_search_is_narrowed_by_speaker_role_and_day(
    recall: RecallStorage, database: Database, ada: int, query: str, found: set[int]
) -> None:
    kept = await keep(
        database,
        ada,
        by("Ada Lovelace", "I eat figs", days=0),
        by("Bob", "Figs? No", days=1),
        by("Ada Lovelace", "More figs", days=2),
        said("Here are figs", kind=Kind.ASSISTANT, minutes=3 * 24 * 60),
        said("And figs again", kind=Kind.ASSISTANT, minutes=4 * 24 * 60),
    )
    assert {ids(kept).index(id_) for id_ in await recall.search(ada, query)} == found


async def test_days_are_those_of_the_zone_that_is_asked_in(recall: RecallStorage, database: Database, ada: int) -> None:
    (kept,) = await keep(database, ada, said("figs"))  # noon in UTC
    assert await recall.search(ada, "figs on:2026-03-02", zone=ZoneInfo("Pacific/Kiritimati")) == (kept.id,)
    assert await recall.search(ada, "figs on:2026-03-01", zone=ZoneInfo("Pacific/Kiritimati")) == ()


async def test_narrowing_comes_before_the_best_are_chosen(database: Database, ada: int) -> None:
    """Else the nearest hundred of others would leave no room for the one that is asked for."""

    class AllAlike:
        name = "alike"

        async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            return [[1.0, 0.0] for _ in texts]

    recall = RecallStorage(database, AllAlike())
    kept = await keep(database, ada, by("Ada", "hello", days=0), *(by("Bob", "hi there", days=1) for _ in range(150)))
    await recall.catch_up()
    assert kept[0].id not in await recall.search(ada, "figs")
    assert await recall.search(ada, "figs from:ada") == (kept[0].id,)
    await recall.close()


async def test_signs_are_looked_for_in_the_newest_messages_and_more_are_told(
    recall: RecallStorage, database: Database, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await keep(database, ada, *(by("Ada" if day % 2 else "Bob", f"the {day}", days=day) for day in range(6)))
    assert await recall.find(ada, "the") == Found(tuple(ids(kept)[::-1]))
    monkeypatch.setattr("memory.recall.message_search.MAX_READ", 3)
    assert await recall.find(ada, "the") == Found(tuple(ids(kept)[:2:-1]), is_cut=True)
    assert await recall.find(ada, "the from:bob") == Found(tuple(ids(kept)[4::-2]))  # of Bob's, the newest
    monkeypatch.setattr("memory.recall.message_search.MAX_READ", 2)
    assert await recall.find(ada, "the from:bob") == Found(tuple(ids(kept)[4:1:-2]), is_cut=True)


async def test_a_long_message_finds_by_its_telling_word_wherever_it_stands(
    recall: RecallStorage, database: Database, ada: int
) -> None:
    talk = [f"small talk {number} about the house and family and the train and the holiday" for number in range(15)]
    gadget, tea, *_ = await keep(database, ada, said("It is a Frobozz"), said("我买了普洱茶饼"), *map(said, talk))
    long = (
        "Remember that last year in the holidays with the family at the house near the train station we talked of "
        "many different small things, cooking walking music painting reading writing swimming climbing sewing "
        "gardening skating singing, and then I mentioned the Frobozz"
    )
    assert (await recall.search(ada, long))[0] == gadget.id
    chinese = "上个月我们全家人一起坐火车去了云南的大理古城旅游住了五天那么你还记得我在那里最后买的普洱茶饼吗"
    assert (await recall.search(ada, chinese))[0] == tea.id


# ── identifiers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", [0, 40, 300])
@pytest.mark.parametrize("identifier", ["ORD-55-17", "v2.17.5", "192.168.1.17", "2026-03-17"])
async def test_what_holds_a_whole_identifier_comes_before_what_holds_a_part(
    database: Database, ada: int, identifier: str, words: int
) -> None:
    recall = RecallStorage(database)
    days = [said(f"On day {number} we saw {number * 7 % 60} cats and v{number}") for number in range(1, 61)]
    filler = " ".join(f"garden{number % 20}" for number in range(words))
    kept = await keep(database, ada, *days[:20], said(f"{filler} It is {identifier}. {filler}"), *days[20:])
    for query in (identifier, f"What was {identifier.lower()}?"):
        assert (await recall.search(ada, query))[0] == kept[20].id


async def test_parts_side_by_side_come_before_parts_apart_and_those_before_a_part(
    database: Database, ada: int, bob: int
) -> None:
    recall = RecallStorage(database)
    await keep(database, bob, said("ORD-55-17"))
    apart = said("17 pots, 55 lamps and one ord, beside all else that is in the garden and on the balcony there")
    texts = [said("17 cats"), apart, said("an ord"), said("In the garden they wrote ord 55/17 on it"), said("55 dogs")]
    kept = await keep(database, ada, *texts)
    assert (await recall.search(ada, "ORD-55-17"))[:2] == (kept[3].id, kept[1].id)
