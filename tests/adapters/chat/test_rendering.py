"""Markdown cut into parts: where a reader would cut, everything in one piece that fits in one, and nothing lost."""

import re
import sys
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from wcwidth import iter_graphemes

from adapters.chat.markdown import with_below
from adapters.chat.rendering import DISCORD_LIMIT, SLACK_LIMIT, CodeFile, as_file, is_one_code_block, parts_of

FAMILY = "👨‍👩‍👧‍👦"
FENCES = MarkdownIt("commonmark")


def lines(count: int, line: str = "line {}") -> str:
    return "\n".join(line.format(number) for number in range(1, count + 1))


def without_space(text: str) -> str:
    return "".join(text.split())


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


# ── examples ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_short_text_is_one_part() -> None:
    assert parts_of("Hello **Ada**!", DISCORD_LIMIT) == ("Hello **Ada**!",)


@pytest.mark.parametrize("blank", ["", " ", "\n\n \t\r\n", "\u2003\u3000"])
def test_nothing_is_no_part(blank: str) -> None:
    assert parts_of(blank, DISCORD_LIMIT) == ()


def test_white_space_around_goes_and_the_first_line_keeps_its_indent() -> None:
    assert parts_of("\n \n  - one\r\n  - two \r\n", 100) == ("  - one\n  - two",)


def test_paragraphs_part_before_sentences_and_sentences_before_words() -> None:
    text = "One two three. Four five six.\n\nSeven eight nine. Ten eleven twelve."
    assert parts_of(text, 45) == ("One two three. Four five six.", "Seven eight nine. Ten eleven twelve.")
    assert parts_of(text, 25) == ("One two three.", "Four five six.", "Seven eight nine.", "Ten eleven twelve.")
    assert parts_of("one two three four", 9) == ("one two", "three", "four")


def test_a_heading_begins_a_part_and_never_ends_one() -> None:
    text = f"{'word ' * 14}\n## Next\n{'more ' * 14}"
    assert parts_of(text, 90) == (("word " * 14).strip(), f"## Next\n{'more ' * 14}".strip())
    assert all(not part.endswith("## Next") for limit in range(40, 120) for part in parts_of(text, limit))


def test_list_items_keep_their_markers() -> None:
    text = lines(6, "{}. apples and pears")
    assert parts_of(text, 50) == (
        "1. apples and pears\n2. apples and pears",
        "3. apples and pears\n4. apples and pears",
        "5. apples and pears\n6. apples and pears",
    )
    assert parts_of("- one\n    - two", 12) == ("- one", "- two")  # four spaces in front would make it code on Slack
    nested = "- [ ] one\n  - [x] two and\n  - three"
    assert parts_of(nested, 22) == ("- [ ] one", "  - [x] two and", "  - three")


def test_code_that_is_cut_is_closed_and_opened_again_with_its_language() -> None:
    assert parts_of(f"```python\n{lines(4)}\n```", 30) == (
        "```python\nline 1\nline 2\n```",
        "```python\nline 3\nline 4\n```",
    )


@pytest.mark.parametrize("marks", ["```", "````", "~~~", "~~~~~"])
def test_fences_of_every_kind_go_on_as_they_began(marks: str) -> None:
    for part in parts_of(f"{marks}c++ title=x\n{lines(40)}\n{marks}", 80):
        assert part.startswith(f"{marks}c++ title=x\nline ")
        assert part.endswith(f"\n{marks}")


def test_a_longer_fence_holds_a_shorter_one() -> None:
    text = f"````markdown\n```js\n{lines(20)}\n```\n````"
    parts = parts_of(text, 60)
    assert len(parts) > 2
    assert all(part.startswith("````markdown\n") and part.endswith("\n````") for part in parts)


def test_code_inside_a_quote_and_inside_a_list_stays_there() -> None:
    quoted = "> ```sh\n" + lines(4, "> line {}") + "\n> ```"
    assert parts_of(quoted, 35) == ("> ```sh\n> line 1\n> line 2\n> ```", "> ```sh\n> line 3\n> line 4\n> ```")
    listed = "1. Do\n   ```sh\n" + lines(4, "   line {}") + "\n   ```"
    assert parts_of(listed, 40) == (
        "1. Do\n   ```sh\n   line 1\n   ```",
        "   ```sh\n   line 2\n   line 3\n   ```",
        "   ```sh\n   line 4\n   ```",
    )


def test_the_line_that_closes_code_is_not_cut_off_from_its_marks() -> None:
    text = f"> ```\n> {'w' * 90}\n> ```"
    assert parts_of(text, 100) == (f"> ```\n> {'w' * 86}\n> ```", "> ```\n> wwww\n> ```")


def test_code_that_fits_in_a_part_is_not_cut() -> None:
    text = f"Here it is:\n\n```\n{lines(10)}\n```\n\nThat was it."
    assert parts_of(text, 90) == ("Here it is:", f"```\n{lines(10)}\n```", "That was it.")


def test_code_that_nobody_closed_is_closed() -> None:
    assert parts_of("```py\nprint(1)", 100) == ("```py\nprint(1)\n```",)


def test_a_table_keeps_whole_rows_under_its_header() -> None:
    header = "| name | age |\n|------|----:|"
    rows = [f"| Ada {number} | 3{number} |" for number in range(1, 6)]
    assert parts_of("\n".join([header, *rows]), 65) == (
        "\n".join([header, *rows[:2]]),
        "\n".join([header, *rows[2:4]]),
        "\n".join([header, *rows[4:]]),
    )


def test_a_quote_goes_on_as_a_quote() -> None:
    assert parts_of("> one two three four five six", 16) == ("> one two three", "> four five six")
    assert parts_of("> one two three\n>\n> four five six", 20) == ("> one two three", "> four five six")


def test_bold_words_stay_together_if_they_can_and_stay_bold_if_not() -> None:
    assert parts_of("Some words and **four bold words here** then", 30) == (
        "Some words and",
        "**four bold words here** then",
    )
    assert parts_of("**one two three four five six seven**", 20) == (
        "**one two three**",
        "**four five six**",
        "**seven**",
    )
    assert parts_of("> **one two three four\n> five six**", 18) == (
        "> **one two**",
        "> **three four**",
        "> **five six**",
    )


@pytest.mark.parametrize("mark", ["*", "_", "***", "__", "~~", "||"])
def test_every_span_is_closed_and_opened_again(mark: str) -> None:
    for part in parts_of(f"{mark}{lines(30, 'word{}')}{mark}", 60):
        assert part.startswith(f"{mark}word")
        assert part.endswith(mark)


def test_a_spoiler_of_two_paragraphs_hides_both() -> None:
    text = f"||{'who ' * 10}\n\n{'did ' * 9}it||"
    assert parts_of(text, 50) == (f"||{('who ' * 10).strip()}||", f"||{'did ' * 9}it||")


def test_words_do_not_become_a_quote_or_an_item_by_a_cut() -> None:
    assert parts_of("I like x > 5 and y", 8) == ("I like", "x > 5", "and y")
    assert parts_of("seven of 10. That is", 9) == ("seven", "of 10.", "That is")


def test_arithmetic_and_names_are_no_spans() -> None:
    text = "2 * 3 is 6, snake_case_name and 4 * 5 is 20 of course"
    assert " ".join(parts_of(text, 20)) == text


@pytest.mark.parametrize(
    "whole",
    [
        "[a link of words](https://example.org/a_(b))",
        "![an image](<https://example.org/a b.png> 'Title')",
        "https://example.org/path?query=1&more=2",
        "<https://example.org/>",
        "<@123456789012345678>",
        "<:blob_wave:123456789012345678>",
        "</agent memory:123456789012345678>",
        "`some code with spaces`",
        "``code with a ` in it``",
        ":slightly_smiling_face:",
        "**a [link](https://example.org/x) in bold**",
    ],
)
def test_what_belongs_together_is_not_cut(whole: str) -> None:
    for count in range(1, 14):
        parts = parts_of(f"{'ab ' * count}{whole} and then some more words", 50)
        assert any(whole in part for part in parts), parts


def test_a_span_inside_a_span_leaves_room_to_close_both() -> None:
    text = "||__one two three https://example.org/b?c=d__||"
    assert parts_of(text, 46) == ("||__one two three__||", "||__https://example.org/b?c=d__||")


def test_an_address_longer_than_a_part_is_cut_and_whole_in_the_end() -> None:
    url = f"https://example.org/{'abc/' * 50}"
    parts = parts_of(f"See {url} now", 50)
    assert "".join(parts).replace("See", "").replace("now", "").strip() == url
    assert max(map(len, parts)) <= 50


def test_a_word_longer_than_a_part_is_cut() -> None:
    assert parts_of("x" * 25, 10) == ("x" * 10, "x" * 10, "x" * 5)


def test_an_emoji_is_one_character() -> None:
    size = len(FAMILY)
    assert parts_of(FAMILY * 5, size * 2 + 3) == (FAMILY * 2, FAMILY * 2, FAMILY)
    assert parts_of("🇵🇹🇩🇪🇫🇷", 5) == ("🇵🇹🇩🇪", "🇫🇷")


def test_accents_without_end_are_cut_somewhere() -> None:
    zalgo = "e" + "\u0301" * 100
    parts = parts_of(zalgo, 30)
    assert "".join(parts) == zalgo
    assert max(map(len, parts)) <= 30


def test_chinese_and_arabic_part_after_sentences() -> None:
    assert parts_of("今天天气很好。我们去公园。明天见。", 14) == ("今天天气很好。我们去公园。", "明天见。")
    assert parts_of("مرحبا بك. كيف حالك؟ أنا بخير", 22) == ("مرحبا بك. كيف حالك؟", "أنا بخير")


def test_discord_counts_an_emoji_beyond_the_first_plane_as_one() -> None:
    assert len(parts_of("😀" * DISCORD_LIMIT, DISCORD_LIMIT)) == 1
    assert len(parts_of("😀" * (DISCORD_LIMIT + 1), DISCORD_LIMIT)) == 2


# ── code as a file ───────────────────────────────────────────────────────────────────────────────────


def test_code_of_many_parts_is_a_file_with_its_introduction() -> None:
    code = lines(1000, "print({})")
    text = f"Here is your script:\n\n```python\n{code}\n```\n\nRun it with care."
    assert is_one_code_block(text)
    assert as_file(text, DISCORD_LIMIT) == CodeFile(
        "Here is your script:\n\nRun it with care.", "answer.py", f"{code}\n"
    )


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("", "answer.txt"),
        ("Rust", "answer.rs"),
        ("sql", "answer.sql"),
        ("../../etc", "answer.txt"),
        ("c++ x", "answer.cpp"),
    ],
)
def test_a_file_is_named_after_its_language(language: str, name: str) -> None:
    found = as_file(f"```{language}\n{lines(100)}\n```", 100)
    assert found
    assert found.name == name


def test_code_in_a_quote_or_in_a_list_leaves_their_marks_behind() -> None:
    found = as_file("> ```\n" + lines(100, "> line {}") + "\n> ```", 100)
    assert found
    assert found.content == f"{lines(100)}\n"
    found = as_file("- ```\n" + lines(100, "  line {}") + "\n  ```", 100)
    assert found
    assert found.content == f"{lines(100)}\n"


def test_what_fits_in_a_few_parts_or_is_mostly_words_is_no_file() -> None:
    code = f"```\n{lines(20)}\n```"
    assert as_file(code, 100) is None
    assert as_file(code, 30, most_parts=5)
    assert as_file(code, 30, most_parts=50) is None
    assert as_file("word " * 1000, 100) is None
    assert not is_one_code_block(f"{code}\n\n{code}")
    assert not is_one_code_block(f"{'word ' * 50}\n\n{code}")


# ── properties ───────────────────────────────────────────────────────────────────────────────────────

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


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────


def steps(text: str) -> int:
    """How many calls, of Python and of C, it takes to cut a text: a clock would also measure what else is running."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        parts_of(text, 500)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "word and word. ",
            "x",
            "\n",
            FAMILY,
            "e\u0301",
            "\u0301",
            "> ",
            ">\n",
            "- ",
            "*a",
            "_*_a",
            "**a ",
            "`",
            "`a``b```c",
            "||a ",
        ),
        *(
            "[a](b",
            "[",
            "<@",
            ":a",
            "http://)",
            "```\n",
            "~~~a\n",
            "> ```\n",
            "a|b\n-|-\n",
            "c|d\n",
            "# a\n",
            "    ",
            "\\",
            "()",
        ),
    ],
)
def test_the_time_grows_with_the_length(piece: str) -> None:
    for begin in ("", "**", "```js\n", "a|b\n-|-\n"):
        few = steps(begin + piece * (5000 // len(piece)))
        many = steps(begin + piece * (20000 // len(piece)))
        assert many < few * 5 + 1000


def test_a_megabyte_is_cut_for_slack_and_for_discord() -> None:
    text = f"# Title\n\n{'Some words of a **long** [answer](https://example.org/x). ' * 18_000}"
    for limit in (DISCORD_LIMIT, SLACK_LIMIT):
        parts = parts_of(text, limit)
        assert max(map(len, parts)) <= limit
        assert without_space("".join(parts)) == without_space(text)


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("Look:\n```\none()", "Look:\n```\none()\n```"),
        ("Look:\r\n```py\r\none()\r\n\r\n", "Look:\n```py\none()\n```"),
        ("- an item\n  ~~~~\n  one()", "- an item\n  ~~~~\n  one()\n  ~~~~"),
        ("> ```\n> one()", "> ```\n> one()\n> ```"),
        ("> ```\n> one()\nwords", "> ```\n> one()\nwords"),
        ("```\none()\n```", "```\none()\n```"),
        ("```\none()\n```\nwords", "```\none()\n```\nwords"),
        ("words", "words"),
        ("", ""),
    ],
)
def test_a_line_below_stands_outside_of_code(text: str, closed: str) -> None:
    assert with_below(text, "-# line") == f"{closed}\n\n-# line"
