"""What goes out to Slack: Markdown in a block of its own, a plain text beside it, and nothing that is live."""

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.blocks import message_of, messages_of, parts_for_slack
from adapters.slack.emoji import name_of
from adapters.slack.mrkdwn import with_names

LIVE = st.sampled_from(
    [
        "<!channel>",
        "<!here>",
        "<!everyone>",
        "<@U1>",
        "<#C1>",
        "<!subteam^S1>",
        "<https://a.example|b>",
        "`",
        "```\n",
        "<",
    ]
)
TEXTS = st.lists(st.one_of(LIVE, st.text(max_size=20)), max_size=20).map("".join)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_no_mention_is_live_whatever_the_model_writes(text: str) -> None:
    message = message_of(text)
    shown = message["blocks"][0]["text"]
    assert not any(live in shown for live in ("<!", "<@", "<#"))
    assert "<" not in message["text"]
    assert shown.replace("\u2060", "") == text.replace("\u2060", "") or "-# " in text


ODD = [
    "&lt;!channel&gt;",
    "&#60;!here&#62;",
    "&#x3C;@U1>",
    "&LT;#C1>",
    r"<\!channel>",
    r"\<!channel>",
    "<&#33;everyone>",
]


@pytest.mark.parametrize(
    "text", [*ODD, "&lt;&excl;channel&gt;", r"&#0060;\@U1>", "<<!channel>>", "<&#x40;U1>", "<&num;C1>"]
)
def test_no_mention_is_live_however_markdown_writes_it(text: str) -> None:
    shown = str(message_of(text)["blocks"][0]["text"])
    read = html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown))
    assert not re.search("<[!@#]", read)
    assert read.replace("\u2060", "") == html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))


@pytest.mark.parametrize("mark", ["<@", "<!channel>", "<@U1> ", "&<"])
def test_a_text_full_of_mentions_keeps_within_what_slack_takes(mark: str) -> None:
    text = mark * (30_000 // len(mark))
    messages = messages_of(text)
    assert all(len(it["blocks"][0]["text"]) <= 11_500 for it in messages)
    assert "".join(it["blocks"][0]["text"] for it in messages).count("<") == text.count("<")


def test_other_signs_stay_as_they_are() -> None:
    text = "1 < 2, <b>bold</b>, <https://example.org>, `a <- b`, &amp; | x |"
    assert message_of(text)["blocks"][0]["text"] == text


def test_small_print_is_slanted() -> None:
    assert message_of("Hello.\n\n-# I keep it.")["blocks"][0]["text"] == "Hello.\n\n_I keep it._"
    assert message_of("```\n-# no\n```\nmore")["blocks"][0]["text"] == "```\n-# no\n```\nmore"


def test_a_long_text_is_cut_within_what_slack_takes() -> None:
    text = "\n\n".join(
        ["# Heading", "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 3000, "```py\n" + "x = 1\n" * 3000 + "```"]
    )
    parts = parts_for_slack(text)
    assert len(parts) > 3
    assert all(len(it["blocks"][0]["text"]) <= 11_500 for it in messages_of(text))
    assert [it["blocks"][0]["text"] for it in messages_of("")] == ["Done."]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<@U1> and <@U1|ada>, <@U2>", "@Ada and @Ada, <@U2>"),
        ("`<@U1>` <@U1>\n```\n<@U1>\n```\n<@U1>", "`<@U1>` @Ada\n```\n<@U1>\n```\n@Ada"),
        ("```\n<@U1>", "```\n<@U1>"),
        ("", ""),
    ],
)
def test_whom_a_reply_mentions_is_named(text: str, named: str) -> None:
    assert with_names(text, {"U1": "Ada"}) == named


@pytest.mark.parametrize("emoji", ["", "🧑‍🚀", "\ue000", ":", "é"])
def test_an_emoji_without_a_name_breaks_nothing(emoji: str) -> None:
    assert name_of(emoji).isascii()
