"""What servers tell of their models: each in the words of its own documents, and a real llama.cpp."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.models.embedded_model import packaged_model
from adapters.models.offered_models import OfferedModel, WindowTold, offered_as, offered_models
from adapters.ports.errors import ServiceMissing

ROOT = Path(__file__).parents[3]

Answer = object | Callable[[dict[str, Any]], object]


@asynccontextmanager
async def server(answers: Mapping[str, Answer], key: str | None = None) -> AsyncIterator[tuple[str, list[str]]]:
    """Answers by path, what a function makes of the body, or 404; with the paths that were asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            return web.json_response({"error": "no"}, status=401)
        made = answers.get(request.path)
        if callable(made):
            made = made(await request.json())
        return web.Response(status=404) if made is None else web.json_response(made)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", asked
    finally:
        await runner.cleanup()


def listed(*entries: object) -> dict[str, object]:
    return {"object": "list", "data": list(entries)}


VLLM = {"/v1/models": listed({"id": "Qwen/Qwen3-8B", "object": "model", "owned_by": "vllm", "max_model_len": 40960})}
OPENROUTER = {"/v1/models": listed({"id": "mistralai/x", "context_length": 32000, "pricing": {}})}
GROQ = {"/v1/models": listed({"id": "llama", "active": True, "context_window": 131072})}
LLAMA_CPP = {
    "/v1/models": listed({"id": "smol", "meta": {"n_ctx_train": 8192, "n_params": 1}}),
    "/props": {"default_generation_settings": {"n_ctx": 2048}, "model_alias": "smol"},
}
LM_STUDIO = {
    "/v1/models": listed({"id": "loaded"}, {"id": "resting"}, {"id": "odd"}),
    "/api/v0/models": listed(
        {"id": "loaded", "type": "llm", "max_context_length": 32768, "loaded_context_length": 4096},
        {"id": "resting", "type": "llm", "max_context_length": 8192},
        {"id": "elsewhere", "max_context_length": 1},
    ),
}


def ollama_shows(body: dict[str, Any]) -> object:
    assert body == {"model": "llama3:8b"}
    return {"model_info": {"general.architecture": "llama", "llama.context_length": 8192}}


OLLAMA = {
    "/v1/models": listed({"id": "qwen:7b"}, {"id": "llama3:8b"}),
    "/api/ps": {"models": [{"name": "qwen:7b", "context_length": 4096}]},
    "/api/show": ollama_shows,
}
UNKNOWN = {"/v1/models": listed({"id": "one"}, {"id": "openai/gpt-4o"}, "no entry", {"no": "id"}, {"id": ""})}

SERVED, AT_MOST, BY_NAME = WindowTold.AS_SERVED, WindowTold.AT_MOST, WindowTold.BY_NAME


@pytest.mark.parametrize(
    ("answers", "offered"),
    [
        (VLLM, [OfferedModel("Qwen/Qwen3-8B", 40960, SERVED)]),
        (OPENROUTER, [OfferedModel("mistralai/x", 32000, SERVED)]),
        (GROQ, [OfferedModel("llama", 131072, SERVED)]),
        (LLAMA_CPP, [OfferedModel("smol", 2048, SERVED)]),
        (
            LM_STUDIO,
            [OfferedModel("loaded", 4096, SERVED), OfferedModel("resting", 8192, AT_MOST), OfferedModel("odd")],
        ),
        (OLLAMA, [OfferedModel("qwen:7b", 4096, SERVED), OfferedModel("llama3:8b", 8192, AT_MOST)]),
        (UNKNOWN, [OfferedModel("one"), OfferedModel("openai/gpt-4o", 128_000, BY_NAME)]),
    ],
    ids="vllm openrouter groq llama.cpp lm-studio ollama unknown".split(),
)
async def test_windows_are_found_where_each_server_tells_them(
    answers: Mapping[str, Answer], offered: list[OfferedModel]
) -> None:
    async with server(answers) as (url, _):
        assert await offered_models(url, None) == tuple(offered)


async def test_whoever_tells_all_in_the_list_is_asked_nothing_else() -> None:
    async with server(VLLM) as (url, asked):
        await offered_models(f"{url}/", None)
        assert asked == ["/v1/models"]


async def test_where_one_model_is_wanted_no_other_is_asked_about() -> None:
    answers = OLLAMA | {"/v1/models": listed({"id": "first"}, {"id": "llama3:8b"}, {"id": "last"})}  # else it fails
    async with server(answers) as (url, asked):
        offered = await offered_models(url, None, wanted="llama3:8b")
        assert OfferedModel("llama3:8b", 8192, AT_MOST) in offered
        await offered_models(url, None, wanted="another")
    assert asked.count("/api/show") == 1


async def test_ollama_s_latest_need_not_be_said() -> None:
    def shows(body: dict[str, Any]) -> object:
        return {"model_info": {"qwen3.context_length": {"qwen3:latest": 6144}[body["model"]]}}

    listing = listed({"id": "qwen3:latest"}, {"id": "qwen3:8b"}, {"id": "qwen3:4b"})
    async with server(OLLAMA | {"/v1/models": listing, "/api/show": shows}) as (url, _):
        offered = await offered_models(url, None, wanted="qwen3")
    assert offered_as("qwen3", offered) == OfferedModel("qwen3", 6144, AT_MOST)
    assert offered_as("qwen3:8b", offered) == OfferedModel("qwen3:8b")
    assert offered_as("qwen3:14b", offered) is None
    assert offered_as("qwen", offered) is None


@pytest.mark.parametrize("window", [4096, "4096", " 4096 "])
async def test_a_number_of_tokens_may_be_written_as_a_text(window: object) -> None:
    async with server({"/v1/models": listed({"id": "it", "context_length": window})}) as (url, _):
        assert await offered_models(url, None) == (OfferedModel("it", 4096, SERVED),)


@pytest.mark.parametrize("window", [True, 0, -1, "0", "-4096", "4k", "", "²", "9" * 5000, 4096.0, None, [4096]])
async def test_what_is_no_number_of_tokens_is_not_told(window: object) -> None:
    async with server({"/v1/models": listed({"id": "odd", "max_model_len": window, "meta": window})}) as (url, _):
        assert await offered_models(url, None) == (OfferedModel("odd"),)


async def test_the_key_is_sent_and_a_refusal_names_the_setting() -> None:
    async with server(VLLM, key="sk-secret") as (url, _):
        assert len(await offered_models(url, "sk-secret")) == 1
        with pytest.raises(ServiceMissing, match="the key is refused; check OPENAI_API_KEY") as refused:
            await offered_models(url, "sk-other")
    assert "sk-other" not in str(refused.value)


@pytest.mark.parametrize("listing", [None, "a page", 7, {}, {"data": 3}, {"error": {"message": "no"}}])
async def test_what_is_no_list_is_told_in_a_line(listing: object) -> None:
    told = r"HTTP 404\)" if listing is None else "answer that is no list of models"
    async with server({"/v1/models": listing}) as (url, _):
        with pytest.raises(ServiceMissing, match=f"gives .*{told}; check OPENAI_BASE_URL"):
            await offered_models(url, None)


@pytest.mark.parametrize("listing", [[], {"data": []}, {"object": "list", "data": None}])  # the last: Ollama
async def test_a_server_without_a_model_offers_none(listing: object) -> None:
    async with server({"/v1/models": listing}) as (url, _):
        assert await offered_models(url, None) == ()


async def test_nothing_there_is_told_in_a_line(unused_tcp_port: int) -> None:
    url = f"http://someone:secret@127.0.0.1:{unused_tcp_port}/v1"
    with pytest.raises(ServiceMissing, match="nothing answers there; start the server") as missing:
        await offered_models(url, None)
    assert "secret" not in str(missing.value)


async def test_a_real_llama_cpp_tells_of_its_model() -> None:
    serving = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "adapters.models.llama_server"), stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    assert serving.stdin is not None
    assert serving.stdout is not None
    wanted = {"path": str(packaged_model()), "context_window": 1024, "threads": 1, "key": "its-own"}
    try:
        serving.stdin.write(json.dumps(wanted).encode() + b"\n")
        url = json.loads(await serving.stdout.readline())["url"]
        (model,) = await offered_models(f"{url}/v1", "its-own")
        with pytest.raises(ServiceMissing, match="OPENAI_API_KEY"):
            await offered_models(f"{url}/v1", "another")
    finally:
        serving.stdin.close()
        await serving.wait()
    assert model.name == "embedded"
    assert model.window in (1024, 8192)
    assert model.told is (SERVED if model.window == 1024 else AT_MOST)
