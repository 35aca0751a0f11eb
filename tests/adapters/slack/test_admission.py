"""Who is let in on Slack: whoever writes directly from another workspace needs a code."""

from pathlib import Path

from tests.adapters.slack.test_commands import gives
from tests.platforms.slack.served import serving
from tests.platforms.slack.world import World


async def test_who_is_of_another_workspace_needs_a_code_though_all_are_let_in(world: World, tmp_path: Path) -> None:
    far = world.person("Far", workspace=world.workspace("Far away"))
    owner = f"slack:{world.state.workspace.id}/{world.ada.id}"
    async with serving(world, tmp_path, bot_owners=owner) as served:
        asked = await world.says(far, world.dm(far), "my word is quokka")
        told = await world.hears(world.dm(far), after=asked)
        assert "I do not know you yet" in told.text
        code = told.text.split("`")[1]
        assert "quokka" not in str(served.model.requests)
        assert code in await gives(world, "/agent memory", who=far, where=world.dm(far))
        asked = await world.says(world.bob, world.dm(world.bob), "hello")
        assert "hello" in (await world.hears(world.dm(world.bob), after=asked)).text
        assert "may use me now" in await gives(world, f"/agent admin allow {code}", where=world.dm(world.ada))
        asked = await world.says(far, world.dm(far), "hello")
        assert "hello" in (await world.hears(world.dm(far), after=asked)).text
