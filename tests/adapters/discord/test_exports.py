"""/agent export and /agent forget on Discord: a file and a question that nobody else sees."""

import io
import json
import os
import secrets
import zipfile
from pathlib import Path

import pytest

from bot.app import utc_now
from bot.operator.errors import CannotBeDone
from bot.operator.transfer import import_agent
from bot.testing import open_bot
from config.settings import load_settings
from memory.portable.exports import outgoing_folder
from tests.adapters.discord.test_slash import listed, text_of
from tests.platforms.discord.served import serving
from tests.platforms.discord.things import Attachment, Channel, Interaction
from tests.platforms.discord.world import World


def files_of(asked: Interaction) -> list[Attachment]:
    assert asked.original is not None
    return [file for message in (asked.original, *asked.followups) for file in message.attachments]


async def export(world: World, place: Channel) -> Interaction:
    return await world.answered(await world.slash(world.ada, place, "agent export"))


async def test_an_export_is_a_file_that_nobody_else_sees(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        for place in (world.dm(world.ada), world.general):
            await world.answered(await world.slash(world.ada, place, "agent remember", text="the tea is green"))
            asked = await export(world, place)
            await world.until(lambda: files_of(asked))  # noqa: B023 - waited for at once
            (file,) = files_of(asked)
            assert file.filename == "memory.zip"
            with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
                lines = packed.read("memory.jsonl").splitlines()
            is_own = place is not world.general
            assert (json.loads(lines[0])["person"] is None) == is_own
            assert (b"the tea is green" in b"\n".join(lines)) == is_own
            assert asked.original is not None
            assert all(it.visible_to is world.ada for it in (asked.original, *asked.followups))
    assert os.listdir(outgoing_folder(tmp_path)) == []


async def test_a_file_that_is_too_large_is_not_sent(world: World, tmp_path: Path) -> None:
    world.state.file_size_limit = 100
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        await world.answered(await world.slash(world.ada, world.general, "agent remember", text="the tea is green"))
        asked = await export(world, world.general)
        await world.until(lambda: "takes no more than" in text_of(asked))
        assert not files_of(asked)
    assert os.listdir(outgoing_folder(tmp_path)) == []


async def test_one_that_is_too_large_comes_in_parts_that_are_imported_together(world: World, tmp_path: Path) -> None:
    world.state.file_size_limit = 5000
    async with serving(world, tmp_path, memory_block_tokens=4000, llm_context_window=65536) as served:
        await listed(world, served)
        place = world.dm(world.ada)
        texts = [secrets.token_hex(400) for _ in range(6)]
        for text in texts:
            await world.answered(await world.slash(world.ada, place, "agent remember", text=text))
        asked = await export(world, place)
        await world.until(lambda: files_of(asked) and files_of(asked)[-1].filename.endswith(of(files_of(asked))))
        files = files_of(asked)
        assert "takes no more than 0 MB in one file, so it comes in" in text_of(asked)
        assert len(files) > 2
        assert [file.filename for file in files] == [
            f"memory-{number}-of-{len(files)}.zip" for number in range(1, len(files) + 1)
        ]
        assert all(len(file.content) <= 5000 for file in files)
        assert asked.original is not None
        assert all(it.visible_to is world.ada for it in (asked.original, *asked.followups))
    assert os.listdir(outgoing_folder(tmp_path)) == []
    elsewhere = load_settings(bot_data_dir=tmp_path / "other")
    paths = [tmp_path / file.filename for file in reversed(files)]
    for path, file in zip(paths, reversed(files), strict=True):
        path.write_bytes(file.content)
    with pytest.raises(CannotBeDone, match="give all of its parts together"):
        await import_agent(elsewhere, str(paths[0]), None, utc_now)
    with pytest.raises(CannotBeDone, match="part 1 is missing"):
        await import_agent(elsewhere, str(paths[0]), None, utc_now, further=[str(path) for path in paths[1:-1]])
    await import_agent(elsewhere, str(paths[0]), "eve", utc_now, further=[str(path) for path in paths[1:]])
    async with open_bot(tmp_path / "other") as bot:
        assert (await bot.agent(person="eve")).core.text("human").split("\n") == texts


def of(files: list[Attachment]) -> str:
    return f"-{len(files)}-of-{len(files)}.zip"


async def test_what_is_to_be_forgotten_is_asked_with_buttons(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        place = world.dm(world.ada)
        await world.answered(await world.slash(world.ada, place, "agent remember", text="the tea is green"))
        asked = await world.answered(await world.slash(world.ada, place, "agent forget", text="green tea"))
        assert "**1** core memory, human: the tea is green" in text_of(asked)
        assert asked.original is not None
        asked.original.visible_to = None  # should Discord let somebody else press it
        pressed = await world.clicks(world.bob, asked.original, "Yes, do it")
        await world.until(lambda: pressed.original)
        assert pressed.original is not None
        assert "out of date" in pressed.original.content
        pressed = await world.clicks(world.ada, asked.original, "Yes, do it")
        await world.until(lambda: pressed.followups)
        assert pressed.followups[-1].content == "Forgotten: 1 line of core memory."
        shown = await world.answered(await world.slash(world.ada, place, "agent memory"))
    assert "the tea is green" not in text_of(shown)


async def test_a_long_question_is_a_file_with_its_buttons(world: World, tmp_path: Path) -> None:
    roomy = {"memory_block_tokens": 4000, "llm_context_window": 65536}
    async with serving(world, tmp_path, **roomy) as served:
        await listed(world, served)
        place = world.dm(world.ada)
        for number in range(60):
            text = f"the tea of day {number} is green, and so is the cup that it stands in, which is of old porcelain"
            await world.answered(await world.slash(world.ada, place, "agent remember", text=text))
        asked = await world.answered(await world.slash(world.ada, place, "agent forget", text="green tea"))
        (file,) = files_of(asked)
        assert file.content.decode().count("core memory, human: ") == 60
        assert asked.original is not None
        pressed = await world.clicks(world.ada, asked.original, "Yes, do it")
        await world.until(lambda: pressed.followups)
        assert pressed.followups[-1].content == "Forgotten: 60 lines of core memory."
