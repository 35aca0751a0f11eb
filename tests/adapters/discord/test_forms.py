"""A command that is given without its text opens a form, and what is written there counts as the text."""

from pathlib import Path

from tests.platforms.discord.served import Served, serving
from tests.platforms.discord.things import Channel, Interaction
from tests.platforms.discord.world import World
from tests.platforms.serving import settled

QUESTION = "What shall I remember?"


async def opened(world: World, place: Channel) -> Interaction:
    """Ada gives the command without a text, and sees a form."""
    await world.until(lambda: world.state.commands.get(None))
    asked = await world.answered(await world.slash(world.ada, place, "agent remember"))
    assert asked.modal is not None
    return asked


async def memory(world: World, served: Served, place: Channel) -> str:
    shown = await world.answered(await world.slash(world.ada, place, "agent memory"))
    assert shown.original is not None
    return "\n".join(it.content for it in (shown.original, *shown.followups))


async def test_what_is_written_in_the_form_is_remembered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        for place, text in ((world.dm(world.ada), "tea is at four"), (world.general, "we read\n\non Fridays")):
            asked = await opened(world, place)
            assert asked.modal is not None
            assert asked.modal["title"] == "/agent remember"
            sent = await world.answered(await world.submits(asked, {QUESTION: text}))
            assert sent.original is not None
            assert sent.original.visible_to is world.ada
            assert "remember" in sent.original.content
            assert " ".join(text.split()) in await memory(world, served, place)
        assert "on Fridays" not in await memory(world, served, world.dm(world.ada))


async def test_with_its_text_the_command_opens_no_form(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        asked = await world.answered(await world.slash(world.ada, world.general, "agent remember", text="tea"))
        assert asked.modal is None
        blank = await world.answered(await world.slash(world.ada, world.general, "agent remember", text="  "))
        assert blank.modal is not None


async def test_a_form_that_is_closed_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await opened(world, world.dm(world.ada))  # Discord tells nobody that it was closed
        asked = await opened(world, world.dm(world.ada))
        await world.answered(await world.submits(asked, {QUESTION: "the second one"}))
        assert "the second one" in await memory(world, served, world.dm(world.ada))
        await settled(world)


async def test_a_form_is_sent_after_a_restart_all_the_same(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await opened(world, world.dm(world.ada))
    async with serving(world, tmp_path) as served:
        sent = await world.answered(await world.submits(asked, {QUESTION: "written long ago"}))
        assert sent.original is not None
        assert "remember" in sent.original.content
        assert "written long ago" in await memory(world, served, world.dm(world.ada))


async def test_two_people_may_fill_in_the_same_form_at_once(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await world.until(lambda: world.state.commands.get(None))
        forms = [
            await world.answered(await world.slash(it, world.general, "agent remember"))
            for it in (world.ada, world.bob)
        ]
        for form, text in zip(forms, ("from Ada", "from Bob"), strict=True):
            await world.answered(await world.submits(form, {QUESTION: text}))
        shown = await memory(world, served, world.general)
    assert "from Ada" in shown
    assert "from Bob" in shown


async def test_a_form_that_is_too_full_is_refused_in_words(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, memory_block_tokens=200):
        asked = await opened(world, world.dm(world.ada))
        sent = await world.answered(await world.submits(asked, {QUESTION: "many words " * 360}))
        assert sent.original is not None
        assert "no room" in sent.original.content
