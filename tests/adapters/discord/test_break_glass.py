"""An owner who looks into somebody's direct messages sees them alone, and the person is written to directly."""

from pathlib import Path

from tests.platforms.discord.served import of_bot, serving
from tests.platforms.discord.world import World


async def test_the_person_is_told_in_their_direct_messages(world: World, tmp_path: Path) -> None:
    owner = world.person("Olga")
    async with serving(world, tmp_path, bot_owners=f"discord:{owner.id}", bot_break_glass=True):
        await world.until(lambda: world.state.commands.get(None))
        await world.answered(await world.slash(world.bob, world.dm(world.bob), "agent remember", text="I am a spy"))
        asked = await world.slash(owner, world.dm(owner), "agent admin inspect", person=f"<@{world.bob.id}>")
        await world.answered(asked)
        told = await world.hears(world.dm(world.bob), holds=lambda it: "has had a look" in it.content)
    assert f"(discord:{owner.id})" in told.content
    assert asked.original is not None
    assert "I am a spy" in asked.original.content
    assert asked.original.visible_to is owner
    assert not [it for it in of_bot(world, world.general) if it.visible_to is None]
