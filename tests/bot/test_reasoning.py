"""What a model thinks aloud is told from what it says, whatever marks it puts around it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reasoning import after_reasoning, without_reasoning

HARMONY_FINAL = "<|end|><|start|>assistant<|channel|>final<|message|>"
PAIRS = [
    ("<think>", "</think>"),
    ('<think type="deep">', "</think>"),
    ("<think >", "</think >"),
    ("<THINK>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>thought\n", "<|channel|>"),
    ("<|channel|>analysis<|message|>", HARMONY_FINAL),
    ("<|start|>assistant<|channel|>analysis<|message|>", HARMONY_FINAL),
]

words = st.text(st.sampled_from("ab {}\"'<>/|[]\n"), max_size=12).map(lambda text: f"{text} said ")
thoughts = st.lists(
    st.sampled_from(["secret", " ", "\n", "`x`", "```\nx\n```", "`</think>`", "`<think>`", "a < b", "{", "}", "' \""]),
    min_size=1,
    max_size=6,
).map("".join)


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """Reasoning between its marks, perhaps with some inside."""
    opening, closing = draw(st.sampled_from(PAIRS))
    inner = draw(st.lists(st.one_of(thoughts, st.sampled_from(PAIRS).map("secret".join)), min_size=1, max_size=3))
    return f"{opening}{'secret'.join(inner)}{closing}"


@given(st.lists(st.tuples(blocks(), words), max_size=4), words)
def test_nothing_between_marks_is_said_and_all_else_is(thought: list[tuple[str, str]], first: str) -> None:
    said = first + "".join(word for _, word in thought)
    assert without_reasoning(first + "".join(block + word for block, word in thought)) == said.strip()


@given(thoughts, st.sampled_from([closing for _, closing in PAIRS]), words)
def test_where_the_template_opened_it_nothing_before_the_closing_mark_is_said(
    thought: str, closing: str, said: str
) -> None:
    assert without_reasoning(f"secret{thought}{closing}{said}") == said.strip()
    assert after_reasoning(f"secret{thought}{closing}{said}") == said.strip()


@given(words, st.sampled_from([opening for opening, _ in PAIRS]), thoughts)
def test_what_was_cut_within_reasoning_ends_before_it(said: str, opening: str, thought: str) -> None:
    assert without_reasoning(f"{said}{opening}{thought}") == said.strip()


@given(st.text(st.characters(exclude_characters="nNhH")))  # no mark does without both
def test_a_text_without_marks_is_left_as_it_is(text: str) -> None:
    assert without_reasoning(text) == after_reasoning(text) == text.strip()


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("secret</think>secret</think>Hi", id="closed twice"),
        pytest.param("<think>secret</think>secret</think>Hi", id="opened once and closed twice"),
        pytest.param("<think>They ask of <think> secret</think>Hi", id="opened twice and closed once"),
        pytest.param("<think>secret <think>secret</think> secret <think>secret</think> secret</think>Hi", id="nested"),
        pytest.param("<thinking>secret</think>Hi", id="closed by another name"),
        pytest.param("<think>They ask for `</think>` secret</think>Hi", id="speaks of the closing mark"),
        pytest.param("secret ` and secret</think>Hi", id="a backtick"),
        pytest.param("secret `</think>Hi", id="a backtick at its end"),
        pytest.param("secret ```py\nsecret</think>Hi", id="an open fence"),
        pytest.param("analysissecretassistantfinalHi", id="gpt-oss without marks"),
        pytest.param("analysissecretassistantcommentarysecretassistantfinalHi", id="the same, three parts"),
        pytest.param("<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|message|>Hi", id="no channel"),
        pytest.param(f"<|channel|>analysis<|message|>secret{HARMONY_FINAL}Hi<|return|>", id="gpt-oss, with its end"),
        pytest.param("<|channel|>final<|message|>Hi<|end|>", id="gpt-oss, the answer alone"),
        pytest.param(
            "<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>commentary<|message|>secret"
            f"{HARMONY_FINAL}Hi",
            id="gpt-oss, three parts",
        ),
        pytest.param(
            "<|START_THINKING|>secret<|END_THINKING|><|START_RESPONSE|>Hi<|END_RESPONSE|>", id="Cohere, with its end"
        ),
    ],
)
def test_marks_need_not_match(written: str) -> None:
    assert without_reasoning(written) == after_reasoning(written.replace("<|return|>", "")).split("<|")[0] == "Hi"


@pytest.mark.parametrize(
    "said",
    [
        "Put `<think>` first, then `</think>`.",
        "Write `<think>…</think>` before it.",
        "```\n<think>x</think>\n```\nThat is all.",
        "```\n</think>\n```",
        "Use `</think>` to end it.",
        "An analysis of the report: analysisReport.pdf",
        "a <b>bold</b> thought, if 1 < 2 > 0",
        "The <|channel",
    ],
)
def test_words_that_look_like_marks_are_said(said: str) -> None:
    assert without_reasoning(said) == after_reasoning(said) == said


def test_marks_within_an_object_do_not_break_it() -> None:
    written = json.dumps({"thoughts": "secret</think>hm", "arguments": {"message": "<think>secret</think>Hi"}})
    assert after_reasoning(written) == written
    assert after_reasoning(f"<think>{{</think>```json\n{written}\n```") == f"```json\n{written}\n```"
    assert after_reasoning(f'{{"draft": "secret"}}</think>{written}') == written


def test_marks_by_the_thousand_are_read_in_no_time() -> None:
    for piece in (
        "<think>",
        "</think>",
        "<think>`</think>` ",
        "```",
        "`<",
        "<think ",
        "analysis assistantfinal",
        "<|end|>",
        " ",
    ):
        without_reasoning(piece * 50_000)
        after_reasoning(piece * 50_000)
