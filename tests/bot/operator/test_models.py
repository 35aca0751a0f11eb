"""`models`: a table for people and programs, and what it says of the one that is set."""

import pytest

from adapters.testing import ScriptedServer
from bot.operator.errors import CannotBeDone
from bot.operator.models import list_models
from config.settings import Settings, load_settings


def settings_of(model: str, server: ScriptedServer, **others: object) -> Settings:
    return load_settings(llm_model=model, openai_base_url=server.url, **others)


@pytest.mark.parametrize(
    ("model", "window", "told"),
    [
        ("scripted", None, "LLM_MODEL=scripted is one of them; its window is taken to be 8192 tokens (assumed, "),
        (
            "scripted",
            4096,
            "LLM_MODEL=scripted is one of them; its window is taken to be 4096 tokens (LLM_CONTEXT_WINDOW).",
        ),
        ("another", None, "LLM_MODEL=another is not among those of http://127.0.0.1:"),
        ("embedded", None, "LLM_MODEL=embedded runs on this machine; to use one of these, "),
    ],
)
async def test_what_the_server_offers_is_a_table_and_what_is_set_a_note(
    model: str, window: int | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedServer() as server:
        await list_models(settings_of(model, server, llm_context_window=window))
    out, err = capsys.readouterr()
    header, row = out.splitlines()
    assert header.split() == ["MODEL", "WINDOW"]
    assert row.split() == ["scripted", "-", "not", "told"]
    assert err.startswith(told)


async def test_the_tag_that_ollama_lists_need_not_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    async with ScriptedServer() as server:
        server.models = [{"id": "qwen3:latest", "context_length": 4096}]
        await list_models(settings_of("qwen3", server))
    _, err = capsys.readouterr()
    assert err.startswith("LLM_MODEL=qwen3 is one of them; its window is taken to be 4096 tokens")


async def test_a_name_that_would_steer_the_terminal_is_one_line_of_marks(capsys: pytest.CaptureFixture[str]) -> None:
    async with ScriptedServer() as server:
        server.models = [{"id": "a\x1b[2J\nb\tc\u2028d"}]
        await list_models(settings_of("m", server))
    out, _ = capsys.readouterr()
    assert out.splitlines()[1].split() == ["a\N{REPLACEMENT CHARACTER}[2J", "b", "c", "d", "-", "not", "told"]
    assert out.count("\n") == 2


async def test_without_a_server_it_says_what_to_set() -> None:
    with pytest.raises(CannotBeDone, match="set OPENAI_BASE_URL, or OPENAI_API_KEY"):
        await list_models(load_settings())
