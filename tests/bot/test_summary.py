"""The recursive summary: by the model in chunks that fit its window, or extracted without one."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from adapters.openai_model import OpenAIModel
from adapters.testing import Reply, Request, ScriptedServer, answer, fails
from adapters.token_counter import BpeTokenCounter
from bot.context import Room
from bot.summary import Summarizer
from config.words import prompt
from memory.ports import Kind, Message

COUNTER = BpeTokenCounter()
ROOM = Room.of(4096, 1000, 1400)
UTC_ZONE = ZoneInfo("UTC")


def said(number: int, text: str) -> Message:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return Message(id=number, turn_id=number, kind=Kind.USER_MESSAGE, created_at=moment, text=text, author_name="Ada")


async def fold(
    script: list[Reply] | Callable[[Request], Reply], summary: str, texts: list[str]
) -> tuple[str, list[Request]]:
    async with ScriptedServer(script) as server:
        model = OpenAIModel("m", api_key=None, base_url=server.url, context_window=4096, timeout_s=5)
        summarizer = Summarizer(model, prompt("summarize"), COUNTER, ROOM)
        messages = [said(number, text) for number, text in enumerate(texts, 1)]
        folded = await summarizer.fold(summary, messages, UTC_ZONE)
        await model.close()
        return folded, server.requests


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
    summarizer, summary = Summarizer(None, prompt("summarize"), COUNTER, ROOM), ""
    for number in range(50):
        summary = await summarizer.fold(summary, [said(number, f"My number {number} is " + "7" * 200)], UTC_ZONE)
        assert COUNTER.count(summary) <= ROOM.summary
    assert "My number 49" in summary
