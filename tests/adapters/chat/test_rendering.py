"""Markdown cut into parts: where a reader would cut, and everything in one piece that fits in one."""

import pytest

from adapters.chat.markdown import with_below
from adapters.chat.rendering import DISCORD_LIMIT, parts_of
from tests.adapters.chat.reading_parts import FAMILY, lines

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


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────


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
