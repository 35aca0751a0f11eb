"""What the real SDK sends over HTTP: roles, images, tools, keys, and the same bytes for the same prompt."""

import asyncio

import pytest
from aiohttp import web

from adapters.models.openai_model import OpenAIModel
from adapters.ports.errors import (
    ContextOverflow,
    ImagesRefused,
    ModelError,
    ModelUnavailable,
)
from adapters.ports.model import ChatMessage, Image, Sampling, ToolCall, ToolSchema
from adapters.testing import Reply, ScriptedServer, answer, fails
from tests.adapters.models.real_sdk import HI, KEY, TcpServer, assert_fit_for_a_person, model_at, refusal, scripted


async def test_a_prompt_goes_out_in_the_roles_of_the_api() -> None:
    call = ToolCall("call_7", "send_message", '{"message": "Olá"}')
    prompt = [
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "Hi 👋 \u2028"),
        ChatMessage("assistant", None, (call,)),
        ChatMessage("tool", '{"status": "ok"}', tool_call_id="call_7"),
        ChatMessage("assistant", "Bye"),
    ]
    async with scripted(answer("ok")) as (server, model):
        await model.complete(prompt)
    assert server.requests == [
        {
            "model": "gpt-test",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi 👋 \u2028"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_7",
                            "type": "function",
                            "function": {"name": "send_message", "arguments": '{"message": "Olá"}'},
                        }
                    ],
                },
                {"role": "tool", "content": '{"status": "ok"}', "tool_call_id": "call_7"},
                {"role": "assistant", "content": "Bye"},
            ],
        }
    ]


async def test_images_are_parts_below_the_text() -> None:
    shown = ChatMessage("user", "What is this?", images=(Image("data:image/png;base64,AA=="),))
    async with scripted(answer("A cat.")) as (server, model):
        await model.complete([shown])
    assert server.requests[0]["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        }
    ]
    assert "base64" not in repr(shown)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (fails(400, "invalid content type"), ImagesRefused),
        (fails(413, "too large"), ImagesRefused),
        (fails(404, "No endpoints found that support image input"), ImagesRefused),
        (fails(404, "no such model"), ModelUnavailable),
        (fails(400, "this exceeds the context window"), ContextOverflow),
        (fails(401, "wrong key"), ModelUnavailable),
    ],
)
async def test_a_refusal_may_be_for_the_images(reply: Reply, error: type[ModelError]) -> None:
    async with scripted(reply, reply) as (_, model):
        with pytest.raises(error) as caught:
            await model.complete([ChatMessage("user", "What is this?", images=(Image("data:,"),))])
        assert type(caught.value) is error
        with pytest.raises(ModelError) as without:
            await model.complete(HI)
        assert not isinstance(without.value, ImagesRefused)


async def test_tools_and_sampling_are_sent_only_where_given() -> None:
    parameters = {"type": "object", "properties": {"x": {"type": "string"}}}
    tools = [ToolSchema("first", "Does one thing.", parameters), ToolSchema("second", "And another.", {})]
    sampling = Sampling(temperature=0.0, stop=("\n",), extra={"top_k": 1})
    async with scripted(answer("ok"), answer("ok"), answer("ok")) as (server, model):
        await model.complete(HI, tools, max_tokens=60, sampling=sampling)
        await model.complete(HI, tools[:1])
        await model.complete(HI)
    full, fewer, bare = server.requests
    assert full["tools"] == [
        {
            "type": "function",
            "function": {"name": "first", "description": "Does one thing.", "parameters": parameters},
        },
        {"type": "function", "function": {"name": "second", "description": "And another.", "parameters": {}}},
    ]
    assert (full["max_tokens"], full["temperature"], full["stop"], full["top_k"]) == (60, 0.0, ["\n"], 1)
    assert [tool["function"]["name"] for tool in fewer["tools"]] == ["first"]
    assert set(bare) == {"model", "messages"}


async def test_equal_prompts_are_equal_bytes_and_a_longer_one_begins_with_the_shorter() -> None:
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        assert request.content_type == "application/json"
        return web.json_response({"choices": [{"message": {"content": "ok"}}]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    long = [ChatMessage("system", "s" * 5000), *HI]
    async with model_at(f"http://127.0.0.1:{runner.addresses[0][1]}/v1") as model:
        await model.complete(long)
        await model.complete(long)
        await model.complete([*long, ChatMessage("assistant", "ok"), ChatMessage("user", "More")])
    await runner.cleanup()
    assert bodies[0] == bodies[1]
    assert bodies[2].startswith(bodies[0][: -len("]}")])


async def test_a_server_that_asks_for_no_key_is_sent_a_placeholder() -> None:
    async with ScriptedServer([answer("ok")]) as server, model_at(server.url, api_key=None) as model:
        assert (await model.complete(HI)).text == "ok"


async def test_without_a_base_url_it_is_openai_that_is_called_even_if_the_environment_holds_an_empty_one(
    tcp_server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())

    async with tcp_server(proxy) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OPENAI_BASE_URL", "")
        model = OpenAIModel("gpt-test", api_key=KEY, base_url=None, context_window=8192, timeout_s=5)
        assert_fit_for_a_person(await refusal(model))
        await model.close()
    assert asked[0].startswith(b"CONNECT api.openai.com:443")
