"""The real SDK before a server of a test's own: what the tests of `OpenAIModel` share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from adapters.models.openai_model import OpenAIModel
from adapters.ports.errors import (
    ModelError,
)
from adapters.ports.model import ChatMessage
from adapters.testing import Reply, ScriptedServer

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
