"""/agent export: everything that is kept, as a file, for whoever asked alone."""

import asyncio
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.messages import Origin
from adapters.testing import ScriptedServer, says
from bot.operator.transfer import import_agent
from bot.testing import RecordingPlatform, at_channel, direct, open_bot
from config.settings import load_settings
from memory.portable.export_file import RECORDS
from memory.portable.exports import export_folder, outgoing_folder


def records_in(path: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(path) as packed:
        return [json.loads(line) for line in packed.read(RECORDS).splitlines()]


async def test_at_the_terminal_it_is_a_file_in_the_data_directory(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hello, Ada")]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            assert "not talked yet" in await bot.command("export")
            await bot.say("I like figs")
            await bot.command("remember I park on level 3")
            told = await bot.command("export")
            path = Path(told.split("`")[-2])
            assert "3 messages, 0 notes" in told
            assert path.parent == export_folder(tmp_path, "console:dm:ada")
            assert os.stat(path).st_mode & 0o777 == 0o600
            kinds = [record["type"] for record in records_in(path)]
            assert kinds.count("message") == 3
            assert {"block", "block_edit", "usage"} <= set(kinds)
    other = load_settings(bot_data_dir=tmp_path / "other")
    await import_agent(other, str(path), "eve", bot.clock)
    async with open_bot(tmp_path / "other") as bot:
        assert "I park on level 3" in await bot.command("memory", person="eve")
        assert "I like figs" in await bot.command("search figs", person="eve")


async def give(bot: Any, origin: Origin) -> CommandReply:
    reply: CommandReply = await bot.app.commands.run(CommandCall(origin, "export"))
    return reply


async def test_elsewhere_it_is_handed_over(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            ada, eve = direct("ada", platform="discord"), direct("eve", platform="discord")
            await bot.write_at(ada, "I like figs")
            await bot.write_at(eve, "A secret of Eve's")
            await bot.write_at(at_channel("ada"), "Figs here, too")
            await bot.write_at(at_channel("bob"), "A secret of Bob's")
            direct_one, here = await give(bot, ada), await give(bot, at_channel("ada"))
            assert direct_one.file is not None
            assert here.file is not None
            assert direct_one.file.name == "memory.zip"
            said = {reply.path: json.dumps(records_in(reply.path)) for reply in (direct_one.file, here.file)}
            assert "I like figs" in said[direct_one.file.path]
            assert "Figs here, too" not in said[direct_one.file.path]
            assert "Figs here, too" in said[here.file.path]
            assert not any("secret" in text for text in said.values())
            assert "I like figs" not in said[here.file.path]
    assert outgoing_folder(tmp_path).exists()
    async with open_bot(tmp_path):  # what an earlier process did not hand over is nobody's
        assert not outgoing_folder(tmp_path).exists()


async def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember I park on level 3")
        (tmp_path / "exports").write_text("in the way", encoding="utf-8")
        assert "cannot be written here now" in await bot.command("export")


async def test_two_at_once_are_made_one_after_the_other(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        for person in ("ada", "bob"):
            await bot.command("remember I park on level 3", person=person)
        told = await asyncio.gather(*(bot.command("export", person=person) for person in ("ada", "bob", "ada")))
        assert len({text.split("`")[-2] for text in told}) == 3
