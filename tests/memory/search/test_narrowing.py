"""Queries taken apart: what narrows a search, and what stays a word."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.narrowing import Narrowed, Role, narrowed

NAMES = ["", "Ada Lovelace", "Bob", "José", "Pat O'Brien", "user"]


@pytest.mark.parametrize(
    ("query", "taken"),
    [
        ("figs", Narrowed("figs")),
        ("two  words", Narrowed("two  words")),
        ("from:jose figs", Narrowed("figs", speakers=frozenset({"José"}))),
        ("figs FROM:Bob and pears", Narrowed("figs and pears", speakers=frozenset({"Bob"}))),
        ("figs from:assistant", Narrowed("figs", role=Role.ASSISTANT)),
        ("on:2026-02-28", Narrowed("", since=date(2026, 2, 28), until=date(2026, 3, 1))),
        ("a after:2026-01-01 after:2026-02-01", Narrowed("a", since=date(2026, 2, 1))),
        ("a before:2026-01-01 before:2026-02-01", Narrowed("a", until=date(2026, 1, 1))),
        ("from: Bob figs", Narrowed("figs", speakers=frozenset({"Bob"}))),
        ("from:Lovelace", Narrowed("", speakers=frozenset({"Ada Lovelace"}))),
        ("from:'Bob'", Narrowed("", speakers=frozenset({"Bob"}))),
        ('from:"ada lovelace" figs', Narrowed("figs", speakers=frozenset({"Ada Lovelace"}))),
        ("from:obrien", Narrowed("", speakers=frozenset({"Pat O'Brien"}))),
        ("from:O’Brien", Narrowed("", speakers=frozenset({"Pat O'Brien"}))),
        ("figs, from:Bob.", Narrowed("figs,", speakers=frozenset({"Bob"}))),
        ("from：Bob", Narrowed("", speakers=frozenset({"Bob"}))),
        ("from:user", Narrowed("", role=Role.USER)),  # though somebody calls himself so
        ("after: 2026-03-05 a", Narrowed("a", since=date(2026, 3, 5))),
        ("after:2026-03", Narrowed("", since=date(2026, 3, 1))),
        ("before:2026-03", Narrowed("", until=date(2026, 3, 1))),
        ("on:2026-02", Narrowed("", since=date(2026, 2, 1), until=date(2026, 3, 1))),
        ("on:2025", Narrowed("", since=date(2025, 1, 1), until=date(2026, 1, 1))),
        ("on:9999-12-31", Narrowed("", since=date(9999, 12, 31))),
    ],
)
def test_what_narrows_is_taken_out(query: str, taken: Narrowed) -> None:
    assert narrowed(query, NAMES) == taken


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from:carol", "nobody here is called carol; not narrowed"),
        ("mail is from:home", "nobody here is called home; not narrowed"),
        ("on:2026-02-30", "2026-02-30 is no day such as 2026-03-31; not narrowed"),
        ("before:tomorrow", "tomorrow is no day such as 2026-03-31; not narrowed"),
        ("after:5", "5 is no day such as 2026-03-31; not narrowed"),
        ("on:2026-13", "2026-13 is no day such as 2026-03-31; not narrowed"),
        (f"from:{'x' * 50}", f"nobody here is called {'x' * 40}…; not narrowed"),
    ],
)
def test_what_names_nobody_and_no_day_stays_a_word_and_is_told(query: str, told: str) -> None:
    assert narrowed(query, NAMES) == Narrowed(query, untaken=(told,))


@pytest.mark.parametrize("query", ["from:", "from: the  market", "away-from:Bob", "lunch on: sunday", "after: before:"])
def test_prose_stays_as_it_is(query: str) -> None:
    assert narrowed(query, NAMES) == Narrowed(query)


def test_of_a_moment_only_the_day_counts_and_that_is_told() -> None:
    told = ("of 2026-03-02T10:00 only the day counts",)
    assert narrowed("after:2026-03-02T10:00", NAMES) == Narrowed("", since=date(2026, 3, 2), untaken=told)
    assert narrowed("before:2026-03-02T10:00", NAMES) == Narrowed("", until=date(2026, 3, 3), untaken=told)


def test_where_nobody_speaks_a_speaker_is_told_to_be_none() -> None:
    assert narrowed("from:Ada figs").untaken == ("notes have no speaker; not narrowed",)


@given(st.text(alphabet=st.sampled_from('from:afterbeforeon"2026-03 :Bob\n'), max_size=60))
def test_any_text_is_taken_apart(query: str) -> None:
    taken = narrowed(query, NAMES)
    assert taken.narrows or taken.words == query


def test_days_are_moments_of_a_zone() -> None:
    since, until = narrowed("on:2026-03-29").moments(ZoneInfo("Europe/Berlin"))  # 23 hours long
    assert since is not None
    assert since.astimezone(UTC) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert until is not None
    assert until.astimezone(UTC) == datetime(2026, 3, 29, 22, tzinfo=UTC)
