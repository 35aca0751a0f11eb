"""How messages are ranked: by words, neighbours, meaning, date and speaker."""

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.ranking import MAX_UNSPOKEN, NOTHING_TOLD, Line, Told, rank, told_before_and_now, understood
from memory.search.words import text_terms

DAY = (date(2026, 3, 1) - date(1970, 1, 1)).days
EAST, NORTH, NOWHERE = bytes([127, 0]), bytes([0, 127]), bytes([0, 0])

Said = tuple[str, str] | tuple[str, str, int] | tuple[str, str, int, bytes]


def told(*lines: Said) -> Told:
    """Messages as (speaker, text, day, vector), with the ids 1, 2, 3 …; an empty speaker is the agent."""
    made = []
    for number, line in enumerate(lines, 1):
        speaker, text, day, vector = (*line, *(DAY, NOWHERE)[len(line) - 2 :])
        made.append(Line(number, len(text_terms(text)), speaker, " I " in f" {text} ", day, vector))
    return told_before_and_now(NOTHING_TOLD, made, 2)


def ranked(query: str, *lines: Said, vector: Sequence[float] | None = None) -> tuple[int, ...]:
    messages = told(*lines)
    asked = understood(query, messages.names)
    postings = {
        term: ([number for number, line in enumerate(lines, 1) if term in text_terms(line[1])], ())
        for term in asked.terms
    }
    return rank(messages, asked, postings, vector)


def test_nothing_told_is_nothing_found() -> None:
    assert ranked("figs") == ()


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    lines: list[Said] = [("ada", "the garden is wide")] * 6 + [("ada", "x y z")] * 9 + [("ada", "a biscuit")]
    assert ranked("garden biscuit", *lines)[0] == 16


def test_an_answer_without_a_word_of_the_question_is_found_beside_it() -> None:
    filler: list[Said] = [("ada", "something else entirely")] * 8
    found = ranked("favourite colour", *filler, ("", "What is your favourite colour?"), ("ada", "Green"), *filler)
    assert found[:2] == (9, 10)


def test_at_most_ten_are_found_beside_those_that_hold_a_word() -> None:
    lines: list[Said] = [("ada", "figs"), *[("ada", "and then", DAY, EAST)] * 50]
    assert len(ranked("figs", *lines, vector=[1.0, 0.0])) == 1 + MAX_UNSPOKEN


def test_meaning_finds_what_no_word_does() -> None:
    lines: list[Said] = [("ada", "one", DAY, NORTH), ("ada", "two", DAY, EAST), ("ada", "three", DAY, NORTH)]
    assert ranked("puppy", *lines, vector=[1.0, 0.0]) == (2,)
    assert ranked("puppy", *lines) == ()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("What did I do on Sunday?", 1),
        ("What happened in March 2026?", 1),
        ("What happened on 2 April?", 2),
        ("What was in May 2025?", 3),
    ],
)
def test_a_date_in_the_query_is_that_of_the_message(query: str, first: int) -> None:
    lines: list[Said] = [
        ("ada", "it happened", DAY),
        ("ada", "it happened", DAY + 32),
        ("ada", "it happened", DAY - 300),
    ]
    assert ranked(f"{query} it happened", *lines)[0] == first


def test_the_one_who_is_named_comes_first() -> None:
    lines: list[Said] = [
        ("Caroline", "I like painting"),
        ("x", "-"),
        ("x", "-"),
        ("x", "-"),
        ("Melanie", "I like painting"),
    ]
    assert ranked("What does Melanie like painting?", *lines)[0] == 5
    assert ranked("What does Caroline like painting?", *lines)[0] == 1


def test_names_of_speakers_are_no_part_of_what_is_looked_for_by_meaning() -> None:
    asked = understood("What does Caroline's sister paint?", ["", "Caroline", "Melanie"])
    assert asked.speakers == {"Caroline"}
    assert asked.about == "sister paint"


def test_a_question_about_oneself_prefers_what_one_said_oneself() -> None:
    lines: list[Said] = [("", "A dog is fine"), ("x", "-"), ("x", "-"), ("x", "-"), ("ada", "A dog is fine")]
    assert ranked("Do I have a dog?", *lines)[0] == 5


@given(st.lists(st.sampled_from(["figs and bread", "a fig", "bread", "wine", ""]), max_size=30))
def test_every_message_that_holds_a_word_is_found_and_once(texts: list[str]) -> None:
    found = ranked("figs", *((("ada", text)) for text in texts))
    assert len(found) == len(set(found))
    assert {number for number, text in enumerate(texts, 1) if "fig" in text} <= set(found)


@given(st.integers(1, 30), st.data())
def test_messages_taken_in_one_by_one_or_at_once_are_the_same(count: int, data: st.DataObject) -> None:
    lines = [
        Line(n, n % 5, ("", "ada", "bob")[n % 3], n % 2 == 0, DAY + n, (EAST, None)[n % 2]) for n in range(1, count)
    ]
    at = data.draw(st.integers(0, len(lines)))
    once = told_before_and_now(NOTHING_TOLD, lines, 2)
    twice = told_before_and_now(told_before_and_now(NOTHING_TOLD, lines[:at], 2), lines[at:], 2)
    assert once.names == twice.names
    for name in ("ids", "words", "speakers", "says_i", "days", "vectors", "lengths"):
        assert getattr(once, name).tolist() == getattr(twice, name).tolist()
