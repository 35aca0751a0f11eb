"""The recursive summary: by the model in chunks that fit its window, or extracted without one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.openai_model import OpenAIModel
from adapters.models.token_counter import BpeTokenCounter
from adapters.testing import Reply, Request, ScriptedServer, answer, completion, fails
from bot.context.lookup_hints import Find
from bot.context.summary import MAX_EXTRACT_CHARS, Summarizer, gist
from bot.context.window import Window
from config.words import prompt
from memory.ports import Kind, Message
from memory.search.words import query_words

COUNTER = BpeTokenCounter()
WINDOW = Window(4096, 1000, 1400)
ROOM = WINDOW.room
UTC_ZONE = ZoneInfo("UTC")


def said(number: int, text: str) -> Message:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return Message(id=number, turn_id=number, kind=Kind.USER_MESSAGE, created_at=moment, text=text, author_name="Ada")


def looking_in(messages: Sequence[Message]) -> Find:
    """A search that finds the messages which hold a word of the term."""

    async def find(term: str) -> Sequence[Message]:
        return [message for message in messages if any(word in message.text.lower() for word in query_words(term))]

    return find


async def fold(
    script: list[Reply] | Callable[[Request], Reply], summary: str, texts: list[str]
) -> tuple[str, list[Request]]:
    async with ScriptedServer(script) as server:
        model = OpenAIModel("m", api_key=None, base_url=server.url, context_window=4096, timeout_s=5)
        summarizer = Summarizer(model, prompt("summarize"), COUNTER, WINDOW)
        messages = [said(number, text) for number, text in enumerate(texts, 1)]
        folded = await summarizer.fold(summary, messages, UTC_ZONE, looking_in(messages))
        await model.close()
        return folded.summary, server.requests


async def test_the_earlier_summary_is_folded_in() -> None:
    folded, (request,) = await fold([answer("Ada has a dog and a cat.")], "Ada has a dog.", ["I also have a cat"])
    assert folded == "Ada has a dog and a cat."
    asked = request["messages"][1]["content"]
    assert "Ada has a dog." in asked
    assert "2026-03-01T00:00:00+00:00 Ada: I also have a cat" in asked


async def test_much_is_summarized_in_chunks_that_fit_the_window() -> None:
    texts = [f"Message {number}: " + "a long story " * 100 for number in range(30)]
    _, requests = await fold(lambda request: answer("In short."), "", texts)
    assert len(requests) > 1
    assert all(COUNTER.count(str(request["messages"])) < ROOM.window - ROOM.summary for request in requests)
    assert all(f"Message {number}:" in str(requests) for number in range(30))


async def test_a_summary_that_is_too_long_is_cut_to_its_room() -> None:
    folded, _ = await fold([answer("word " * 3000)], "", ["Hi"])
    assert COUNTER.count(folded) <= ROOM.summary


async def test_without_the_model_the_telling_lines_stay_with_what_they_name_to_the_letter() -> None:
    texts = ["ok", "My order number is QX-77/b", "haha", "Meet me at https://example.org/x?y=1 on 3 May", "nice"]
    folded, _ = await fold([fails(400)], "Ada has a dog.", texts)
    assert "QX-77/b" in folded
    assert "https://example.org/x?y=1" in folded
    assert "Ada has a dog." in folded
    assert "haha" not in folded


async def test_extracts_stay_bounded_however_often_they_are_folded() -> None:
    summarizer, summary = Summarizer(None, prompt("summarize"), COUNTER, WINDOW), ""
    for number in range(50):
        evicted = [said(number, f"My number {number} is " + "7" * 200)]
        summary = (await summarizer.fold(summary, evicted, UTC_ZONE, looking_in(evicted))).summary
        assert COUNTER.count(summary) <= ROOM.summary
    assert "My number 49" in summary


@pytest.mark.parametrize(
    "unusable",
    [
        pytest.param(fails(401), id="refused"),
        pytest.param(fails(400, "maximum context length is 10 tokens"), id="too large for it"),
        pytest.param(fails(400, "this model does not support tools"), id="unsupported"),
        pytest.param(answer(None), id="null"),
        pytest.param(answer(" \n"), id="blank"),
        pytest.param(completion([]), id="no choices"),
        pytest.param(answer("<think>They said that"), id="thoughts only"),
        pytest.param(answer("<think>Hm.</think>\n"), id="thoughts and nothing"),
        pytest.param(answer("and so on " * 9000), id="without end"),
        pytest.param(answer(None, ("send_message", {"message": "Hi"})), id="a call"),
    ],
)
async def test_an_extract_takes_the_place_of_a_summary_that_cannot_be_used(unusable: Reply) -> None:
    folded, _ = await fold(lambda request: unusable, "Ada has a dog.", ["ok", "My order number is QX-77/b"])
    assert folded == "Ada has a dog.\n2026-03-01 Ada: My order number is QX-77/b\nLook up: QX-77/b"


async def test_what_was_summarized_before_the_model_failed_is_not_extracted_again() -> None:
    texts = [f"My number {number} is this: " + "a long story " * 140 for number in range(12)]
    folded, requests = await fold([answer("Ada told stories."), fails(401)], "", texts)
    assert len(requests) == 2
    assert folded.startswith("Ada told stories.")
    second = [number for number in range(12) if f"My number {number} " in str(requests[1])]
    assert [number for number in range(12) if f"My number {number} " in folded] == list(range(second[0], 12))


async def test_a_long_earlier_summary_makes_room_and_is_not_lost() -> None:
    earlier = "Ada lives in Lisbon. " + "She told a long story about her house. " * 60
    texts = [f"My order number {number} is QX-{number:03}" for number in range(40)]
    folded, _ = await fold([fails(400)], earlier, texts)
    assert folded.startswith("Ada lives in Lisbon.")
    assert "QX-039" in folded
    assert COUNTER.count(folded) <= ROOM.summary


IDENTIFIERS = [
    "QX-77/b",
    "https://example.org/x?y=1#top",
    "ada@example.org",
    "+351 21 000",
    "Łukaszewska",
    "#4711",
    "v2.10.3",
]


@given(
    st.permutations(IDENTIFIERS), st.lists(st.sampled_from(["and", "then", "we", "went"]), min_size=60, max_size=400)
)
def test_a_long_text_is_cut_around_what_must_not_be_lost(identifiers: list[str], filling: list[str]) -> None:
    words = list(filling)
    for number, identifier in enumerate(identifiers):
        words.insert((number + 1) * len(words) // 8, identifier)
    short = gist(" ".join(words), MAX_EXTRACT_CHARS)
    assert len(short) <= MAX_EXTRACT_CHARS
    assert all(identifier in short for identifier in identifiers)


@given(st.text(), st.integers(0, 300))
def test_a_gist_is_never_longer_than_it_may_be(text: str, max_chars: int) -> None:
    assert len(gist(text, max_chars)) <= max_chars


@given(
    st.integers(2300, 16384),
    st.lists(
        st.lists(st.text(max_size=400) | st.sampled_from(["長い話 7 " * 90, "🦜1" * 300]), max_size=6), max_size=8
    ),
)
def test_a_summary_stays_in_its_room_whatever_is_folded_in(window: int, folds: list[list[str]]) -> None:
    shared = Window(window, 1000, 1400)
    room = shared.room
    summarizer, summary = Summarizer(None, prompt("summarize"), COUNTER, shared), ""
    for texts in folds:
        evicted = [said(number, text) for number, text in enumerate(texts, 1)]
        folding = summarizer.fold(summary, evicted, UTC_ZONE, looking_in(evicted))
        with pytest.raises(StopIteration) as ended:  # without a model it waits for nothing
            folding.send(None)
        summary = ended.value.value.summary
        assert COUNTER.count(summary) <= room.summary
