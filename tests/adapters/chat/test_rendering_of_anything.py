"""Whatever the text, its parts are short enough, whole where they can be, and nothing is lost."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from wcwidth import iter_graphemes

from adapters.chat.rendering import parts_of
from tests.adapters.chat.reading_parts import FAMILY, without_space

FENCES = MarkdownIt("commonmark")


def open_fences(part: str) -> list[str]:
    """The fenced blocks that run on to the end of a part, as CommonMark's own parser sees them."""
    rows = part.split("\n")
    found = []
    for token in FENCES.parse(part):
        if token.type == "fence" and token.map:
            first, end = token.map
            last = rows[end - 1].strip(" \t>")
            is_closed = end - first > 1 and last.startswith(token.markup) and not last.strip(token.markup[0])
            if not is_closed:
                found.append(token.content)
    return found


def assert_nothing_is_lost(text: str, parts: tuple[str, ...]) -> None:
    """All characters are there, in their order, with what closes and opens between; a quote's blank lines may go."""
    rest = iter(without_space("".join(parts)).replace(">", ""))
    for character in without_space(text).replace(">", ""):
        assert character in rest


WORDS = st.sampled_from(
    [*"a I of and then Ada's pears, because 3.14 naïve".split(), "Yes.", "No!", "日本語。", FAMILY, "🇵🇹"]
)
WHOLES = st.sampled_from(
    [
        "[a link](https://example.org/a)",
        "https://example.org/b?c=d",
        "<@123456789>",
        "<#4567>",
        "`a code`",
        "``b`c``",
        "<:blob:12345>",
        ":wave:",
        "<t:1700000000:R>",
    ]
)
PHRASES = st.lists(WORDS | WHOLES, min_size=1, max_size=12).map(" ".join)


def marked(phrase: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """With marks around it, but none of the same kind: `~~~~` would begin a fence."""
    marks = st.sampled_from(["**", "*", "_", "~~", "||", "__", "***"])
    return st.builds(lambda mark, words: words if words[0] == mark[0] else mark + words + mark, marks, phrase)


SENTENCES = st.lists(PHRASES | marked(PHRASES) | marked(marked(PHRASES)), min_size=1, max_size=6).map(" ".join)
CODE_LINES = st.lists(
    st.sampled_from(["x = 1", "", "    y()", "| a |", "# no heading", "> z", "**k**", "w" * 90]), max_size=30
)


def fenced(content: list[str], marks: str, language: str) -> list[str]:
    return [f"{marks}{language}", *content, marks]


CODE = st.builds(fenced, CODE_LINES, st.sampled_from(["```", "````", "~~~"]), st.sampled_from(["", "python", "c++"]))
TABLE = st.integers(1, 20).map(lambda count: ["| n | m |", "|---|:-:|", *(f"| {n} | `{n}` |" for n in range(count))])
PARAGRAPH = st.lists(SENTENCES, min_size=1, max_size=4)
HEADING = st.builds(lambda level, words: ["#" * level + " " + words], st.integers(1, 3), PHRASES)
ITEMS = st.lists(
    st.builds(lambda mark, words: mark + words, st.sampled_from(["- ", "  - ", "3. ", "* [ ] "]), SENTENCES)
)
BLOCKS = CODE | TABLE | PARAGRAPH | HEADING | ITEMS
QUOTE = BLOCKS.map(lambda block: [f"> {line}" for line in block])
IN_ITEM = CODE.map(lambda block: ["- item:", *(f"  {line}" for line in block)])
MARKDOWN = st.lists(BLOCKS | QUOTE | IN_ITEM, max_size=12).map(lambda blocks: "\n\n".join("\n".join(b) for b in blocks))
JUNK = st.lists(
    st.sampled_from(
        [
            *(
                "*",
                "**",
                "_",
                "`",
                "```",
                "```py\n",
                "~~~\n",
                "||",
                "[",
                "](",
                ")",
                "(",
                "<",
                ">",
                "|",
                "\n",
                "\n\n",
                "\r\n",
            ),
            *(
                "> ",
                "- ",
                "1. ",
                "# ",
                "|-|-|\n",
                "a",
                "b ",
                " ",
                "\\",
                "http://",
                "<@1>",
                "é",
                "e\u0301",
                "\u0301",
                "🇵",
                FAMILY,
            ),
            *("\u200d", "한", "\u1100", "\u2028", "\x1c", "\t", "    ", "x" * 30, "---\n", "a | b\n", ":a:", "\u0600"),
        ]
    ),
    max_size=80,
).map("".join)
ANYTHING = MARKDOWN | JUNK | st.text(max_size=300)


@settings(deadline=None, max_examples=50)
@given(text=ANYTHING, limit=st.integers(1, 300))
def test_parts_are_short_enough_never_blank_and_lose_nothing(text: str, limit: int) -> None:
    parts = parts_of(text, limit)
    for part in parts:
        assert len(part) <= limit
        assert part.strip()
        assert part == part.rstrip()
    assert_nothing_is_lost(text, parts)


@settings(deadline=None, max_examples=50)
@given(text=ANYTHING, limit=st.integers(100, 300))
def test_a_part_is_not_cut_again(text: str, limit: int) -> None:
    for part in parts_of(text, limit):
        assert parts_of(part, limit) == (part,)


@settings(deadline=None, max_examples=50)
@given(text=MARKDOWN, limit=st.integers(100, 400))
def test_fences_are_closed_in_every_part(text: str, limit: int) -> None:
    for part in parts_of(text, limit):
        assert not open_fences(part)


@settings(deadline=None, max_examples=50)
@given(text=MARKDOWN, limit=st.integers(100, 400))
def test_links_addresses_code_and_mentions_are_whole(text: str, limit: int) -> None:
    pattern = re.compile(
        r"\[a link\]\(https://example\.org/a\)|https://example\.org/b\?c=d|<[@#:t][^>\n]*>|`a code`|``b`c``"
    )
    whole = sorted(pattern.findall(text))
    assert sorted(found for part in parts_of(text, limit) for found in pattern.findall(part)) == whole


CHARACTERS = st.sampled_from(
    ["e\u0301", FAMILY, "🇵🇹", "한", "न्दी", "👍🏽", "a", " ", ". ", "\n", "é", "\u0600", "1️⃣", "สวัสดี"]
)
PLAIN = st.lists(CHARACTERS, max_size=120).map("".join) | st.text(
    st.characters(categories=["L", "M", "N", "Zs", "Cf", "So"], exclude_characters="~|`"), max_size=200
)


@settings(deadline=None, max_examples=50)
@given(text=PLAIN, limit=st.integers(12, 60))
def test_no_character_of_a_reader_is_cut(text: str, limit: int) -> None:
    # White space at a border may go, also where a character before it has taken it in.
    wanted = [cluster.strip() for cluster in iter_graphemes(text) if not cluster.isspace()]
    parts = parts_of(text, limit)
    found = [cluster.strip() for part in parts for cluster in iter_graphemes(part) if not cluster.isspace()]
    if max(map(len, wanted), default=0) <= limit:
        assert found == wanted
    assert without_space("".join(parts)) == without_space(text)


@settings(deadline=None, max_examples=50)
@given(text=st.lists(PHRASES, min_size=1, max_size=40).map(" ".join), limit=st.integers(60, 200))
def test_parts_are_filled(text: str, limit: int) -> None:
    parts = parts_of(text, limit)
    assert len(parts) <= 1 + 4 * len(text) // limit
