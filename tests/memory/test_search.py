"""Finding by words: what is looked for, in which scripts, and in which order it comes."""

import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search import MAX_WORDS, best_first, blend, like_patterns, query_words, rank_by_words


def finds(query: str, text: str) -> bool:
    """Whether a query finds a text: SQLite's LIKE proposes it, and the ranking keeps it."""
    words = query_words(query)
    with sqlite3.connect(":memory:") as connection:
        proposed = any(
            connection.execute(r"SELECT ? LIKE ? ESCAPE '\'", (text, pattern)).fetchone()[0]
            for word in words
            for pattern in like_patterns(word)
        )
    connection.close()
    return proposed and 1 in rank_by_words(words, {1: text})


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("What is my dog called?", ("dog", "called")),
        ("what is it", ("what", "is", "it")),
        ("Figs, figs & FIGS", ("fig",)),
        ("Ada's dog and the dogs' bowls", ("ada", "dog", "bowl")),
        ("glass bus news", ("glass", "bus", "new")),
        ("node.js", ("node", "js")),
        ("C++", ("c", "++")),
        ("snake_case_name", ("snake", "case", "name")),
        ('"quoted phrase"', ("quoted", "phrase")),
        ("col:value* OR NEAR(x) -not ^y", ("col", "value", "near", "x", "y")),
        ("don't l’été", ("don't", "l’été")),
        ("猫が好き", ("猫が", "が好", "好き")),
        ("猫", ("猫",)),
        ("Python言語2026", ("python", "2026", "言語")),
        ("고양이 이름", ("고양이", "이름")),
        ("हिन्दी भाषा", ("हिन्दी", "भाषा")),
        ("Straße", ("straße",)),
        ("👍🏽", ("👍🏽",)),
        ("?", ("?",)),
        ("_", ("_",)),
        ("", ()),
        (" \n\t", ()),
    ],
)
def test_the_words_of_a_query_are_those_worth_looking_for(query: str, words: tuple[str, ...]) -> None:
    assert query_words(query) == words


def test_thai_is_looked_for_by_pairs_with_its_vowels() -> None:
    assert query_words("แมวดำ") == ("แม", "มว", "วด", "ดำ")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        pytest.param("puppies", "Two PUPPIES in the yard", id="English"),
        pytest.param("fig", "She likes figs", id="singular for plural"),
        pytest.param("figs", "One fig", id="plural for singular"),
        pytest.param("Ada’s", "about ada", id="possessive"),
        pytest.param("C++", "I write C++ at work", id="C++"),
        pytest.param("node.js", "A Node.js server", id="node.js"),
        pytest.param("100%", "I am 100% sure", id="percent"),
        pytest.param("%", "50 % off", id="percent alone"),
        pytest.param("_", "snake_case", id="underscore"),
        pytest.param("\\", "C:\\temp", id="backslash"),
        pytest.param("C:\\temp\\x_1", "it is in C:\\temp\\x_1.txt", id="path"),
        pytest.param('"', 'he said "no"', id="quote"),
        pytest.param("'; DROP TABLE messages; --", "a '; DROP TABLE joke", id="SQL"),
        pytest.param("Straße", "Ich wohne in der Straße", id="German"),
        pytest.param("straße", "HAUPTSTRASSE 7", id="German in capitals"),
        pytest.param("ÜBER", "über allem", id="German capitals"),
        pytest.param("über", "Über allem", id="German capital"),
        pytest.param("ärger", "ÄRGER", id="German for capitals"),
        pytest.param("λόγος", "ο λόγος και", id="Greek"),
        pytest.param("ΛΌΓΟΣ", "ο λόγος και", id="Greek capitals"),
        pytest.param("москва", "Москва — столица", id="Russian"),
        pytest.param("İstanbul", "İstanbul çok güzel", id="Turkish"),
        pytest.param("mon été", "L'été dernier", id="French"),
        pytest.param("e\u0301te\u0301", "mon été", id="loose accents in the query"),
        pytest.param("我的猫", "小猫叫什么名字，我的猫叫豆豆", id="Chinese"),
        pytest.param("猫の名前", "うちの猫の名前はタマです", id="Japanese"),
        pytest.param("カメラ", "新しいカメラを買った", id="katakana"),
        pytest.param("แมวดำ", "ฉันมีแมวดำตัวหนึ่ง", id="Thai"),
        pytest.param("고양이", "우리 고양이는 나비예요", id="Korean"),
        pytest.param("كتاب", "هذا الكتاب جديد", id="Arabic"),
        pytest.param("مُحَمَّد", "اسمه مُحَمَّد", id="Arabic with vowels"),
        pytest.param("हिन्दी", "मैं हिन्दी बोलता हूँ", id="Hindi"),
        pytest.param("தமிழ்", "நான் தமிழ் பேசுகிறேன்", id="Tamil"),
        pytest.param("שלום", "אמר שלום לכולם", id="Hebrew"),
        pytest.param("می‌خواهم", "من می‌خواهم بروم", id="Persian with a joiner"),
        pytest.param("👍", "fine 👍🏽", id="emoji"),
        pytest.param("x" * 60_000, "y" + "x" * 60_000, id="a word longer than any pattern may be"),
    ],
)
def test_a_query_finds_a_text_in_its_own_script(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("%", "no per cent here"),
        ("_", "no underscore"),
        ("100%", "1000 miles"[1:]),
        ("a_c", "b"),
        ("हिन्दी", "हम दिन में नहीं"),
        ("dog", "cat"),
        ("\\", "/"),
    ],
)
def test_a_query_does_not_find_everything(query: str, text: str) -> None:
    assert not finds(query, text)


def test_a_pattern_takes_special_characters_as_they_stand() -> None:
    assert like_patterns("50%_\\") == (r"%50\%\_\\%",)
    assert like_patterns("über") == ("%über%", "%ÜBER%", "%Über%")


def test_a_long_query_is_looked_for_by_its_first_words() -> None:
    words = query_words(" ".join(f"word{number}" for number in range(1000)))
    assert words == tuple(f"word{number}" for number in range(MAX_WORDS))


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    texts = {number: "the garden" for number in range(1, 10)} | {10: "the biscuit"}
    scores = rank_by_words(("garden", "biscuit"), texts)
    assert best_first(scores)[0] == 10


def test_the_beginning_of_a_word_weighs_more_than_its_middle() -> None:
    scores = rank_by_words(("cat",), {1: "my cat", 2: "cats", 3: "concatenate"})
    assert scores[1] == scores[2] > scores[3] > 0


def test_more_words_weigh_more_and_all_of_them_weigh_one() -> None:
    scores = rank_by_words(("red", "fox"), {1: "a red fox", 2: "a red car", 3: "a fox", 4: "nothing"})
    assert scores[1] == pytest.approx(1.0)
    assert scores[1] > scores[2]
    assert 4 not in scores


def test_of_equals_the_newer_comes_first() -> None:
    assert best_first({1: 0.5, 3: 0.5, 2: 0.7, 4: 0.50000001}) == (2, 4, 3, 1)
    assert best_first({}) == ()


def test_scores_of_several_kinds_are_added_each_with_its_weight() -> None:
    assert blend([(1.0, {1: 0.5, 2: 0.25}), (2.0, {2: 0.5, 3: 0.125})]) == {1: 0.5, 2: 1.25, 3: 0.25}
    assert blend([]) == {}


ANY_TEXT = st.text(max_size=80) | st.text(st.sampled_from("aA Ä%_\\'\"+-.ß猫แิ\x00\u200d\ud800"), max_size=20)


@given(query=ANY_TEXT, texts=st.lists(ANY_TEXT, max_size=8))
def test_any_text_can_be_looked_for_in_any_texts(query: str, texts: list[str]) -> None:
    words = query_words(query)
    assert len(set(words)) == len(words) <= MAX_WORDS
    assert all(0 < len(word) <= 100 for word in words)
    for word in words:
        assert all(pattern.startswith("%") and pattern.endswith("%") for pattern in like_patterns(word))
    scores = rank_by_words(words, dict(enumerate(texts)))
    assert set(scores) <= set(range(len(texts)))
    assert all(0 < score <= 1 + 1e-9 for score in scores.values())
    assert sorted(best_first(scores)) == sorted(scores)


ALPHABETS = ["abcdefgs", "äöüßeins", "αβγσςό", "абвгде", "猫犬東京", "हिन्दी", "สวัสดี", "고양이", "كتاب", "a.%_"]


@given(
    words=st.sampled_from(ALPHABETS).flatmap(
        lambda letters: st.lists(st.text(st.sampled_from(letters), min_size=1, max_size=8), min_size=1, max_size=4)
    ),
    written=st.sampled_from([str.lower, str.upper, str.capitalize]),
)
def test_a_text_is_found_by_its_own_words(words: list[str], written: Callable[[str], str]) -> None:
    text = " ".join(written(word) for word in words)
    assert finds(text, text)
