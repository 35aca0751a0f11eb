"""The real SDK over HTTP: against the scripted server, and against servers that break HTTP itself."""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adapters.models.openai_model import OpenAIModel
from adapters.ports.errors import (
    ContextOverflow,
    FeatureUnsupported,
    ImagesRefused,
    ModelError,
    ModelUnavailable,
    RequestRefused,
)
from adapters.ports.model import ChatMessage, Completion, Image, Sampling, ToolCall, ToolSchema, Usage
from adapters.testing import Reply, ScriptedServer, answer, completion, fails

KEY = "sk-test-0123456789"
HI = [ChatMessage("user", "Hi")]
SOON = {"retry_after_ms": "1"}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TcpServer = Callable[[Serve], AbstractAsyncContextManager[int]]


@asynccontextmanager
async def model_at(url: str, *, timeout_s: float = 30, api_key: str | None = KEY) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel("gpt-test", api_key=api_key, base_url=url, context_window=8192, timeout_s=timeout_s)
    try:
        yield model
    finally:
        await model.close()


@asynccontextmanager
async def scripted(*script: Reply) -> AsyncIterator[tuple[ScriptedServer, OpenAIModel]]:
    async with ScriptedServer(script) as server, model_at(server.url) as model:
        yield server, model


async def take_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = re.findall(rb"content-length: (\d+)", head.lower())
    await reader.readexactly(int(length))


async def refusal(model: OpenAIModel) -> ModelError:
    with pytest.raises(ModelError) as raised:
        await model.complete(HI)
    return raised.value


def assert_fit_for_a_person(error: ModelError) -> None:
    sentence = str(error)
    assert 10 < len(sentence) < 140
    assert sentence.endswith(".")
    for leak in ("\n", "http", "127.0.0.1", "Traceback", "Error", KEY, "{", "<"):
        assert leak not in sentence
    assert KEY not in error.detail


# ── the request ──────────────────────────────────────────────────────────────────────────────────────


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


# ── the answer ───────────────────────────────────────────────────────────────────────────────────────


def choice(message: object, **more: object) -> list[object]:
    return [{"index": 0, "finish_reason": "stop", "message": message, **more}]


def called(name: str, arguments: object, **more: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        pytest.param(answer("Hello"), Completion("Hello"), id="text"),
        pytest.param(
            answer("Hello", prompt_tokens=12, completion_tokens=3),
            Completion("Hello", usage=Usage(12, 3)),
            id="usage",
        ),
        pytest.param(completion([]), Completion(None), id="no choices"),
        pytest.param(Reply(body=b'{"choices": null}'), Completion(None), id="null choices"),
        pytest.param(Reply(body=b"{}"), Completion(None), id="empty object"),
        pytest.param(completion(choice(None)), Completion(None), id="null message"),
        pytest.param(completion(choice({"role": "assistant", "content": None})), Completion(None), id="null content"),
        pytest.param(completion(choice({"content": ""})), Completion(None), id="empty content"),
        pytest.param(
            completion(choice({"content": None, "refusal": "I cannot."})),
            Completion("I cannot.", is_refusal=True),
            id="refusal",
        ),
        pytest.param(
            completion(choice({"content": [{"type": "text", "text": "In "}, {"type": "text", "text": "parts"}]})),
            Completion("In parts"),
            id="content in parts",
        ),
        pytest.param(answer("Cut", finish_reason="length"), Completion("Cut", is_cut=True), id="length"),
        pytest.param(
            answer("hm", ("a", {"x": 1}), ("b", "{broken")),
            Completion("hm", (ToolCall("call_0", "a", '{"x": 1}'), ToolCall("call_1", "b", "{broken"))),
            id="several calls",
        ),
        pytest.param(
            completion(choice({"tool_calls": [called("a", "{}"), called("b", "{}", id="")]})),
            Completion(None, (ToolCall("call_0", "a", "{}"), ToolCall("call_1", "b", "{}"))),
            id="calls without id",
        ),
        pytest.param(
            completion(choice({"tool_calls": [called("a", {"x": "é"}, id="1"), called("b", None, id="2")]})),
            Completion(None, (ToolCall("1", "a", '{"x": "é"}'), ToolCall("2", "b", "{}"))),
            id="arguments already decoded",
        ),
        pytest.param(
            completion(choice({"content": "x", "reasoning_content": "hm"}, logprobs=None, surprise=[1])),
            Completion("x"),
            id="unknown fields",
        ),
        pytest.param(
            Reply(body=json.dumps({"choices": choice({"content": "x"}), "usage": {"prompt_tokens": None}}).encode()),
            Completion("x", usage=Usage(0, 0)),
            id="null usage",
        ),
        pytest.param(
            Reply(
                body=json.dumps(
                    {
                        "choices": choice({"content": "x"}),
                        "usage": {
                            "prompt_tokens": 9,
                            "completion_tokens": 1,
                            "prompt_tokens_details": {"cached_tokens": 8},
                        },
                    }
                ).encode()
            ),
            Completion("x", usage=Usage(9, 1, 8)),
            id="cached tokens",
        ),
    ],
)
async def test_an_answer_is_read_leniently(reply: Reply, read: Completion) -> None:
    async with scripted(reply) as (_, model):
        assert await model.complete(HI) == read


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
names = st.sampled_from("choices message content tool_calls function name arguments id usage refusal error".split())
shapes = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=25
)


async def test_whatever_json_comes_is_an_answer_or_a_model_error() -> None:
    # The SDK is not asked again for each example: what is read is what matters, and it is read the same.
    bodies: list[object] = []

    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(shapes | shapes.map(lambda shape: {"choices": [{"message": shape}], "usage": shape}))
    def collect(shape: object) -> None:
        bodies.append(shape)

    collect()
    async with scripted(*(Reply(body=json.dumps(body).encode()) for body in bodies)) as (_, model):
        for body in bodies:
            try:
                read = await model.complete(HI)
            except ModelUnavailable:
                assert not isinstance(body, dict) or body.get("error")
            else:
                assert read.text is None or isinstance(read.text, str)
                assert all(isinstance(call.arguments, str) for call in read.tool_calls)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=b"<html>Welcome", headers={"content-type": "text/html"}), id="HTML"),
        pytest.param(Reply(body=b"<html>Welcome"), id="HTML that says it is JSON"),
        pytest.param(Reply(body=b""), id="nothing"),
        pytest.param(Reply(body=b'{"choices": [{"mess'), id="half a body"),
        pytest.param(Reply(body=b"[]"), id="a list"),
        pytest.param(Reply(body=b'{"error": {"message": "provider busy"}}'), id="an error with status 200"),
        pytest.param(Reply(body=f'{{"error": "bad key {KEY}"}}'.encode()), id="an error that repeats the key"),
    ],
)
async def test_a_body_that_is_no_completion_is_told_as_one(reply: Reply) -> None:
    async with scripted(reply) as (server, model):
        error = await refusal(model)
        assert isinstance(error, ModelUnavailable)
        assert_fit_for_a_person(error)
        assert "cannot read" in str(error)
        assert len(server.requests) == 1


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_a_passing_error_is_tried_again(status: int) -> None:
    async with scripted(fails(status, **SOON), fails(status, **SOON), answer("Here")) as (server, model):
        assert (await model.complete(HI)).text == "Here"
        assert len(server.requests) == 3
        assert server.requests[0] == server.requests[2]


async def test_a_server_that_names_a_time_is_not_asked_before() -> None:
    async with scripted(fails(429, retry_after="0.9"), answer("Here")) as (_, model):
        await model.warm_up()
        begun = time.monotonic()
        assert (await model.complete(HI)).text == "Here"
        assert time.monotonic() - begun >= 0.9


async def test_an_error_that_does_not_pass_is_told_after_the_retries() -> None:
    async with scripted(*[fails(429, "slow down", **SOON)] * 3) as (server, model):
        error = await refusal(model)
        assert isinstance(error, ModelUnavailable)
        assert_fit_for_a_person(error)
        assert "limit" in str(error)
        assert "slow down" in error.detail
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "LLM_MODEL"), (400, "cannot take")],
)
async def test_an_error_that_a_retry_cannot_mend_is_told_at_once(status: int, told: str) -> None:
    async with scripted(fails(status, f"You sent {KEY}\nand that was wrong")) as (server, model):
        error = await refusal(model)
        assert isinstance(error, RequestRefused if status == 400 else ModelUnavailable)
        assert_fit_for_a_person(error)
        assert told in str(error)
        assert f"HTTP {status}" in error.detail
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(
            400,
            {
                "error": {
                    "message": "This model's maximum context length is 8192 tokens. However, you requested 9000.",
                    "type": "invalid_request_error",
                    "code": "context_length_exceeded",
                }
            },
            id="OpenAI",
        ),
        pytest.param(
            400,
            {
                "error": {
                    "message": "Your input exceeds the context window of this model.",
                    "type": "invalid_request_error",
                    "code": "context_length_exceeded",
                }
            },
            id="OpenAI, newer models",
        ),
        pytest.param(
            400,
            {
                "error": {
                    "code": 400,
                    "message": "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing",
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 9000,
                    "n_ctx": 8192,
                }
            },
            id="llama.cpp",
        ),
        pytest.param(413, {"error": {"message": "prompt longer than the context window"}}, id="413"),
    ],
)
async def test_a_prompt_too_long_for_the_server_is_an_overflow(status: int, body: object) -> None:
    async with scripted(Reply(status, json.dumps(body).encode())) as (server, model):
        error = await refusal(model)
        assert isinstance(error, ContextOverflow)
        assert_fit_for_a_person(error)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (400, "context_length_exceeded", "Input tokens exceed the configured limit of 272000 tokens."),
        (400, "context_length_exceeded", "Your request resulted in too much."),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, None, "The input token count (5000) exceeds the maximum number of tokens allowed (4096)."),
        (400, None, "Input length 5000 exceeds the maximum length 4096"),
        (400, None, "Please reduce the length of the messages or completion."),
        (400, None, "This model's maximum prompt length is 131072 but the request contains 140000 tokens."),
        (400, None, "Input is too long for requested model."),
        (400, None, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
        (422, None, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4500"),
        (422, None, "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000"),
        (413, None, "Request Entity Too Large"),
        (500, None, "the request exceeds the available context size. try increasing the context size"),
    ],
)
async def test_an_overflow_is_known_by_its_code_and_by_its_words(status: int, code: str | None, said: str) -> None:
    body = json.dumps({"error": {"message": said, "type": "invalid_request_error", "code": code}}).encode()
    async with scripted(*[Reply(status, body, {"retry-after-ms": "1"})] * 3) as (_, model):
        assert isinstance(await refusal(model), ContextOverflow)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(422, b'{"error": "Input validation error: `inputs` must have less than 9 tokens"}', id="TGI"),
        pytest.param(400, b'{"detail": "prompt is too long"}', id="FastAPI"),
        pytest.param(413, b"<html><h1>413 Request Entity Too Large</h1></html>", id="a proxy"),
    ],
)
async def test_an_overflow_may_come_in_another_shape(status: int, body: bytes) -> None:
    async with scripted(Reply(status, body)) as (_, model):
        assert isinstance(await refusal(model), ContextOverflow)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "max_tokens exceeds the maximum of 4096 tokens"}),
        (400, {"message": "Invalid input: the number of stop sequences exceeds the limit"}),
        (422, [{"msg": "Field required", "input": {"messages": ["all of my context window"]}}]),
    ],
)
async def test_what_a_shorter_prompt_would_not_mend_is_no_overflow(status: int, error: object) -> None:
    body = {"detail": error} if isinstance(error, list) else {"error": error}
    async with scripted(Reply(status, json.dumps(body).encode())) as (_, model):
        assert isinstance(await refusal(model), RequestRefused)


async def test_a_server_that_is_not_there_is_a_model_that_is_unavailable(unused_tcp_port: int) -> None:
    async with model_at(f"http://127.0.0.1:{unused_tcp_port}/v1") as model:
        error = await refusal(model)
    assert isinstance(error, ModelUnavailable)
    assert_fit_for_a_person(error)
    assert "cannot reach" in str(error)


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()


async def _truncate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take_request(reader)
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"choices"')


async def _babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take_request(reader)
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


@pytest.mark.parametrize("serve", [_reset, _truncate, _babble])
async def test_a_connection_that_breaks_is_a_model_that_is_unavailable(tcp_server: TcpServer, serve: Serve) -> None:
    async with tcp_server(serve) as port, model_at(f"http://127.0.0.1:{port}/v1") as model:
        error = await refusal(model)
    assert isinstance(error, ModelUnavailable)
    assert_fit_for_a_person(error)


async def test_a_connection_that_broke_is_made_anew(tcp_server: TcpServer) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(1)
        if len(served) == 1:
            return await _reset(reader, writer)
        await take_request(reader)
        body = b'{"choices": [{"message": {"content": "Here"}}]}'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return None

    served: list[int] = []
    async with tcp_server(serve) as port, model_at(f"http://127.0.0.1:{port}/v1") as model:
        assert (await model.complete(HI)).text == "Here"
    assert len(served) == 2


async def test_a_server_that_hangs_is_given_up_in_time() -> None:
    async with (
        ScriptedServer(lambda request: Reply(hangs=True)) as server,
        model_at(server.url, timeout_s=0.3) as model,
    ):
        await model.warm_up()
        begun = time.monotonic()
        error = await refusal(model)
        assert time.monotonic() - begun < 2
    assert isinstance(error, ModelUnavailable)
    assert_fit_for_a_person(error)
    assert "too long" in str(error)


async def test_retries_do_not_outlast_the_time_out() -> None:
    server = ScriptedServer(lambda request: fails(503, retry_after="1.5"))
    async with server, model_at(server.url, timeout_s=0.3) as model:
        await model.warm_up()
        begun = time.monotonic()
        assert "too long" in str(await refusal(model))
        assert time.monotonic() - begun < 2


async def test_a_cancelled_call_leaves_the_model_usable() -> None:
    arrived = asyncio.Event()

    def reply(request: dict[str, object]) -> Reply:
        if arrived.is_set():
            return answer("Here")
        arrived.set()
        return Reply(hangs=True)

    async with ScriptedServer(reply) as server, model_at(server.url) as model:
        call = asyncio.create_task(model.complete(HI))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await model.complete(HI)).text == "Here"


async def test_calls_at_the_same_time_share_one_client() -> None:
    async with ScriptedServer(lambda request: answer(request["messages"][0]["content"])) as server:
        async with model_at(server.url) as model:
            prompts = [[ChatMessage("user", str(number))] for number in range(20)]
            answers = await asyncio.gather(model.warm_up(), *(model.complete(prompt) for prompt in prompts))
    assert [read.text for read in answers[1:] if read] == [str(number) for number in range(20)]


async def test_the_key_stands_in_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    for package in ("bot", "adapters", "memory", "config"):
        caplog.set_level(logging.DEBUG, logger=package)
    async with scripted(fails(500, KEY, **SOON), answer("ok"), fails(401, f"bad key {KEY}")) as (_, model):
        await model.complete(HI)
        error = await refusal(model)
        logging.getLogger("bot.inbound.receive").warning("no answer from the model: %s", error.detail)
    assert KEY not in caplog.text


async def test_closing_before_the_first_call_and_twice_is_well() -> None:
    async with ScriptedServer([answer("ok")]) as server, model_at(server.url) as model:
        await model.close()
        await model.complete(HI)
        await model.close()


@pytest.mark.parametrize(("is_there", "is_billed"), [(False, False), (True, True)])
async def test_a_call_that_reached_nobody_is_not_billed_and_one_that_was_cut_off_is(
    unused_tcp_port: int, is_there: bool, is_billed: bool
) -> None:
    async def cuts_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(cuts_off, "127.0.0.1", unused_tcp_port) if is_there else None
    async with model_at(f"http://127.0.0.1:{unused_tcp_port}/v1") as model:
        with pytest.raises(ModelUnavailable) as failed:
            await model.complete(HI)
    assert failed.value.is_billed is is_billed
    if server is not None:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "said",
    [
        "llama3 does not support tools",
        "tools param requires --jinja flag",
        "Unrecognized request argument supplied: response_format",
        "unsupported parameter: response_format",
        "response_format unsupported",
        "Extra inputs are not permitted: tools",
        "unknown field tools",
        "Function calling is not enabled for this model",
        "response_format.type json_schema is not allowed here",
    ],
)
async def test_a_server_that_does_not_know_a_way_of_asking_is_told_from_one_that_refuses_the_request(said: str) -> None:
    async with ScriptedServer([fails(400, said), fails(400, "messages: at least one is required")]) as server:
        async with model_at(server.url) as model:
            with pytest.raises(FeatureUnsupported):
                await model.complete(HI)
            with pytest.raises(RequestRefused):
                await model.complete(HI)


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"SSL_CERT_FILE": "/nowhere/certificates.pem"}, id="SSL_CERT_FILE"),
        pytest.param({"ALL_PROXY": "socks5://user:secret@127.0.0.1:9"}, id="ALL_PROXY"),
        pytest.param({"HTTP_PROXY": "socks4://127.0.0.1:9"}, id="HTTP_PROXY"),
        pytest.param({"HTTP_PROXY": "http://proxy:port"}, id="Invalid port"),
    ],
)
async def test_an_environment_that_lets_no_call_out_is_named(
    named: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    async with scripted(answer("ok")) as (server, model):
        error = await refusal(model)
        assert isinstance(error, ModelUnavailable)
        assert_fit_for_a_person(error)
        assert request.node.callspec.id in error.detail
        assert "secret" not in error.detail
        assert not error.is_billed
        assert server.requests == []
        monkeypatch.delenv(next(iter(named)))
        assert (await model.complete(HI)).text == "ok"


async def test_no_key_is_sent_to_a_socks_proxy_though_the_url_seems_to_need_none(
    tcp_server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is asked whether a proxy is in between, and the one that goes there, may be of two minds."""
    heard: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))

    monkeypatch.setattr("adapters.models.openai_model.fault_of_way_out", lambda url: None)
    async with tcp_server(proxy) as port, model_at("http://model.example/v1") as model:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        error = await refusal(model)
    assert "socks5 proxy is not supported" in error.detail
    assert not error.is_billed
    assert heard == []


async def test_a_proxy_that_lets_nobody_through_is_not_paid_for(
    tcp_server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with tcp_server(proxy) as port, model_at("https://model.example/v1") as model:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        error = await refusal(model)
    assert "407" in error.detail
    assert not error.is_billed


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/v1", "127.0.0.1:8000/v1"])
async def test_an_address_that_is_none_costs_nothing(url: str) -> None:
    async with model_at(url) as model:
        error = await refusal(model)
    assert isinstance(error, ModelUnavailable)
    assert not error.is_billed


async def test_long_headers_are_taken() -> None:
    reply = answer("ok")
    async with scripted(Reply(reply.status, reply.body, {"content-security-policy": "a" * 20_000})) as (_, model):
        assert (await model.complete(HI)).text == "ok"


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"choices": ' * 200_000])
async def test_an_answer_nested_too_deeply_cannot_be_read(body: bytes) -> None:
    async with scripted(Reply(200, body)) as (_, model):
        error = await refusal(model)
    assert isinstance(error, ModelUnavailable)
    assert "cannot read" in str(error)


async def test_a_long_pause_that_the_server_asks_for_is_told_at_once_and_costs_nothing() -> None:
    async with scripted(fails(429, "slow down", retry_after="60"), answer("ok")) as (server, model):
        error = await refusal(model)
        assert len(server.requests) == 1
    assert isinstance(error, ModelUnavailable)
    assert (error.retry_after, error.is_billed) == (60, False)
    assert "over its limit" in str(error)


@pytest.mark.parametrize("cookie", ["lb=café; Path=/", "lb=one; Path=/"])
async def test_a_servers_cookies_are_not_kept(cookie: str) -> None:
    odd = answer("First")
    async with scripted(Reply(odd.status, odd.body, {"Set-Cookie": cookie}), answer("Second")) as (server, model):
        assert (await model.complete(HI)).text == "First"
        assert (await model.complete(HI)).text == "Second"
        assert server.cookies is None
