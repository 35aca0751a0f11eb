"""What a model can do is found out by what it does, and remembered."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import open_bot


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


def in_json(message: str) -> Reply:
    return answer(json.dumps({"thoughts": "", "tool": "send_message", "arguments": {"message": message}}))


def asked_in(request: Request) -> str:
    return "tools" if "tools" in request else "json" if "response_format" in request else "text"


async def test_a_model_that_calls_tools_costs_no_probe(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hi")] * 4) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(4):
            await bot.say("Hi")
        assert [asked_in(request) for request in server.requests] == ["tools"] * 4


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param("registry.ollama.ai/library/m does not support tools", id="Ollama"),
        pytest.param("tools param requires --jinja flag", id="llama.cpp"),
        pytest.param('"auto" tool choice requires --enable-auto-tool-choice', id="vLLM"),
    ],
)
async def test_a_server_that_refuses_tools_is_asked_in_json_at_once_and_for_good(tmp_path: Path, refusal: str) -> None:
    def reply(request: Request) -> Reply:
        return fails(400, refusal) if "tools" in request else in_json("Hello")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hello"]
            assert bot.platform.notices == []
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hello"]
        assert [asked_in(request) for request in server.requests] == ["tools", "json", "json"]


async def test_a_model_that_called_tools_is_asked_for_them_again_after_a_bad_day(tmp_path: Path) -> None:
    is_bad = False

    def reply(request: Request) -> Reply:
        if is_bad and asked_in(request) != "text":
            return fails(500, "the tool call parser is not supported right now")
        return answer("Just text.") if asked_in(request) == "text" else says("Hi")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
            is_bad = True
            assert await bot.say("Hi") == ["Just text."]
        is_bad = False
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hi"]
        assert asked_in(server.requests[-1]) == "tools"


async def test_a_way_of_asking_is_remembered_only_once_it_was_answered(tmp_path: Path) -> None:
    async with ScriptedServer([fails(400, "no tools support"), fails(401), says("Hi")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
        assert asked_in(server.requests[-1]) == "tools"


async def test_a_server_that_takes_tools_and_ignores_them_is_recognised_by_its_answers(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        return in_json("In JSON") if "response_format" in request else answer("Just text.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        said = [await bot.say("Hi") for _ in range(5)]
        assert said == [["Just text."]] * 3 + [["In JSON"]] * 2
        asked = [asked_in(request) for request in server.requests]
        assert asked == ["tools"] * 3 + ["tools"] + ["json"] * 2  # the fourth asks for nothing but a call


async def test_a_capable_model_that_chats_without_calls_stays_where_it_is(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if "Call the tool" in str(request["messages"][-1]["content"]):
            return answer(None, ("ready", {}))
        return answer("Just chatting.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(6):
            assert await bot.say("Hi") == ["Just chatting."]
        assert [asked_in(request) for request in server.requests] == ["tools"] * 7


async def test_a_server_that_refuses_both_is_spoken_to_in_text(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if "tools" in request:
            return fails(400, "this model does not support tools")
        return fails(400, "response_format is not supported") if "response_format" in request else answer("Hello")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("My name is Ada") == ["Hello"]
            assert "My name is Ada." in await bot.command("memory")
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
        assert [asked_in(request) for request in server.requests] == ["tools", "json", "text", "text"]


async def test_another_model_on_the_same_server_is_found_out_anew(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        refuses = request["model"] == "old" and "tools" in request
        return (
            fails(400, "does not support tools") if refuses else in_json("J") if "tools" not in request else says("T")
        )

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server, llm_model="old")) as bot:
            assert await bot.say("Hi") == ["J"]
        async with open_bot(tmp_path, **settings(server, llm_model="new")) as bot:
            assert await bot.say("Hi") == ["T"]


@pytest.mark.parametrize("arguments", ["He is called Ada", '{"message": "Hi', "[1, 2]", "<xml/>"])
async def test_calls_that_nobody_can_read_are_no_proof_that_a_model_calls_tools(tmp_path: Path, arguments: str) -> None:
    def reply(request: Request) -> Reply:
        return in_json("In JSON") if "response_format" in request else answer(None, ("send_message", arguments))

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["In JSON"], "answered in the same turn, before it is given up"
            assert [asked_in(request) for request in server.requests] == ["tools"] * 3 + ["json"]
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi again") == ["In JSON"]
        assert asked_in(server.requests[-1]) == "json", "which is remembered"


async def test_one_call_that_can_be_read_among_others_is_proof(tmp_path: Path) -> None:
    garbled = answer(None, ("send_message", "He said"))
    near_miss = answer(None, ("send_message", "{'message': 'Hi',}"))
    async with (
        ScriptedServer([garbled, garbled, near_miss, *[garbled] * 4, says("There")]) as server,
        open_bot(tmp_path, **settings(server)) as bot,
    ):
        assert await bot.say("Hi") == ["Hi"]
        assert await bot.say("Are you there?") == ["There"]
        assert {asked_in(request) for request in server.requests} == {"tools"}
