"""Texts as they are shown: the part that answers."""

import pytest

from bot.text import excerpt

AROUND = "the river bank and the long way home " * 20


@pytest.mark.parametrize(
    ("word", "as_written"),
    [("lodz", "Łódź"), ("strasse", "Straße"), ("2026", "２０２６"), ("file", "ﬁle"), ("ışık", "IŞIK"), ("pie", "Pie")],
)
def test_an_excerpt_shows_the_word_however_it_is_written(word: str, as_written: str) -> None:
    shown = excerpt(f"{AROUND}in {as_written} then{AROUND}", [word], 100)
    assert as_written in shown
    assert len(shown) <= 100 + len("[…]  […]")
