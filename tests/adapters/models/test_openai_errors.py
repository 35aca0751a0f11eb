"""Answers that are errors: tried again or not, told apart, and an overflow known for one."""

import json
import time

import pytest

from adapters.ports.errors import (
    ContextOverflow,
    FeatureUnsupported,
    ModelUnavailable,
    RequestRefused,
)
from adapters.testing import Reply, ScriptedServer, answer, fails
from tests.adapters.models.real_sdk import HI, KEY, SOON, assert_fit_for_a_person, model_at, refusal, scripted


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


async def test_a_long_pause_that_the_server_asks_for_is_told_at_once_and_costs_nothing() -> None:
    async with scripted(fails(429, "slow down", retry_after="60"), answer("ok")) as (server, model):
        error = await refusal(model)
        assert len(server.requests) == 1
    assert isinstance(error, ModelUnavailable)
    assert (error.retry_after, error.is_billed) == (60, False)
    assert "over its limit" in str(error)
