"""Lookup hints: taken from what a model wrote or chosen by code, kept only if they lead back to what was said."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.token_counter import BpeTokenCounter
from bot.context.lookup_hints import MAX_HINTS, Find, fitting, holding, joined, parted, renewed, telling_terms
from memory.ports import Kind, Message
from memory.search.words import query_words

COUNTER = BpeTokenCounter()


def said(number: int, text: str) -> Message:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return Message(id=number, turn_id=number, kind=Kind.USER_MESSAGE, created_at=moment, text=text)


def returning(*messages: Message) -> Find:
    """A search that likes everything, as a search by meaning may."""

    async def find(term: str) -> Sequence[Message]:
        return messages

    return find


@pytest.mark.parametrize(
    ("written", "hints"),
    [
        ("Look up: QX-77/b; Lena; the blue door", ("QX-77/b", "Lena", "the blue door")),
        ("**Look up:** `QX-77/b`, Lena, “the blue door”.", ("QX-77/b", "Lena", "the blue door")),
        ("look-up:\n- QX-77/b\n- Lena\n- the blue door", ("QX-77/b", "Lena", "the blue door")),
        ("Lookup: C++; #4711; a@b.example", ("C++", "#4711", "a@b.example")),
        ("Look up: 電話番号；王小明", ("電話番号", "王小明")),
        ("Look up: Lena; lena; LENA", ("LENA",)),
        ("Look up: -; ...; ", ()),
        (f"Look up: {'long ' * 40}; short", ("short",)),
        ("Look up:", ()),
        ("I shall look up the word when they ask.", ()),
    ],
)
def test_hints_are_read_as_models_write_them(written: str, hints: tuple[str, ...]) -> None:
    body, found = parted(f"They talked.\n{written}")
    assert found == hints
    assert body == ("They talked." if written.lower().startswith(("look", "**look")) else f"They talked.\n{written}")


@given(st.lists(st.text("aBü7-#@+長い ", min_size=1, max_size=20).map(str.strip).filter(str.isalnum), max_size=9))
def test_a_summary_is_taken_apart_as_it_was_put_together(terms: list[str]) -> None:
    hints = tuple({term.casefold(): term for term in terms}.values())
    assert parted(joined("They talked.\nAbout doors.", hints)) == ("They talked.\nAbout doors.", hints)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("My locker code is 7351-QX.", "7351-QX"),
        ("My dentist is Dr. Amélie Łukaszewska, rue Lepic 12.", "Dr Amélie Łukaszewska"),
        ("Her page is https://example.org/~lena?x=1#top (old)", "https://example.org/~lena?x=1#top"),
        ("Next year I move to New York, they said", "New York"),
        ("she plays the hurdygurdy", "hurdygurdy"),
        ("私の電話番号は03-1234です", "03-1234"),
        ("我的医生叫王小明", "王小明"),
        ("мы едем в Санкт-Петербург", "Санкт-Петербург"),
    ],
)
def test_code_finds_the_words_that_tell_a_message_from_others(text: str, term: str) -> None:
    small_talk = ["Good morning! How are you today?", "I am fine. It was a nice day.", "I went to the market."]
    assert term in telling_terms([*small_talk, text])[:4]


def test_what_many_messages_hold_is_no_good_hint() -> None:
    texts = [f"We met Lena again, and then number-{n} came" for n in range(20)]
    assert "Lena" not in telling_terms(texts)


@given(st.lists(st.text(max_size=200), max_size=8))
def test_any_text_gives_terms_that_a_summary_can_hold(texts: list[str]) -> None:
    terms = telling_terms(texts)
    assert all(";" not in term and "\n" not in term and 0 < len(term) <= 60 for term in terms)


async def test_a_hint_must_find_a_message_that_holds_it() -> None:
    find = returning(said(1, "My sister Lena paints"), said(2, "It rained"))
    assert await holding(["Lena", "sister Lena", "Zanzibar", "green elephant trunk"], find) == ("Lena", "sister Lena")


async def test_a_new_hint_must_find_one_of_the_messages_that_leave_now() -> None:
    find = returning(said(1, "My sister Lena paints"), said(2, "It rained in Porto"))
    assert await holding(["Lena", "Porto"], find, {2}) == ("Porto",)


async def test_a_hint_whose_message_is_gone_goes_too() -> None:
    assert await holding(["Lena"], returning()) == ()


def test_of_too_many_hints_the_oldest_drop_out() -> None:
    hints = [f"term {number}" for number in range(100)]
    kept = fitting(hints, COUNTER, 60)
    assert kept == tuple(hints[-len(kept) :])
    assert 5 < len(kept) <= MAX_HINTS
    assert COUNTER.count(joined("", kept)) <= 60
    assert fitting(hints, COUNTER, 2) == ()


def test_a_hint_that_is_given_again_counts_as_new() -> None:
    assert renewed(("Lena", "Porto"), ("LENA", "Figs")) == ("Porto", "LENA", "Figs")


def test_every_hint_has_a_word_to_search_for() -> None:
    assert all(query_words(term) for term in telling_terms(["7351-QX", "C++ and #4711", "\u202eabc1", "١٢٣٤ 長い話"]))
