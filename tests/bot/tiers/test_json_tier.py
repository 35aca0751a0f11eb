"""The JSON tier: one object a step, thoughts and one call; near misses are mended."""

import json
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails
from bot.testing import open_bot


def settings(server: ScriptedServer, **more: object) -> dict[str, object]:
    return {"llm_model": "scripted", "llm_tier": "json", "openai_base_url": server.url, **more}


def step(tool: str, thoughts: str = "hm", **arguments: object) -> str:
    return json.dumps({"thoughts": thoughts, "tool": tool, "arguments": arguments})


async def test_a_step_is_one_object_and_memory_works_as_with_tools(tmp_path: Path) -> None:
    script = [
        answer(step("core_memory_append", label="human", content="Ada", request_heartbeat=True)),
        answer(step("send_message", message="Hello Ada", request_heartbeat=False)),
        answer(step("send_message", message="Yes", request_heartbeat=False)),
    ]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("I am Ada") == ["Hello Ada"]
        assert await bot.say("Do you know me?") == ["Yes"]
        assert "Ada" in await bot.command("memory")
        first, _, last = server.requests
    assert "tools" not in first
    schema = first["response_format"]["json_schema"]["schema"]
    assert {choice["properties"]["tool"]["const"] for choice in schema["anyOf"]} >= {"send_message"}
    assert "send_message(message: string)" in first["messages"][0]["content"]
    roles = [message["role"] for message in last["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert json.loads(last["messages"][2]["content"])["tool"] == "core_memory_append"
    assert "tool_result" in last["messages"][3]["content"]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(f"```json\n{step('send_message', message='Hi')}\n```", id="fenced"),
        pytest.param(f"Sure! {step('send_message', message='Hi')}", id="words before"),
        pytest.param(f"<think>What now?</think>{step('send_message', message='Hi')}", id="reasoning"),
        pytest.param('{"thoughts": "x", "tool": "send_message", "arguments": {"message": "Hi"', id="cut off"),
        pytest.param("{'tool': 'send_message', 'arguments': {'message': 'Hi',},}", id="Python's quotes and commas"),
        pytest.param('{"tool": "send_message", "message": "Hi"}', id="arguments beside the tool"),
        pytest.param("Hi", id="bare text"),
    ],
)
async def test_near_misses_are_understood(tmp_path: Path, written: str) -> None:
    async with ScriptedServer([answer(written)]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hello") == ["Hi"]


async def test_an_unknown_tool_is_told_to_the_model(tmp_path: Path) -> None:
    script = [answer(step("fly")), answer(step("send_message", message="Sorry"))]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Fly!") == ["Sorry"]
        assert "no tool 'fly'" in server.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize("written", ['{"tool":' * 20_000, '{"a":' * 3_000 + "1" + "}" * 3_000])
async def test_what_is_nested_too_deeply_is_no_object(tmp_path: Path, written: str) -> None:
    script = [answer(written, finish_reason="length"), answer(step("send_message", message="Sorry"))]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hello") == ["Sorry"]


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param("This response_format type is unavailable now", id="the server says so"),
        pytest.param("invalid request", id="it does not say why"),
    ],
)
async def test_a_server_that_takes_no_schema_is_asked_without_one_from_then_on(tmp_path: Path, refusal: str) -> None:
    def reply(request: Request) -> Reply:
        return fails(400, refusal) if "response_format" in request else answer(step("send_message", message="Hi"))

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(2):
            assert await bot.say("Hello") == ["Hi"]
        assert bot.platform.notices == []
        asked = ["response_format" in request for request in server.requests]
    assert asked == [True, False, False]
    assert "Answer with one JSON object" in server.requests[-1]["messages"][0]["content"]


async def test_a_prompt_that_is_refused_with_and_without_a_schema_says_nothing_of_schemas(tmp_path: Path) -> None:
    is_bad = True

    def reply(request: Request) -> Reply:
        return fails(400, "invalid request") if is_bad else answer(step("send_message", message="Hi"))

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hello") == []
        is_bad = False
        assert await bot.say("Hello") == ["Hi"]
        assert "response_format" in server.requests[-1]
