"""What a reflection is given to read, and which message its new words come from."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.token_counter import BpeTokenCounter
from bot.context.sources import Source
from bot.timed.reflection_text import enough, material, source_of
from memory.core.core_memory import Block
from memory.ports import BlockEdit, Kind, Message

COUNTER = BpeTokenCounter()
ZONE = ZoneInfo("Europe/Lisbon")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def said(number: int, text: str, kind: Kind = Kind.USER_MESSAGE) -> Message:
    is_person = kind is Kind.USER_MESSAGE
    author = {"author_id": "1", "author_name": "Ada"} if is_person else {}
    return Message(id=number, turn_id=number, kind=kind, created_at=NOON, text=text, **author)


def line(text: str, message: Message | None = None, *, is_first: bool = False) -> Source:
    edit = BlockEdit("human", "", text, "agent", "test", None, datetime(2026, 2, 3, tzinfo=UTC))
    return Source(text, () if is_first else (edit,), message)


SAID = [
    said(1, "My locker is 7351-QX"),
    said(2, "I moved to Porto yesterday"),
    said(3, "The locker in the hall is broken"),
    said(4, "I see.", Kind.ASSISTANT),
]


@pytest.mark.parametrize(
    ("added", "known", "source"),
    [
        ("Locker 7351-QX.", "", 1),
        ("Ada moved to Porto on 2026-02-28.", "", 2),
        ("Ada's locker is in the hall.", "", 3),
        ("Lives in Porto.", "Lives in Lisbon.", 2),
        ("Likes figs.", "", None),
        ("The locker.", "", 3),  # of several the newest
        ("Locker 7351-QX.", "The locker 7351-QX", None),  # nothing that was not known
        ("", "", None),
    ],
)
def test_the_source_is_the_message_whose_words_it_shares(added: str, known: str, source: int | None) -> None:
    assert source_of(added, known, SAID) == source


def test_it_tells_how_full_each_block_is_and_the_day_of_each_line() -> None:
    human = Block("human", "From Ohio.\nMoves tomorrow.\nLikes figs.", 8)
    sources = [line("From Ohio.", is_first=True), line("Moves tomorrow.", SAID[1]), line("Likes figs.")]
    text, shown = material([(human, sources)], {}, (), SAID, ZONE, COUNTER, 1000, names_ids=False)
    size = COUNTER.count(human.value)
    assert f"human: {size} of 8 tokens, nearly full\n             | From Ohio.\n" in text
    assert "  2026-03-01 | Moves tomorrow.\n  2026-02-03 | Likes figs.\n" in text
    assert text.endswith(
        "  Sun 2026-03-01 12:00 Ada: The locker in the hall is broken\n  Sun 2026-03-01 12:00 you (the agent): I see."
    )
    assert shown == tuple(SAID)


def test_what_finds_no_room_is_counted_the_oldest_first() -> None:
    many = [said(number, f"Message {number}. " + "a long story " * 40) for number in range(50)]
    text, shown = material([], {}, (), many, ZONE, COUNTER, 800, names_ids=True)
    assert f"({50 - len(shown)} older messages left out; search for them)" in text
    assert shown == tuple(many[-len(shown) :])
    assert "Ada (1): Message 49." in text


@given(
    st.lists(st.text(max_size=200), max_size=30), st.lists(st.text(max_size=200), max_size=30), st.integers(100, 2000)
)
def test_it_stays_in_its_room(lines: list[str], texts: list[str], most: int) -> None:
    block = Block("human", "\n".join(lines), 1000)
    sources = [line(text) for text in lines]
    messages = [said(number, text) for number, text in enumerate(texts)]
    text, _ = material([(block, sources)], {"human": "Ada"}, (), messages, ZONE, COUNTER, most, names_ids=True)
    assert COUNTER.count(text) <= most


def test_enough_is_many_messages_of_people_or_many_words() -> None:
    def is_enough(*messages: Message) -> bool:
        return enough(messages, COUNTER, messages=3, tokens=50)

    assert not is_enough()
    assert not is_enough(SAID[0], SAID[1], SAID[3], SAID[3], SAID[3])
    assert is_enough(SAID[0], SAID[1], SAID[2])
    assert is_enough(said(9, "a long story " * 30))
    assert not is_enough(said(9, "a long story " * 30, Kind.ASSISTANT))
