"""/agent export and /agent forget on Slack: a file in direct messages, a question that nobody else sees."""

import io
import json
import os
import zipfile
from pathlib import Path

from memory.portable.exports import outgoing_folder
from tests.adapters.slack.test_commands import gives, text_of
from tests.adapters.slack.test_home import text_of as text_of_home
from tests.platforms.slack.served import serving
from tests.platforms.slack.things import Message
from tests.platforms.slack.world import World


def given(world: World) -> list[Message]:
    """The messages with files in Ada's direct messages."""
    return [it for it in world.dm(world.ada).messages.values() if it.files]


async def test_an_export_comes_as_a_direct_message(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        for number, place in enumerate((world.dm(world.ada), world.general), 1):
            await gives(world, "/agent remember the tea is green", where=place)
            told = await gives(world, "/agent export", where=place)
            assert "The file is in our direct messages." in told
            assert len(given(world)) == number
            (file,) = given(world)[-1].files
            assert file.name == "memory.zip"
            with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
                lines = packed.read("memory.jsonl").splitlines()
            assert (json.loads(lines[0])["person"] is None) == (place is not world.general)
        assert not [it for it in world.general.messages.values() if it.files]
    assert os.listdir(outgoing_folder(tmp_path)) == []


async def test_without_the_right_to_give_files_that_is_said(world: World, tmp_path: Path) -> None:
    world.state.scopes -= {"files:write"}
    async with serving(world, tmp_path):
        await gives(world, "/agent remember the tea is green")
        told = await gives(world, "/agent export")
        assert "Slack does not take the file from me (Slack answered missing_scope" in told
        assert not given(world)
    assert os.listdir(outgoing_folder(tmp_path)) == []


async def test_the_home_gives_it_too(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent remember the tea is green", where=world.dm(world.ada))
        await world.opens_home(world.ada)
        home = await world.sees_home(world.ada)
        await world.clicks(world.ada, home, "Export")
        shown = await world.sees_home(world.ada, after=home)
        assert "The file is in our direct messages." in text_of_home(shown)
        assert len(given(world)) == 1


async def test_what_is_to_be_forgotten_is_asked_with_buttons(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        place = world.dm(world.ada)
        await gives(world, "/agent remember the tea is green", where=place)
        asked = await world.answered(await world.slash(world.ada, place, "/agent forget green tea"))
        assert "**1** core memory, human: the tea is green" in text_of(asked)
        pressed = await world.answered(await world.clicks(world.ada, asked.answers[-1], "Yes, do it"))
        assert "Forgotten: 1 line of core memory." in text_of(pressed)
        assert "the tea is green" not in await gives(world, "/agent memory", where=place)


async def test_a_long_question_is_told_whole_and_answered(world: World, tmp_path: Path) -> None:
    roomy = {"memory_block_tokens": 8000, "llm_context_window": 131_072}
    async with serving(world, tmp_path, **roomy) as served:
        place = world.dm(world.ada)
        await gives(world, "/agent remember the tea is green", where=place)
        agent = await served.app.agents.get(f"slack:dm:{world.state.workspace.id}/{world.ada.id}")
        lines = "\n".join(f"Green tea, number {number}, {'from the old cup ' * 9}" for number in range(90))
        edited = agent.core.append("human", lines, served.app.shelves.counter)
        await served.app.agents.edit_core(agent, "human", edited, author="test", reason="test")
        asked = await world.answered(await world.slash(world.ada, place, "/agent forget green tea"))
        await world.until(lambda: len(asked.answers) == 2)
        assert text_of(asked).count("core memory, human: ") == 91
        pressed = await world.answered(await world.clicks(world.ada, asked.answers[-1], "Yes, do it"))
        assert "Forgotten: 91 lines of core memory." in text_of(pressed)
    assert not any("Yes, do it" in str(it.blocks) for it in asked.answers)
