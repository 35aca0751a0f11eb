"""`configure`: answers become `.env`, all of it or nothing, and the model is tried."""

import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adapters.testing import ScriptedServer, answer, fails
from bot.operator.configure import configure
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.questions import Accept
from config.settings import SettingsInvalid, load_settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = "sk-secret-0123456789"


class Answers:
    """An `Asker` that answers from a list; a choice is answered by a part of the option, None takes the default."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)

    def choose(self, question: str, options: Sequence[str], default: int) -> int:
        wanted = self._answers.pop(0)
        if wanted is None:
            return default
        (place,) = [number for number, option in enumerate(options) if wanted in option]
        return place

    def text(self, question: str, default: str, accept: Accept) -> str:
        answer = self._answers.pop(0)
        chosen = default if answer is None else answer
        assert accept(chosen) is None
        return chosen

    def secret(self, question: str) -> str:
        return self._answers.pop(0) or ""

    def is_done(self) -> bool:
        return not self._answers


async def ask(
    *answers: str | None,
    ports: Sequence[tuple[str, int]] = (),
    persona: str | None = None,
    platforms: Sequence[str | None] = ("Nowhere",),
) -> None:
    asker = Answers(*answers, persona, *platforms)
    await configure(asker, lambda: NOW, takes_defaults=False, ports=ports)
    assert asker.is_done()


def write(env: Path, text: str) -> None:
    env.write_text(text, encoding="utf-8")


def read(env: Path) -> str:
    return env.read_text(encoding="utf-8")


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return tmp_path / ".env"


async def test_a_local_server_is_found_and_its_model_chosen(env: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(env, f"# mine\nOTHER = 'x y'\nOPENAI_API_KEY={KEY}\n\nLLM_MODEL=old\n")
    async with ScriptedServer(lambda _: answer("hello")) as server:
        port = urlsplit(server.url).port or 0
        found = [("Ollama", 1), ("LM Studio", port)]
        await ask("LM Studio", "scripted", "16384", "packaged", "Europe/Lisbon", ports=found)
    assert read(env).splitlines() == [
        "# mine",
        "OTHER = 'x y'",
        "",
        "LLM_MODEL=scripted",
        f"OPENAI_BASE_URL={server.url}",
        "LLM_CONTEXT_WINDOW=16384",
        "EMBEDDING_MODEL=embedded",
        "BOT_TIMEZONE=Europe/Lisbon",
    ]
    assert stat.S_IMODE(os.stat(env).st_mode) == 0o600
    assert "scripted answers; window 16384" in capsys.readouterr().out


async def test_whoever_comes_for_something_else_keeps_the_model(env: Path) -> None:
    async with ScriptedServer(lambda _: answer("hello")) as server:
        model = f"LLM_MODEL=m\nOPENAI_BASE_URL={server.url}\nOPENAI_API_KEY={KEY}\nLLM_CONTEXT_WINDOW=16384\n"
        write(env, f"{model}EMBEDDING_MODEL=e\nBOT_TIMEZONE=Asia/Tokyo\n")
        await ask(None, None, persona="coach")
        assert read(env) == f"{model}EMBEDDING_MODEL=e\nBOT_TIMEZONE=Asia/Tokyo\nBOT_PERSONA=coach\n"
        await ask("packaged", None)  # whose window is its own
    assert "LLM_CONTEXT_WINDOW" not in read(env)


async def test_another_server_with_a_key_that_is_never_shown(env: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with ScriptedServer(lambda _: fails(401, f"bad key {KEY}")) as server:
        with pytest.raises(CannotBeDone, match="cannot be used like this"):
            await ask("Another", server.url, "m", KEY, None, "same server", "e", "UTC")
    out, err = capsys.readouterr()
    assert KEY not in out + err
    assert "fail  model" in out
    settings = load_settings()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == KEY
    assert (settings.embedding_model, settings.llm_context_window) == ("e", None)


async def test_what_cannot_be_used_is_not_written(env: Path) -> None:
    write(env, "LLM_TIMEOUT_S=soon\n")
    with pytest.raises(SettingsInvalid, match="LLM_TIMEOUT_S"):
        await ask("OpenAI (", "", None, None, None)
    assert read(env) == "LLM_TIMEOUT_S=soon\n"
    write(env, "")
    with pytest.raises(SettingsInvalid, match="OPENAI_API_KEY"):
        await ask("OpenAI (", "", None, None, None)
    assert read(env) == ""
    assert os.listdir(env.parent) == [".env"]


async def test_the_defaults_need_nobody_and_keep_what_is_set(env: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await configure(None, lambda: NOW, takes_defaults=True)
    assert "ok    model: embedded answers" in capsys.readouterr().out
    assert (load_settings().llm_model, load_settings().embedding_model) == ("embedded", "embedded")
    async with ScriptedServer(lambda _: answer("hello")) as server:
        write(env, f"LLM_MODEL=m\nOPENAI_BASE_URL={server.url}\nBOT_TIMEZONE=Asia/Tokyo\n")
        await configure(None, lambda: NOW, takes_defaults=True)
    assert read(env).splitlines() == [
        "LLM_MODEL=m",
        f"OPENAI_BASE_URL={server.url}",
        "BOT_TIMEZONE=Asia/Tokyo",
        "EMBEDDING_MODEL=embedded",
    ]


async def test_without_a_terminal_nothing_is_asked_or_written(env: Path) -> None:
    with pytest.raises(CommandUnclear, match="--yes"):
        await configure(None, lambda: NOW, takes_defaults=False)
    assert os.listdir(env.parent) == []


async def test_discord_comes_to_the_platforms_and_goes_again(env: Path, unused_tcp_port: int) -> None:
    nowhere = f"DISCORD_API_URL=http://127.0.0.1:{unused_tcp_port}/api/v10"
    write(env, f"{nowhere}\nBOT_PLATFORMS=discord\nBOT_LOG_LEVEL=ERROR\n")  # as it is, nothing could be started
    with pytest.raises(SettingsInvalid, match="DISCORD_TOKEN"):
        await ask(None, "UTC", platforms=["On Discord (", ""])
    with pytest.raises(CannotBeDone, match="cannot be served like this"):
        await ask(None, "UTC", platforms=[None, "a-token"])
    assert read(env).splitlines()[-4:] == [
        "LLM_MODEL=embedded",
        "EMBEDDING_MODEL=embedded",
        "BOT_TIMEZONE=UTC",
        "DISCORD_TOKEN=a-token",
    ]
    with pytest.raises(CannotBeDone):
        await ask(None, "UTC", platforms=[None, ""])
    assert "DISCORD_TOKEN=a-token" in read(env)
    await ask(None, "UTC", platforms=["Nowhere"])
    assert "BOT_PLATFORMS" not in read(env)


async def test_slack_is_asked_for_both_of_its_tokens(env: Path, unused_tcp_port: int) -> None:
    write(env, f"SLACK_API_URL=http://127.0.0.1:{unused_tcp_port}/api/\nBOT_PLATFORMS=discord\n")
    with pytest.raises(CannotBeDone, match="cannot be served like this"):
        await ask(None, "UTC", platforms=["On Discord and", "a-token", "xoxb-1", "xapp-1"])
    assert read(env).splitlines()[1:] == [
        "BOT_PLATFORMS=discord,slack",
        "LLM_MODEL=embedded",
        "EMBEDDING_MODEL=embedded",
        "BOT_TIMEZONE=UTC",
        "DISCORD_TOKEN=a-token",
        "SLACK_BOT_TOKEN=xoxb-1",
        "SLACK_APP_TOKEN=xapp-1",
    ]
    with pytest.raises(CannotBeDone):
        await ask(None, "UTC", platforms=["On Slack (", "", ""])
    assert "BOT_PLATFORMS=slack" in read(env).splitlines()
    await ask(None, "UTC", platforms=["Nowhere"])
    assert "BOT_PLATFORMS" not in read(env)


async def test_what_the_environment_overrules_is_said(
    env: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOT_TIMEZONE", "Asia/Tokyo")
    await ask(None, "Europe/Lisbon")
    assert "BOT_TIMEZONE is also set in the environment" in capsys.readouterr().err


async def test_who_new_agents_are_is_asked_and_can_be_taken_back(env: Path) -> None:
    await ask("demo", "Europe/Lisbon", persona="librarian")
    assert "BOT_PERSONA=librarian\n" in read(env)
    await ask("demo", "Europe/Lisbon")
    assert "BOT_PERSONA=librarian\n" in read(env)
    await ask("demo", "Europe/Lisbon", persona="default")
    assert "BOT_PERSONA" not in read(env)
