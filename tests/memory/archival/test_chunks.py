"""Documents cut into pieces: nothing lost, nothing too long, borders where a reader would set them."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.archival.chunks import JOINED_CHARS, MANY_SECTIONS, MAX_CHARS, MAX_HEADING_CHARS, Piece, pieces

FRAGMENTS = st.sampled_from(
    [
        *(
            "word ",
            "Sentence one. ",
            "Ends here!\n",
            "\n\n",
            "\n",
            "# Heading\n",
            "## Sub ##\n",
            "Title\n=====\n",
            "---\n",
        ),
        *(
            "```\n",
            "~~~ python\n",
            "    # code\n",
            "- item\n",
            "e.g. small ",
            "。日本語の文",
            "\u2028",
            "\r\n",
            "\t",
            "x" * 700,
        ),
        *("é", "e\u0301", "👩‍👩‍👧", "🇵🇹", "한국", "#" * 7, "> quoted\n", "Mr. Smith ", " " * 40),
    ]
)
TEXTS = st.text(max_size=60) | st.lists(FRAGMENTS, max_size=60).map("".join)
LONG_TEXTS = st.lists(FRAGMENTS, min_size=20, max_size=300).map("".join)


def cut(text: str, *, is_markdown: bool = False) -> list[Piece]:
    return list(pieces(text, is_markdown=is_markdown))


def contents(text: str, *, is_markdown: bool = False) -> list[str]:
    return [piece.content for piece in cut(text, is_markdown=is_markdown)]


def headings(text: str) -> dict[str | None, str]:
    return {piece.heading: piece.content for piece in cut(text, is_markdown=True)}


def without_space(text: str) -> str:
    return "".join(text.split())


@given(text=TEXTS | LONG_TEXTS, is_markdown=st.booleans())
def test_nothing_is_lost_and_nothing_is_too_long(text: str, is_markdown: bool) -> None:
    found = cut(text, is_markdown=is_markdown)
    assert without_space("".join(piece.content for piece in found)) == without_space(text)
    for piece in found:
        assert 0 < len(piece.content) <= MAX_CHARS
        assert piece.content == piece.content.strip()


@given(text=LONG_TEXTS)
def test_markdown_is_cut_where_plain_text_is_and_at_headings(text: str) -> None:
    plain = [line for line in text.split("\n") if not re.match(r" {0,3}(#|=|-|`|~)", line)]
    joined = "\n".join(plain)
    assert contents(joined, is_markdown=True) == contents(joined)


@given(sizes=st.lists(st.integers(1, 900), min_size=2, max_size=30))
def test_sentences_that_fit_are_never_cut(sizes: list[int]) -> None:
    sentences = [f"S{'o' * size}." for size in sizes]
    for piece in contents(" ".join(sentences)):
        assert set(piece.split()) <= set(sentences)


@pytest.mark.parametrize(
    ("character", "size"),
    [
        ("e\u0301", 2),
        ("👩\u200d👩\u200d👧", 5),
        ("🇵🇹", 2),
        ("👍🏽", 2),
        ("\u1112\u1161\u11ab", 3),
        ("🏴\U000e0067\U000e007f", 3),
    ],
)
def test_a_line_without_any_border_is_cut_between_characters_as_they_are_read(character: str, size: int) -> None:
    assert len(character) == size
    for lead in range(size):
        found = contents("x" * lead + character * 3000)
        assert len(found) > 2
        assert all(len(piece) > MAX_CHARS - 50 for piece in found[:-1])
        for number, piece in enumerate(found):
            assert (len(piece) - (lead if number == 0 else 0)) % size == 0


def test_a_heap_of_marks_is_cut_all_the_same() -> None:
    found = contents("a" + "\u0301" * 5000)
    assert all(unicodedata.combining(mark) for mark in found[1][0])
    assert max(map(len, found)) == MAX_CHARS


def test_words_stay_whole_where_there_are_no_sentences() -> None:
    found = contents("wombat " * 2000)
    assert all(set(piece.split()) == {"wombat"} for piece in found)
    assert min(map(len, found[:-1])) > MAX_CHARS - 10


@pytest.mark.parametrize("end", [". ", "! ", '?" ', "…\n", "。", ".\n\n", "\n\n"])
def test_a_piece_ends_with_the_last_sentence_that_fits(end: str) -> None:
    first = "A" + "b" * 600 + end
    found = contents(first + "C" + "d" * 390 + " " + "e" * 500)
    assert found[0] == first.strip()


@pytest.mark.parametrize("stop", ["e.g. a", "Dr. Who", "J. Doe", "3.14", "bot.db"])
def test_not_every_full_stop_ends_a_sentence(stop: str) -> None:
    text = "W" + "ord " * 30 + "a real end. W" + "ord " * 150 + stop + " word" * 100
    assert contents(text)[0].endswith("a real end.")


# ── headings ─────────────────────────────────────────────────────────────────────────────────────────


def test_each_piece_knows_the_headings_above_it() -> None:
    text = "before\n# Guide\nintro\n## Setup ##\nred\n### Linux\nknob\n## Use\n" + "turn " * 300 + "\n# Other\nend"
    found = cut(text, is_markdown=True)
    assert [piece.heading for piece in found] == [
        None,
        "Guide",
        "Guide > Setup",
        "Guide > Setup > Linux",
        *["Guide > Use"] * 2,
        "Other",
    ]
    assert found[1].content == "# Guide\nintro"


def test_setext_headings_count_too() -> None:
    assert headings("Guide\n=====\nintro\n\nSetup\n-----\nred") == {
        "Guide": "Guide\n=====\nintro",
        "Guide > Setup": "Setup\n-----\nred",
    }


def test_a_heading_with_nothing_below_goes_with_the_next() -> None:
    assert headings("# Guide\n\n## Setup\nred\n# Empty") == {
        "Guide > Setup": "# Guide\n\n## Setup\nred",
        "Empty": "# Empty",
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("```sh\n# comment\n```", id="fence"),
        pytest.param("~~~~\n# a\n~~~\n# b\n~~~~", id="tildes"),
        pytest.param("```\n# never closed\n\n# still code", id="open fence"),
        pytest.param("    # indented", id="indented"),
        pytest.param("#hashtag\n####### seven", id="no space"),
        pytest.param("a paragraph\nof two lines\n---\nmore", id="two lines"),
        pytest.param("- item\n---\n> quote\n---\n| a |\n---\n1. one\n---", id="rules"),
        pytest.param("---\ntitle: x\n# comment\n---\nbody", id="front matter"),
        pytest.param("\n---\n\n***\n=====\n", id="nothing above"),
    ],
)
def test_what_only_looks_like_a_heading_is_none(text: str) -> None:
    assert {piece.heading for piece in cut(text, is_markdown=True)} == {None}


def test_after_code_headings_count_again() -> None:
    assert list(headings("```\n# a\n```\n# Real\nx\n`` ` ``\n```x``` y\n# Too\nz")) == [None, "Real", "Too"]


def test_in_plain_text_nothing_is_a_heading() -> None:
    assert cut("# a\nb") == [Piece("# a\nb")]


def test_long_headings_are_shortened_above_but_not_in_the_text() -> None:
    (piece,) = cut(f"# {'long ' * 50}\nx", is_markdown=True)
    assert piece.heading is not None
    assert len(piece.heading) == MAX_HEADING_CHARS
    assert piece.content.count("long") == 50


@pytest.mark.parametrize(
    "section", ["# a\n\nb\n\n", "a\n-\nb\n", "## a\nb\n# c\nd\n", f"# a\n{'word ' * 60}\n"], ids=repr
)
def test_many_small_sections_are_joined(section: str) -> None:
    text = section * (2**18 // len(section))
    found = cut(text, is_markdown=True)
    assert len(found) <= 2 * len(text) / JOINED_CHARS
    assert without_space("".join(piece.content for piece in found)) == without_space(text)
    assert max(len(piece.content) for piece in found) <= MAX_CHARS


def test_joined_sections_are_named_by_the_headings_that_all_of_them_have() -> None:
    entries = "".join(f"### {number}\nword\n" for number in range(2 * MANY_SECTIONS))
    found = cut(f"# Guide\n## Words\n{entries}## Care\n{'oil ' * 300}\n", is_markdown=True)
    assert {piece.heading for piece in found} == {"Guide > Words", "Guide > Care"}
    assert found[0].content.startswith("# Guide\n## Words\n### 0\nword\n### 1\nword\n")
    few = cut("".join(f"# {number}\nword\n" for number in range(MANY_SECTIONS)), is_markdown=True)
    assert [piece.heading for piece in few] == [str(number) for number in range(MANY_SECTIONS)]


def test_the_page_is_kept() -> None:
    assert list(pieces("a", is_markdown=False, page=3)) == [Piece("a", None, 3)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * 3_000_000, id="one word"),
        pytest.param(" " * 3_000_000, id="spaces"),
        pytest.param("# " + " " * 3_000_000 + "x", id="heading of spaces"),
        pytest.param("=" * 3_000_000 + "x", id="underline"),
        pytest.param("." * 1_000_000, id="full stops"),
        pytest.param('."' + '"' * 1_000_000, id="quotes"),
        pytest.param("a\n---\n" * 200_000, id="headings"),
        pytest.param("```\n" * 200_000, id="fences"),
        pytest.param("\U0001f1f5" * 500_000, id="half flags"),
    ],
)
def test_no_text_takes_more_than_its_length(text: str) -> None:
    """Anything quadratic here would take hours."""
    found = contents(text, is_markdown=True)
    assert sum(map(len, found)) <= len(text)
