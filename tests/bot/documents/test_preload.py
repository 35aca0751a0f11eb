"""Documents for everybody that are pages of the web: one that cannot be fetched now does not stop the start."""

from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from bot.documents.web_pages import WebPages
from bot.testing import Bot, open_bot
from config.settings import SettingsInvalid
from tests.adapters.test_web_page import anywhere, serving


@pytest.fixture(autouse=True)
def _this_machine_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.implementations.WebPages", partial(WebPages, is_allowed=anywhere))


async def found(bot: Bot, query: str) -> list[str]:
    agent, archival = await bot.agent(), bot.app.shelves.archival
    return [passage.content for passage in await archival.get(agent.id, await archival.search(agent.id, query))]


async def test_a_page_that_cannot_be_fetched_stays_as_it_was_loaded_and_the_rest_is_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    is_up = False

    async def page(request: web.Request) -> web.StreamResponse:
        if not is_up:
            return web.Response(status=503)
        return web.Response(text="<html><body><p>Otters hold hands.</p></body></html>", content_type="text/html")

    data, pan = tmp_path / "data", tmp_path / "pan.md"
    pan.write_text("The pan is of copper.")
    async with serving(page) as port:
        url = f"http://127.0.0.1:{port}/otters"
        alone = {"bot_web_pages": True, "memory_preload": (url,)}
        both = alone | {"memory_preload": (str(pan), url)}
        async with open_bot(data, **alone) as bot:  # nothing was ever loaded
            assert await bot.app.library.sources() == ()
        assert f"not preloaded: {url}: is not there (HTTP 503)" in caplog.text
        async with open_bot(data, **both) as bot:
            assert await found(bot, "pan copper") == ["The pan is of copper."]
        is_up = True
        async with open_bot(data, **both) as bot:
            assert "Otters hold hands." in await found(bot, "otters hands")
        is_up = False
        pan.write_text("The pan is of iron.")
        caplog.clear()
        async with open_bot(data, **both) as bot:
            assert "Otters hold hands." in await found(bot, "otters hands")
            assert "The pan is of iron." in await found(bot, "pan iron")
        assert "What was loaded of it before stays." in caplog.text
        async with open_bot(data, **alone) as bot:
            assert "Otters hold hands." in await found(bot, "otters hands")


async def test_what_the_operator_has_to_mend_stops_the_start(tmp_path: Path) -> None:
    for paths in (("http://127.0.0.1:9/page",), (str(tmp_path / "nowhere"),)):
        with pytest.raises(SettingsInvalid, match="MEMORY_PRELOAD: "):
            async with open_bot(tmp_path / "data", memory_preload=paths):
                pass
