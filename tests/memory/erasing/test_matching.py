"""Whether a text speaks of something: by its terms, and cheaply where it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.erasing.matching import Matching
from memory.search.words import query_terms, text_terms

WORDS = (
    "zebrafish Quito dying ugly gently skies studies studied running ran 1,000 10000 ORD-55-17 don't l'été Łódź "
    "naïve 東京 Straße figs FIGS the my not_a_word e-mail 2026-03-01 universities university hopping"
).split()
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=8).map(" ".join)


@given(words=TEXTS, text=TEXTS)
def test_what_is_told_cheaply_is_what_the_terms_say(words: str, text: str) -> None:
    sought = frozenset(query_terms(words))
    assert Matching.of(words).is_in(text) == (bool(sought) and sought <= set(text_terms(text)))


@given(words=TEXTS, texts=st.lists(TEXTS, max_size=6))
def test_the_best_hold_no_less_than_any_other(words: str, texts: list[str]) -> None:
    matching = Matching.of(words)
    best = matching.best_of(texts, str)
    shares = {matching.share(text) for text in best}
    assert len(shares) <= 1
    assert all(share >= 0.5 for share in shares)
    for text in texts:
        if text not in best:
            assert matching.share(text) < min(shares, default=0.5)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("study", "She studied"),
        ("my dogs", "A dog"),
        ("1000", "1,000 things"),
        ("lodz", "In Łódź"),
        ("東京", "東京に行く"),
    ],
)
def test_other_forms_of_a_word_are_that_word(words: str, text: str) -> None:
    assert Matching.of(words).is_in(text)


def test_common_words_alone_are_in_nothing() -> None:
    assert not Matching.of("what I have").is_in("what I have")
    assert Matching.of("what I have").best_of(["what I have"], str) == ()
