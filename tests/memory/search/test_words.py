"""Words of texts and queries, in any script, and the index that holds them."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.word_index import WordIndex
from memory.search.words import MAX_TERMS, MAX_WORDS, fold, query_terms, query_words, text_terms, written_as_one
from memory.sqlite.database import Database
from memory.sqlite.tables import MESSAGE_WORDS


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("What is my dog called?", ("dog", "called")),
        ("what is it", ("what", "is", "it")),
        ("Figs, figs & FIGS", ("figs",)),
        ("Ada's dog and the dogs' bowls", ("ada", "dog", "dogs", "bowls")),
        ("node.js", ("node", "js")),
        ("C++", ("c", "++")),
        ("snake_case_name", ("snake", "case", "name")),
        ('"quoted phrase"', ("quoted", "phrase")),
        ("col:value* OR NEAR(x) -not ^y", ("col", "value", "near", "x", "y")),
        ("l’été", ("été",)),
        ("猫が好き", ("猫が", "が好", "好き")),
        ("猫", ("猫",)),
        ("Python言語2026", ("python", "2026", "言語")),
        ("हिन्दी भाषा", ("हिन्दी", "भाषा")),
        ("Straße", ("straße",)),
        ("?", ("?",)),
        ("", ()),
        (" \n\t", ()),
    ],
)
def test_the_words_of_a_query_are_those_worth_looking_for(query: str, words: tuple[str, ...]) -> None:
    assert query_words(query) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("camping", "camped", id="English endings"),
        pytest.param("puppies", "puppy", id="English plural"),
        pytest.param("Ada’s", "Ada", id="possessive"),
        pytest.param("Straße", "STRASSE", id="German sharp s"),
        pytest.param("Ärger", "ärger", id="umlaut"),
        pytest.param("café", "cafe\u0301", id="loose accent"),
        pytest.param("café", "CAFE", id="no accent"),
        pytest.param("İstanbul", "istanbul", id="Turkish"),
        pytest.param("λόγος", "ΛΌΓΟΣ", id="Greek"),
        pytest.param("книга", "книги", id="Russian endings"),
        pytest.param("كتاب", "الكتاب", id="Arabic article"),
        pytest.param("مُحَمَّد", "محمد", id="Arabic vowels"),
        pytest.param("می‌خواهم", "میخواهم", id="Persian joiner"),
        pytest.param("👍🏽", "👍", id="skin tone"),
        pytest.param("Łódź", "lodz", id="Polish"),
        pytest.param("Ørsted", "orsted", id="Danish"),
        pytest.param("Đà Nẵng", "da nang", id="Vietnamese"),
        pytest.param("œuvre", "Oeuvre", id="French ligature"),
        pytest.param("Þórður", "Thordur", id="Icelandic"),
        pytest.param("Ærø", "AERO", id="ae"),
        pytest.param("IŞIK", "ışık", id="Turkish, no dot"),
        pytest.param("İYİ", "iyi", id="Turkish, with a dot"),
        pytest.param("２０２６年", "2026年", id="full width"),
        pytest.param("ﾊﾝｶｸ ｶﾞﾗｽ", "ハンカク ガラス", id="half width"),
        pytest.param("ﬁle oﬃce", "file office", id="ligatures"),
        pytest.param("מִטְבָּח", "מטבח", id="Hebrew vowels"),
        pytest.param("O’Brien", "obrien", id="Irish"),
        pytest.param("don't", "dont", id="apostrophe"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert query_terms(one) == query_terms(other)
    assert text_terms(one) == text_terms(other)


def test_a_grouped_number_is_found_whole_and_by_its_groups() -> None:
    assert set(query_terms("1000")) < set(text_terms("It cost 1,000 crowns"))
    assert set(query_terms("1000")) < set(query_terms("1,000"))
    assert set(query_terms("102")) < set(text_terms("rooms 101,102,103"))


TEXTS = [
    pytest.param("puppies", "Two PUPPIES in the yard", id="English"),
    pytest.param("C++", "I write C++ at work", id="C++"),
    pytest.param("node.js", "A Node.js server", id="node.js"),
    pytest.param("NEAR", "It is near the river", id="NEAR"),
    pytest.param("100%", "I am 100% sure", id="percent"),
    pytest.param("snake_case", "we use snake_case here", id="underscore"),
    pytest.param("C:\\temp\\x_1", "it is in C:\\temp\\x_1.txt", id="path"),
    pytest.param("'; DROP TABLE messages; --", "a '; DROP TABLE joke", id="SQL"),
    pytest.param("Donaudampfschiff", "das Donaudampfschiff fährt", id="German"),
    pytest.param("dampfschiff", "das Donaudampfschiff fährt", id="German compound, its end"),
    pytest.param("Donau", "das Donaudampfschiff fährt", id="German compound, its beginning"),
    pytest.param("москва", "Москва — столица", id="Russian"),
    pytest.param("été", "L'été dernier", id="French"),
    pytest.param("豆豆", "小猫叫什么名字，我的猫叫豆豆", id="Chinese"),
    pytest.param("猫", "小猫叫什么名字", id="one Chinese character"),
    pytest.param("名前", "うちの猫の名前はタマです", id="Japanese"),
    pytest.param("カメラ", "新しいカメラを買った", id="katakana"),
    pytest.param("แมวดำ", "ฉันมีแมวดำตัวหนึ่ง", id="Thai"),
    pytest.param("고양이", "우리 고양이는 나비예요", id="Korean"),
    pytest.param("كتاب", "هذا الكتاب جديد", id="Arabic"),
    pytest.param("हिन्दी", "मैं हिन्दी बोलता हूँ", id="Hindi"),
    pytest.param("தமிழ்", "நான் தமிழ் பேசுகிறேன்", id="Tamil"),
    pytest.param("שלום", "אמר שלום לכולם", id="Hebrew"),
    pytest.param("👍", "fine 👍🏽", id="emoji"),
    pytest.param("€", "it costs 5 €", id="a sign"),
]


@pytest.mark.parametrize(("query", "text"), TEXTS)
async def test_an_index_finds_a_text_in_its_own_script(database: Database, query: str, text: str) -> None:
    index = WordIndex(MESSAGE_WORDS)
    async with database.write() as transaction:
        await index.add(transaction, [(7, 1, text_terms("something else")), (7, 2, text_terms(text))])
        await index.add(transaction, [(77, 3, text_terms(text))])
    async with database.read() as connection:
        found = await index.holding(connection, [7], query_terms(query))
    ids = [id_ for both in found.values() for some in both for id_ in some]
    assert set(ids) == {2}


async def test_what_is_removed_is_found_no_more_and_leaves_nothing(database: Database, tmp_path: Path) -> None:
    index = WordIndex(MESSAGE_WORDS)
    async with database.write() as transaction:
        await index.add(transaction, [(7, 1, ["kanarienvogel"]), (7, 2, ["wombat"])])
    async with database.write() as transaction:
        await index.remove(transaction, [1])
        await index.merge(transaction)
    async with database.read() as connection:
        found = await index.holding(connection, [7], ["kanarienvogel", "wombat"])
    assert found == {"kanarienvogel": ([], []), "wombat": ([2], [])}
    await database.truncate_log()
    assert b"kanarienvogel" not in (tmp_path / "bot.db").read_bytes()


async def test_a_number_is_not_found_in_the_number_of_the_owner(database: Database) -> None:
    index = WordIndex(MESSAGE_WORDS)
    async with database.write() as transaction:
        await index.add(transaction, [(12345, 1, ["wombat"]), (12345, 2, ["a12345"])])
    async with database.read() as connection:
        found = await index.holding(connection, [12345], ["1234", "omba"])
    assert found == {"1234": ([], [2]), "omba": ([], [1])}


@given(st.text(max_size=200), st.integers(1, 10**9))
def test_any_text_has_terms_that_are_no_syntax(text: str, owner: int) -> None:
    from memory.search.word_index import _encoded

    for term in (*text_terms(text), *query_terms(text)):
        in_index = _encoded(owner, term)
        assert in_index.startswith(f"{owner}:")
        assert len(in_index.split()) == 1
        assert '"' not in in_index
        assert "\x00" not in in_index


@given(st.text(st.characters(max_codepoint=127) | st.sampled_from("a_'+ "), max_size=200))
def test_an_english_text_has_the_same_terms_beside_a_foreign_word(text: str) -> None:
    assert text_terms(f"{text} é") == [*text_terms(text), "e"]


@given(st.text(max_size=100))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_query_of_common_words_alone_has_no_terms() -> None:
    assert query_terms("to be or not to be") == query_terms("?") == query_terms("") == ()


def test_of_a_long_query_the_longest_terms_are_looked_up() -> None:
    query = " ".join(f"w{number}" for number in range(1000)) + " Frobozz"
    assert len(query_words(query)) == MAX_WORDS
    assert len(query_terms(query)) == MAX_TERMS
    assert "frobozz" in query_terms(query)


async def test_of_many_terms_those_tell_most_that_fewest_texts_hold(database: Database) -> None:
    words, common = WordIndex(MESSAGE_WORDS), [f"common{number}" for number in range(MAX_WORDS)]
    async with database.write() as transaction:
        await words.add(transaction, [(1, id_, [*common, *(["frobozz"] if id_ == 3 else [])]) for id_ in range(1, 9)])
        await words.add(transaction, [(2, id_, ["frobozz"]) for id_ in range(10, 30)])
    async with database.read() as connection:
        assert await words.rarest(connection, [1], common) == common  # no more than may be looked for
        chosen = await words.rarest(connection, [1], ["unheard", *common, "frobozz"])
    assert chosen == ["frobozz", *common[:-1]]


def test_a_long_text_takes_no_longer_than_its_length_asks() -> None:
    def took(text: str) -> float:
        begun = time.process_time()
        text_terms(text)
        return time.process_time() - begun

    for piece in ("word ", "a", "'", "猫", "++", "é", "x" * 70 + " "):
        took(piece * 1000)
        assert took(piece * (80_000 // len(piece))) < 60 * max(0.001, took(piece * (8_000 // len(piece))))


# ── identifiers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("What was ORD-55-17?", [("ord", "55", "17")]),
        ("is v2.17.5 on 192.168.1.17:80.", [("v2", "17", "5"), ("192", "168", "1", "17", "80")]),
        ("file_9\u2011b on 2026-03-17", [("file", "9", "b"), ("2026", "03", "17")]),
        ("_ORD-5_ " + "x" * 20_000, [("ord", "5")]),
        ("and/or a well-known rooms 101,102 QX9 -5 9-", []),
    ],
)
def test_an_identifier_is_what_is_written_as_one_with_a_digit(query: str, parts: list[tuple[str, ...]]) -> None:
    assert [identifier.parts for identifier in written_as_one(query)] == parts
