"""The time to cut a text grows with its length, whatever is in it."""

import sys
from types import FrameType

import pytest

from adapters.chat.rendering import DISCORD_LIMIT, SLACK_LIMIT, parts_of
from tests.adapters.chat.reading_parts import FAMILY, without_space


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
