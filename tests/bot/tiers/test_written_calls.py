"""Calls that a model prints instead of making them are made; a text that shows JSON stays a text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.testing import Reply, Request, ScriptedServer, answer
from bot.testing import open_bot
from bot.tiers.written_calls import WrittenCall, written_calls

TOOLS = ("send_message", "core_memory_append")


def call(message: str = "Hi", name: str = "send_message", key: str = "arguments") -> str:
    return json.dumps({"name": name, key: {"message": message}})


ONE = call()
FORMS = [
    pytest.param(f"<tool_call>\n{ONE}\n</tool_call>", id="Hermes"),
    pytest.param(f"<tool_call>{ONE}", id="Hermes without an end"),
    pytest.param(f"<function_call>{ONE}</function_call>", id="function_call"),
    pytest.param(f"<tools>\n{ONE}\n</tools>", id="Qwen coder"),
    pytest.param(f"```xml\n<tool_call>{ONE}</tool_call>\n```", id="Hermes in a fence"),
    pytest.param(call(key="parameters"), id="Llama"),
    pytest.param(f"<|python_tag|>{call(key='parameters')}<|eom_id|>", id="Llama with its mark"),
    pytest.param(f"[TOOL_CALLS] [{ONE}]", id="Mistral"),
    pytest.param(f"```json\n{ONE}\n```", id="fenced"),
    pytest.param(f"```\n[{ONE}]\n```\n", id="a list in a fence"),
    pytest.param("{'name': 'send_message', 'arguments': {'message': 'Hi',},}", id="Python's quotes and commas"),
    pytest.param(ONE[:-2], id="without its braces"),
    pytest.param('{"name": "send_message", "arguments": "{\\"message\\": \\"Hi\\"}"}', id="encoded twice"),
    pytest.param(
        '{"type": "function", "function": {"name": "send_message", "arguments": {"message": "Hi"}}}', id="the API's"
    ),
    pytest.param('{"tool": "send_message", "thoughts": "x", "arguments": {"message": "Hi"}}', id="the JSON tier's"),
]


@pytest.mark.parametrize("text", FORMS)
def test_one_call_is_read_in_every_form(text: str) -> None:
    assert written_calls(text, TOOLS) == (None, (WrittenCall("send_message", '{"message": "Hi"}'),))


TWO = (WrittenCall("send_message", '{"message": "One"}'), WrittenCall("send_message", '{"message": "Two"}'))


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>{call('One')}</tool_call>\n<tool_call>{call('Two')}</tool_call>",
        f"<tool_call>\n{call('One')}\n{call('Two')}\n</tool_call>",
        f"[TOOL_CALLS] [{call('One')}, {call('Two')}]",
        f"{call('One')}\n{call('Two')}",
        f"{call('One')}; {call('Two')}",
        f"[{call('One')},\n {call('Two')}]",
    ],
)
def test_several_in_a_row_stay_several(text: str) -> None:
    assert written_calls(text, TOOLS) == (None, TWO)


def test_words_before_a_mark_are_thoughts() -> None:
    thoughts, calls = written_calls(f"They seem shy.\n<tool_call>{ONE}</tool_call>", TOOLS)
    assert thoughts == "They seem shy."
    assert calls == (WrittenCall("send_message", '{"message": "Hi"}'),)


def test_a_heartbeat_beside_the_arguments_is_taken_with_them() -> None:
    written = '{"name": "send_message", "parameters": {"message": "Hi"}, "request_heartbeat": true}'
    _, (made,) = written_calls(written, TOOLS)
    assert json.loads(made.arguments) == {"message": "Hi", "request_heartbeat": True}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello!",
        f"You would write {ONE}",
        f"{ONE} is how it is done.",
        f"Like this:\n```json\n{ONE}\n```\nDo you see?",
        '{"name": "Ada", "age": 36}',
        '{"name": "fly", "arguments": {}}',
        '{"name": "send_message"}',
        '{"name": "send_message", "arguments": {}, "explanation": "an example"}',
        '{"city": "Lisbon"}',
        "[1, 2, 3]",
        "{",
        "<tool_call>",
        "<tool_call>hello</tool_call>",
    ],
)
def test_other_texts_are_left_alone(text: str) -> None:
    assert written_calls(text, TOOLS) == (None, ())


def test_a_marked_call_of_no_tool_is_a_call_so_that_the_model_is_told() -> None:
    assert written_calls(f"<tool_call>{call(name='fly')}</tool_call>", TOOLS)[1][0].name == "fly"


def test_a_call_without_its_end_is_not_mended_when_the_answer_was_cut() -> None:
    _, calls = written_calls(f"{call('One')}\n{call('Two words')[:-10]}", TOOLS, is_cut=True)
    assert calls[0] == TWO[0]
    assert calls[1].name == "send_message"
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(calls[1].arguments)


@given(
    st.lists(st.text(), min_size=1, max_size=4), st.sampled_from(["{}", "<tool_call>{}</tool_call>", "```\n{}\n```"])
)
def test_any_message_comes_through_to_the_letter(messages: list[str], form: str) -> None:
    written = "\n".join(form.replace("{}", call(message)) for message in messages[: 1 if "`" in form else 4])
    _, calls = written_calls(written, TOOLS)
    expected = [json.loads(json.dumps(message)) for message in messages[: len(calls)]]
    assert calls
    read = [json.loads(made.arguments)["message"] for made in calls]
    assert [ascii(text) for text in read] == [ascii(clean) for clean in map(_as_kept, expected)]


def _as_kept(text: str) -> str:
    from bot.text import clean

    return json.loads(clean(json.dumps(text, ensure_ascii=False)))  # type: ignore[no-any-return]


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    for written in (text, f"{{{text}", f"<tool_call>{text}", f"[TOOL_CALLS] {text}", f"{ONE}{text}"):
        for is_cut in (False, True):
            written_calls(written, TOOLS, is_cut=is_cut)


@given(st.text(alphabet=st.characters(exclude_characters="{}<>[]`|"), min_size=1))
def test_words_around_json_make_it_a_text(words: str) -> None:
    if words.strip(" ,;\t\n\r\x0b\x0c") and not words.isspace():
        assert written_calls(f"x{words} {ONE}", TOOLS) == (None, ())


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


async def test_written_calls_are_made_in_order_and_kept_as_calls(tmp_path: Path) -> None:
    append = json.dumps({"name": "core_memory_append", "arguments": {"label": "human", "content": "Ada"}})
    written = (
        f"<think>hm</think>I note it.\n<tool_call>{append}</tool_call>\n<tool_call>{call('Hello Ada')}</tool_call>"
    )
    async with ScriptedServer([answer(written), answer(ONE)]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("I am Ada") == ["Hello Ada"]
            assert "Ada" in await bot.command("memory")
            assert bot.steps[0].thoughts == "I note it."
            assert await bot.say("Again") == ["Hi"]
        made = server.requests[1]["messages"][2]
        assert [one["function"]["name"] for one in made["tool_calls"]] == ["core_memory_append", "send_message"]
        assert "tool_call>" not in json.dumps(server.requests[1])


async def test_a_written_call_that_was_cut_is_told_of_as_any_other(tmp_path: Path) -> None:
    half = answer(f"<tool_call>{call('Once upon a time')[:-12]}", finish_reason="length")
    async with ScriptedServer([half, answer(ONE)]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("A story!") == ["Hi"]
        assert "cut at the token limit" in server.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize("makes_them_at_once", [True, False])
async def test_written_calls_count_as_calls_for_the_auto_tier(tmp_path: Path, makes_them_at_once: bool) -> None:
    def reply(request: Request) -> Reply:
        if "Call the tool" in str(request["messages"][-1]["content"]):
            return answer('<tool_call>{"name": "ready", "arguments": {}}</tool_call>')
        return answer(f"<tool_call>{ONE}</tool_call>" if makes_them_at_once else "Hi")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(5):
            assert await bot.say("Hi") == ["Hi"]
        assert all("tools" in request for request in server.requests)
        assert len(server.requests) == 5 if makes_them_at_once else 6
