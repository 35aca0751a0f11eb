"""Slash commands: `/agent …`."""

from pathlib import Path

from adapters.testing import ScriptedServer, says
from bot.app import Choices
from bot.testing import open_bot


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
    async with open_bot(tmp_path) as bot:
        assert "no command `fly`" in await bot.command("fly away")
        assert "Usage: `/agent search QUERY`" in await bot.command("search")
        assert "no command" in await bot.command("\x00\ud800")
