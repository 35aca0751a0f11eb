"""The first words of an agent: checked for machinery, since they set the example for all that follow."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.testing import Reply, ScriptedServer, answer, says
from bot.choices import Choices
from bot.testing import open_bot, texts
from bot.turns.first_message import shows_machinery

TOOLS = ("send_message", "core_memory_append")


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "scripted", "openai_base_url": server.url, **more}


@pytest.mark.parametrize(
    "text",
    [
        'send_message("Hello!")',
        "I will now call `send_message` (message=Hello).",
        '{"tool": "send_message", "arguments": {}}',
        "{'name': 'core_memory_append'}",
        "Hello! request_heartbeat: true",
        '{"type": "user_message", "time": "now", "message": "Hi"}',
        "Hello<|im_end|>",
        "<|start_header_id|>assistant",
        "[INST] Hello [/INST]",
        "<start_of_turn>model",
        "<tool_call>",
        "Hello</s>",
        '""',
        "''",
        "{}",
        "“”",
        'Hello "" there',
        "assistant: Hello",
        "Inner monologue: they seem shy.",
    ],
)
def test_machinery_is_recognised(text: str) -> None:
    assert shows_machinery(text, TOOLS)


@pytest.mark.parametrize(
    "text",
    [
        "Hello! How are you?",
        "",
        "   ",
        'You said "hello" (twice).',
        "In Python, write `x = ''` or:\n```python\nprint(\"\")\n```",
        "I can send a message (if you like).",
        "My type: user-friendly",
        "a < b | c > d",
        'The file is called data.json: {"a": 1}',
        "don''t",
    ],
)
def test_ordinary_words_are_not(text: str) -> None:
    assert shows_machinery(text, TOOLS) is None


@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs"])))
def test_plain_letters_are_never_machinery(text: str) -> None:
    assert shows_machinery(text, TOOLS) is None


@given(st.text(), st.sampled_from(TOOLS), st.text())
def test_a_call_is_recognised_wherever_it_stands(before: str, tool: str, after: str) -> None:
    assert shows_machinery(f"{before} {tool}({after}", TOOLS)


BAD = [
    pytest.param(answer("send_message('Hello')"), id="bare"),
    pytest.param(says("Hello! request_heartbeat=false"), id="called"),
    pytest.param(
        answer(
            None,
            ("core_memory_append", {"label": "human", "content": "shy"}),
            ("send_message", {"message": "<|im_start|>"}),
        ),
        id="beside an edit",
    ),
]


@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_first_message_is_discarded_and_asked_for_again(tmp_path: Path, bad: Reply) -> None:
    async with ScriptedServer([bad, says("Hello!")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["Hello!"]
        first, second = server.requests
        assert first == second
        assert len(bot.steps) == 1
        assert "shy" not in await bot.command("memory")


async def test_after_three_attempts_what_there_is_is_taken(tmp_path: Path) -> None:
    script = [answer(f"send_message('{number}')") for number in range(4)]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="tools")) as bot:
            assert await bot.say("Hi") == ["send_message('2')"]
            assert len(server.requests) == 3
            assert await bot.say("Again") == ["send_message('3')"]


async def test_the_check_waits_for_the_first_words(tmp_path: Path) -> None:
    edit = answer(None, ("core_memory_append", {"label": "human", "content": "Ada", "request_heartbeat": True}))
    async with ScriptedServer([edit, says('""'), says("Hello!")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("I am Ada") == ["Hello!"]


async def test_later_words_are_not_checked(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hello!"), says("Write send_message(…)."), says("{}")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
            assert await bot.say("How?") == ["Write send_message(…)."]
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("And empty?") == ["{}"]


async def test_the_operator_may_do_without(tmp_path: Path) -> None:
    async with ScriptedServer([says('""')]) as server:
        async with open_bot(tmp_path, choices=Choices(verifies_first=False), **settings(server)) as bot:
            assert await bot.say("Hi") == ['""']


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(answer(None, ("fly", {"message": "send_message("})), id="unknown tool"),
        pytest.param(answer(None, ("send_message", '{"message": "send_message(')), id="broken arguments"),
    ],
)
async def test_wrong_calls_are_told_to_the_model_as_ever(tmp_path: Path, wrong: Reply) -> None:
    async with ScriptedServer([wrong, says("Hello!")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["Hello!"]
        (result,) = texts(server.requests[1]["messages"], "tool")
        assert json.loads(result)["status"] == "error"
