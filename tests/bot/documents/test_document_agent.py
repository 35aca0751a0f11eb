"""An agent that answers from documents, in a channel and in the terminal: it names file and page, and lists all of it.

The model is played by code that knows nothing but what it is shown, and answers with what it read there.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.documents.testing import pdf
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.documents.web_pages import WebPages
from bot.testing import RecordingPlatform, at_channel, direct, open_bot
from tests.adapters.test_web_page import anywhere, serving
from tests.command_line import CommandLine

PARTS = 23
WARRANTY = "The warranty of the K200 lasts 27 months from the date of purchase."


class Librarian:
    """Searches for what it is asked, reads on while something is unseen if it is to list all, and names the places."""

    def __init__(self) -> None:
        self.pages = 0
        self._seen: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Reply:
        shown = request["messages"]
        asked = next(json.loads(it["content"]) for it in reversed(shown) if it["role"] == "user")["message"]
        if shown[-1]["role"] != "tool":
            self.pages, self._seen = 0, []
            return self._search(query=asked)
        page = json.loads(shown[-1]["content"])
        self.pages += 1
        self._seen += page["results"]
        if asked.startswith("List all") and page.get("unseen"):
            return self._search(query=asked, cursor=page["next_cursor"])
        lists_all = asked.startswith("List all")
        told = [f"{_said(it)} ({_place(it)})" for it in (self._seen if lists_all else self._seen[:1])]
        return says("\n".join(told) or "The documents do not say.")

    def _search(self, **arguments: str) -> Reply:
        return answer(None, ("archival_memory_search", arguments | {"request_heartbeat": True}))


def _said(hit: dict[str, Any]) -> str:
    return " ".join(str(hit["text"]).split())


def _place(hit: dict[str, Any]) -> str:
    return f"{hit['document']}, page {hit['page']}" if "page" in hit else str(hit["document"])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "kettle.pdf").write_bytes(pdf("Kettle K200\nRead this first.", "Fill it with water.", WARRANTY))
    (folder / "parts.pdf").write_bytes(pdf(*(f"Spare part number {100 + at} fits the mixer." for at in range(PARTS))))
    return folder


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools", "bot_preset": "memgpt_docs"}


@pytest.mark.parametrize("place", [direct, at_channel], ids=["in direct messages", "in a channel"])
async def test_it_names_file_and_page_and_lists_all_to_the_end(
    tmp_path: Path, corpus: Path, place: Callable[..., Any]
) -> None:
    librarian, origin = Librarian(), place("2", platform="discord")
    async with ScriptedServer(librarian) as server:
        platform = RecordingPlatform("discord")
        preloaded = settings(server) | {"memory_preload": (str(corpus),)}
        async with open_bot(tmp_path / "data", platform=platform, **preloaded) as bot:
            (told,) = await bot.write_at(origin, "How long is the warranty of the K200?")
            assert told.startswith(f"{WARRANTY} (kettle.pdf, page 3)")
            (listed,) = await bot.write_at(origin, "List all spare parts of the mixer")
    assert "answers from documents" in server.requests[0]["messages"][0]["content"]
    lines = listed.splitlines()
    for number in range(PARTS):
        assert f"Spare part number {100 + number} fits the mixer. (parts.pdf, page {number + 1})" in lines
    assert librarian.pages > 3


async def test_a_question_in_the_terminal_is_answered_from_a_pdf_with_its_page(tmp_path: Path, corpus: Path) -> None:
    command_line = CommandLine(tmp_path)
    async with ScriptedServer(Librarian()) as server:
        command_line.settings |= {name.upper(): value for name, value in settings(server).items()}
        code, out, _ = await command_line.run("load", str(corpus / "kettle.pdf"), "--agent", "guide")
        assert code == 0
        assert out == ["console:dm:guide: 1 document loaded; source kettle holds 1 document in 3 pieces."]
        words = ("chat", "--plain", "--agent", "guide")
        code, out, _ = await command_line.run(*words, typed=b"How long is the warranty of the K200?\n")
    assert "answers from documents" in server.requests[0]["messages"][0]["content"]
    assert code == 0
    assert out[0].startswith(f"{WARRANTY} (kettle.pdf, page 3)")


async def test_a_page_of_the_web_is_answered_from_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.implementations.WebPages", partial(WebPages, is_allowed=anywhere))

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text=f"<html><body><p>{WARRANTY}</p></body></html>", content_type="text/html")

    async with serving(page) as port, ScriptedServer(Librarian()) as server:
        async with open_bot(tmp_path, **settings(server), bot_web_pages=True) as bot:
            await bot.in_chat(f"attach http://127.0.0.1:{port}/manual/k200")
            (told,) = await bot.say("How long is the warranty of the K200?")
    assert told.startswith(f"{WARRANTY} (")
    assert "k200" in told
