"""Texts as they are shown: the part that answers."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import MOST_MARKS, clean, excerpt

AROUND = "the river bank and the long way home " * 20


@pytest.mark.parametrize(
    ("word", "as_written"),
    [("lodz", "Łódź"), ("strasse", "Straße"), ("2026", "２０２６"), ("file", "ﬁle"), ("ışık", "IŞIK"), ("pie", "Pie")],
)
def test_an_excerpt_shows_the_word_however_it_is_written(word: str, as_written: str) -> None:
    shown = excerpt(f"{AROUND}in {as_written} then{AROUND}", [word], 100)
    assert as_written in shown
    assert len(shown) <= 100 + len("[…]  […]")


def test_marks_heaped_on_a_letter_by_the_thousand_are_cleaned_in_no_time() -> None:
    heaped = clean("a" + "\u0315\u0300" * 150_000)  # half an hour, if each row is sorted as a whole
    assert heaped.count("\u0315") == 150_000
    assert unicodedata.is_normalized("NFC", heaped)


@given(st.text(st.sampled_from("aé한\u0300\u0315\u0345\u3099\U0001d165\x00\ud800"), max_size=300))
def test_no_row_of_marks_is_longer_than_can_be_sorted_and_nothing_else_is_changed(text: str) -> None:
    cleaned, row = clean(text), 0
    for character in unicodedata.normalize("NFD", cleaned):
        row = row + 1 if unicodedata.combining(character) else 0
        assert row <= 2 * MOST_MARKS
    assert cleaned == clean(cleaned)
    if not any(at in text for at in "\x00\ud800") and "\u034f" not in cleaned:
        assert cleaned == unicodedata.normalize("NFC", text)
