"""/agent export and /agent forget on Discord: a file and a question that nobody else sees."""

import io
import json
import os
import zipfile
from pathlib import Path

from memory.exports import outgoing_folder
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


async def test_what_is_to_be_forgotten_is_asked_with_buttons(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        place = world.dm(world.ada)
        await world.answered(await world.slash(world.ada, place, "agent remember", text="the tea is green"))
        asked = await world.answered(await world.slash(world.ada, place, "agent forget", text="green tea"))
        assert "**1** core memory, human: the tea is green" in text_of(asked)
        assert asked.original is not None
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
