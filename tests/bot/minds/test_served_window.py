"""The window of LLM_MODEL: as its server runs it, unless the settings or the model's name tell it."""

import asyncio
import re
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiohttp import web

from adapters.testing import ScriptedServer, says
from bot import implementations
from bot.testing import open_bot


def served(window: object) -> list[dict[str, Any]]:
    return [{"id": "other", "max_model_len": 2048}, {"id": "m", "max_model_len": window}]


async def window_at(tmp_path: Path, server: ScriptedServer, **settings: Any) -> int:
    """The window that a bot takes for its model."""
    async with open_bot(tmp_path, openai_base_url=server.url, **{"llm_model": "m"} | settings) as bot:
        assert await bot.say("Hello") == ["ok"]
        told = re.search(r"with a window of ([\d,]+) tokens; the one of LLM_MODEL", await bot.command("model"))
    assert told is not None
    return int(told[1].replace(",", ""))


@pytest.mark.parametrize(
    ("entries", "settings", "window"),
    [
        (served(4096), {}, 4096),
        (served(32_768), {}, 32_768),
        (served(4096), {"llm_context_window": 16_384}, 16_384),
        ([{"id": "gpt-4o", "max_model_len": 4096}], {"llm_model": "gpt-4o"}, 128_000),
        ([{"id": "m", "meta": {"n_ctx_train": 131_072}}], {}, 8192),  # the most that it could be
        ([{"id": "m", "meta": {"n_ctx_train": 6144}}], {}, 6144),
        ([{"id": "m:8b", "max_model_len": 2048}, {"id": "m:latest", "max_model_len": 4096}], {}, 4096),
        (served(None), {}, 8192),
        ([], {}, 8192),
    ],
)
async def test_it_is_as_the_server_tells_it_where_nothing_else_does(
    tmp_path: Path, entries: list[dict[str, Any]], settings: dict[str, Any], window: int
) -> None:
    async with ScriptedServer(lambda _: says("ok")) as server:
        server.models = entries
        assert await window_at(tmp_path, server, **settings) == window


class _NeverLists(ScriptedServer):
    async def _list_models(self, _: web.Request) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError


class _RefusesToList(ScriptedServer):
    async def _list_models(self, _: web.Request) -> web.Response:
        return web.Response(status=500)


@pytest.mark.parametrize("kind", [_NeverLists, _RefusesToList])
async def test_a_server_that_gives_no_list_neither_stops_the_start_nor_holds_it_up(
    tmp_path: Path, kind: type[ScriptedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implementations, "WINDOW_WAIT_S", 0.1)
    monkeypatch.setattr("adapters.models.offered_models.TIMEOUT_S", 0.2)  # for the command, which asks once more
    async with kind(lambda _: says("ok")) as server:
        assert await window_at(tmp_path, server) == 8192
