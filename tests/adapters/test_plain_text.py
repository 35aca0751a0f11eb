"""Text files as they come: many encodings, and some that are no text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.documents.plain_text import decoded
from adapters.ports.errors import DocumentUnreadable

SAID = "Größe: 5 €, “naïve” café"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_the_usual_encodings_are_recognized(encoding: str) -> None:
    assert decoded(SAID.encode(encoding)) == SAID


@pytest.mark.parametrize(("mark", "encoding"), [(b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le")])
def test_utf_16_may_begin_with_either_mark(mark: bytes, encoding: str) -> None:
    assert decoded(mark + "漢字 🐕".encode(encoding)) == "漢字 🐕"


SCRIPTS = {
    "cp932": "これは日本語のテキストです。東京は大きい。",
    "euc_jp": "これは日本語のテキストです。東京は大きい。",
    "gbk": "这是一个中文文本。北京是中国的首都。",
    "big5": "這是一個中文文本。臺北是首都。",
    "cp949": "이것은 한국어 텍스트입니다. 서울은 큽니다.",
    "cp1251": "Привет, мир. Это русский текст.",
    "koi8_r": "Привет, мир. Это русский текст.",
    "cp866": "Привет, мир. Это русский текст.",
    "iso8859_5": "Привет, мир. Это русский текст.",
    "cp1253": "Αυτό είναι ένα ελληνικό κείμενο.",
    "cp1256": "هذا نص باللغة العربية للاختبار.",
}


@pytest.mark.parametrize("encoding", SCRIPTS)
@pytest.mark.parametrize("times", [1, 20, 20_000])
def test_the_old_encodings_of_other_scripts_are_told_by_what_comes_of_them(encoding: str, times: int) -> None:
    for text in (SCRIPTS[encoding] * times, f"{'Plain words. ' * times}\n{SCRIPTS[encoding]}\nMore."):
        assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "text",
    ["Käsekuchen schmeckt köstlich.", "¿Dónde está el niño? ¡Aquí!", "«Ça» — “œuvre”… €", "é ü ö", "DÉJÀ VU À L’ÉCOLE"],
)
@pytest.mark.parametrize("times", [1, 50])
def test_western_texts_are_taken_for_nothing_else(text: str, times: int) -> None:
    assert decoded((text * times).encode("cp1252")) == text * times


def test_a_word_in_an_encoding_that_cannot_be_told_is_refused() -> None:
    with pytest.raises(DocumentUnreadable, match="an encoding that cannot be told; save it as UTF-8"):
        decoded("Привет".encode("cp1251"))


def test_a_few_damaged_places_do_not_spoil_utf_8() -> None:
    text = decoded("äöü".encode() * 10 + b"\xff" + "äöü".encode())
    assert text == "äöü" * 10 + "\N{REPLACEMENT CHARACTER}" + "äöü"
    assert decoded("日本語のテキスト、とても長い".encode()[:-1])[:4] == "日本語の"


def test_bytes_without_meaning_in_windows_encoding_are_read_as_latin_1() -> None:
    assert decoded(b"caf\xe9 \x81") == "café \x81"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", id="picture"),
        pytest.param(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x01\x02", id="pdf"),
        pytest.param("no mark".encode("utf-16-le"), id="utf-16 without a mark"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnreadable, match="no text"):
        decoded(content)


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_what_is_empty_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnreadable, match="is empty"):
        decoded(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_refused(content: bytes) -> None:
    try:
        text = decoded(content)
    except DocumentUnreadable as error:
        text = str(error)
    assert text.strip()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff\ufffe"), min_size=1))
def test_utf_8_comes_back_as_it_is(text: str) -> None:
    if text.strip():
        assert decoded(text.encode()) == text
