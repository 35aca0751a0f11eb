"""An owner who looks into somebody's direct messages sees them alone, and the person is written to directly."""

from pathlib import Path

from tests.adapters.slack.test_commands import gives
from tests.platforms.slack.served import of_bot, serving
from tests.platforms.slack.world import World


async def test_the_person_is_told_in_their_direct_messages(world: World, tmp_path: Path) -> None:
    owner = world.person("Olga")
    name = f"slack:{world.state.workspace.id}/{owner.id}"
    async with serving(world, tmp_path, bot_owners=name, bot_break_glass=True):
        await gives(world, "/agent remember I am a spy", who=world.bob, where=world.dm(world.bob))
        mentioned = f"/agent admin inspect <@{world.bob.id}|bob>"
        assert "I am a spy" in await gives(world, mentioned, who=owner, where=world.dm(owner))
        told = await world.hears(world.dm(world.bob), holds=lambda it: "has had a look" in it.text)
    assert f"({name})" in told.text
    assert not of_bot(world, world.general)
    assert not of_bot(world, world.dm(owner))
