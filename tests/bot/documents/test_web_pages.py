"""Pages of the web as documents of an agent: where the operator allows it, found by what they say, loaded anew."""

import re
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from adapters.testing import ScriptedServer, answer, says
from bot.documents.web_pages import WebPages, host_of
from bot.errors import PathNotFound
from bot.testing import open_bot
from tests.adapters.test_web_page import anywhere, serving


@pytest.fixture(autouse=True)
def _this_machine_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.implementations.WebPages", partial(WebPages, is_allowed=anywhere))


class Otters:
    """A page that says what it is told to."""

    def __init__(self) -> None:
        self.text = "Otters hold hands while they sleep."

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/gone":
            return web.Response(status=404)
        return web.Response(text=f"<html><body><p>{self.text}</p></body></html>", content_type="text/html")


SEARCH = answer(None, ("archival_memory_search", {"query": "otters sleep", "request_heartbeat": True}))


async def test_a_page_is_loaded_found_and_replaced(tmp_path: Path) -> None:
    otters = Otters()
    async with (
        serving(otters.answer) as port,
        ScriptedServer([SEARCH, says("They hold hands."), SEARCH, says("They float.")]) as server,
        open_bot(tmp_path, llm_model="s", llm_tier="tools", openai_base_url=server.url, bot_web_pages=True) as bot,
    ):
        url = f"http://127.0.0.1:{port}/otters"
        told = await bot.in_chat(f"attach {url}")
        assert told == "1 document loaded. I can now search the documents of '127.0.0.1'."
        await bot.say("How do otters sleep?")
        found = server.requests[1]["messages"][-1]["content"]
        assert "hold hands while they sleep" in found
        assert re.search(r'"document": "otters-[0-9a-f]{8}\.html"', found)
        otters.text = "Otters float on their backs while they sleep."
        assert "0 documents loaded, 1 replaced" in await bot.in_chat(f"attach {url}")
        await bot.say("And now?")
        found = server.requests[3]["messages"][-1]["content"]
        assert "float on their backs" in found
        assert "hold hands while they sleep" not in found
        again = await bot.in_chat(f"attach {url}/more {url}/most")
        assert again == "2 documents loaded. I can now search the documents of '127.0.0.1'."
        assert [(kept.name, kept.documents) for kept in await bot.app.library.sources()] == [("127.0.0.1", 3)]
        assert await bot.in_chat(f"attach http://127.0.0.1:{port}/gone") == (
            f"http://127.0.0.1:{port}/gone: is not there (HTTP 404). No source has that name either."
        )


async def test_unless_the_operator_says_so_nothing_is_fetched(tmp_path: Path) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(text="x", content_type="text/html")

    async with serving(note) as port, ScriptedServer() as server:
        async with open_bot(tmp_path, llm_model="s", openai_base_url=server.url) as bot:
            told = await bot.in_chat(f"attach http://127.0.0.1:{port}/")
    assert "pages of the web are not fetched unless BOT_WEB_PAGES=true says so." in told
    assert asked == []


async def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "pages").write_text("in the way")
    pages = WebPages(tmp_path / "pages", 1000, is_on=True, is_allowed=anywhere)
    async with serving(Otters().answer) as port:
        with pytest.raises(PathNotFound, match="pages: cannot be written to"):
            await pages.as_files([f"http://127.0.0.1:{port}/"], [".html"])


@pytest.mark.parametrize(
    ("words", "host"),
    [
        (["https://a.example/1", "HTTP://a.example/2"], "a.example"),
        (["https://a.example/1", "https://b.example/"], None),
        (["https://a.example/1", "notes.md"], None),
        (["notes.md"], None),
    ],
)
def test_pages_of_one_host_are_one_source(words: list[str], host: str | None) -> None:
    assert host_of(words) == host
