"""Slash commands: `/agent …`."""

import re
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import ScriptedServer, says
from bot.choices import Choices
from bot.testing import RecordingPlatform, at_channel, open_bot
from memory.core.agents import AgentStore


async def test_memory_shows_the_blocks_and_how_full_they_are(tmp_path: Path) -> None:
    async with open_bot(tmp_path, choices=Choices(persona="coach")) as bot:
        shown = await bot.command("memory")
    assert "**persona**" in shown
    assert "AI coach" in shown
    assert "**human** (0 of 1000 tokens)" in shown


async def test_remember_writes_word_for_word_and_survives_a_restart(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        assert await bot.command("remember  I park on\nlevel 3 ") == "I will remember that."
    async with open_bot(tmp_path) as bot:
        assert "I park on level 3" in await bot.command("memory")


async def test_remember_says_when_there_is_no_room(tmp_path: Path) -> None:
    async with open_bot(tmp_path, memory_block_tokens=50) as bot:
        assert "no room" in await bot.command("remember " + "many words " * 60)
        assert "many words" not in await bot.command("memory")


async def test_search_finds_what_was_said_here_and_only_here(tmp_path: Path) -> None:
    async with ScriptedServer([says("Olives, noted."), says("Hello Bob")]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            assert "not talked yet" in await bot.command("search olives")
            await bot.say("I hate olives", person="ada")
            await bot.say("Hello", person="bob")
            found = await bot.command("search olives", person="ada")
            assert "2 messages" in found
            assert "I hate olives" in found
            assert "found nothing" in await bot.command("search olives", person="bob")


async def test_help_lists_every_command(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        shown = await bot.command("help")
        assert await bot.command("") == shown
    for line in ("/agent memory", "/agent search QUERY", "/agent remember TEXT", "/agent help"):
        assert line in shown


async def test_a_command_typed_wrong_is_answered_not_broken(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        assert await bot.command("fly away") == "There is no command `fly`. `/agent help` lists them."
        assert "Did you mean `/agent search`?" in await bot.command("serach figs")
        assert "Did you mean" not in (await bot.give(at_channel("2"), "admn")).text  # it has no command for them
        assert "Did you mean `/agent admin`?" in (await bot.give(at_channel("2"), "admn", is_moderator=True)).text
        assert "Usage: `/agent search QUERY`" in await bot.command("search")
        assert "no command" in await bot.command("\x00\ud800")


async def test_memory_shows_what_fills_the_window(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see. " * 50)) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            empty = _shares(await bot.command("memory"))
            await bot.say("I like figs")
            full = _shares(await bot.command("memory"))
    assert list(empty) == ["system", "core memory", "summary", "messages", "free"]
    assert sum(empty.values()) == sum(full.values()) == 8192
    assert empty["messages"] == empty["summary"] == 0
    assert full["messages"] > 50
    assert full["free"] == empty["free"] - full["messages"]


def _shares(shown: str) -> dict[str, int]:
    found = re.findall(r"^\S (system|core memory|summary|messages|free) +([\d,]+) tokens", shown, re.MULTILINE)
    return {name: int(count.replace(",", "")) for name, count in found}


async def test_status_tells_of_the_model_and_the_memory(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hello")]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            assert "console:dm:ada, not yet made" in await bot.command("status")
            await bot.say("Hi")
            shown = await bot.command("status")
    assert "console:dm:ada, preset memgpt_chat, since 2026-03-01T12:00" in shown
    assert "- Model: m, spoken to in the tools tier" in shown
    assert "of 8192 tokens" in shown
    assert "2 messages and 0 notes" in shown
    assert "in UTC" in shown


async def test_a_time_zone_holds_for_commands_prompts_and_a_restart(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Hello")) as server:
        settings = {"llm_model": "m", "openai_base_url": server.url}
        async with open_bot(tmp_path, **settings) as bot:
            assert "is UTC (it is 12:00 there)" in await bot.command("timezone")
            await bot.say("Hi")
            assert (
                await bot.command("timezone asia/kolkata") == "Your time zone is now Asia/Kolkata (it is 17:30 there)."
            )
            await bot.say("Again")
            assert "T17:30" in await bot.command("search again")
            await bot.say("And I", person="bob")
        assert all('"2026-03-01T17:30' in text for text in _told_times(server.requests[1]))
        assert all('"2026-03-01T12:00' in text for text in _told_times(server.requests[2]))
        async with open_bot(tmp_path, **settings) as bot:
            await bot.say("And again")
        assert all('"2026-03-01T17:30' in text for text in _told_times(server.requests[3]))


def _told_times(request: dict[str, Any]) -> list[str]:
    return [message["content"] for message in request["messages"] if message["role"] == "user"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("Europe/Lisbonn", "Did you mean Europe/Lisbon"),
        ("lisbon", "Did you mean Europe/Lisbon"),
        ("New York", "America/New_York"),
        ("UTC+2", "such as Europe/Lisbon"),
        ("../../etc/passwd", "I know no time zone"),
    ],
)
async def test_a_zone_that_is_none_changes_nothing(tmp_path: Path, typed: str, told: str) -> None:
    async with open_bot(tmp_path) as bot:
        assert told in await bot.command(f"timezone {typed}")
        assert "is UTC" in await bot.command("timezone")


async def test_a_persona_is_shown_and_changed(tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "pirate.md").write_text("Arr, I am a pirate.", encoding="utf-8")
    async with open_bot(tmp_path) as bot:
        shown = await bot.command("persona")
        assert "AI companion" in shown
        assert "coach, default, engineer, librarian, pirate" in shown
        assert "Arr" in await bot.command("persona pirate")
        assert "Arr" in await bot.command("memory")
        assert "There is no 'nobody' in personas" in await bot.command("persona nobody")
        (edit,) = await AgentStore(bot.app.stores.database).journal((await bot.agent()).id)
    assert (edit.author, edit.reason, edit.after) == ("console:ada", "/agent persona", "Arr, I am a pirate.")


async def test_a_persona_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "bore.md").write_text("many words " * 900, encoding="utf-8")
    async with open_bot(tmp_path) as bot:
        assert "I cannot become that" in await bot.command("persona bore")
        assert "many words" not in await bot.command("memory")
