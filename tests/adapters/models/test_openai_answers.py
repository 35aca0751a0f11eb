"""What the real SDK brings back is read leniently, or told as what it is."""

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adapters.ports.errors import (
    ModelUnavailable,
)
from adapters.ports.model import Completion, ToolCall, Usage
from adapters.testing import Reply, answer, completion
from tests.adapters.models.real_sdk import HI, KEY, assert_fit_for_a_person, refusal, scripted

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
