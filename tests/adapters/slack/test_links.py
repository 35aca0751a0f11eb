"""Each line of core memory leads to the message that it came from."""

from pathlib import Path

from tests.adapters.slack.test_commands import text_of
from tests.platforms.slack.served import serving
from tests.platforms.slack.world import World


async def test_a_line_links_to_the_message_behind_it(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        for place in (world.dm(world.ada), world.general):
            first = await world.says(world.ada, place, "About keys")
            message = await world.says(world.ada, place, "the key is under the mat")
            below = await world.says(world.ada, place, "and the car is outside", thread=first)
            for it in (message, below):
                await world.answered(await world.uses_on(world.ada, it, "remember_this"))
            shown = text_of(await world.answered(await world.slash(world.ada, place, "/agent memory")))
            at = f"https://{world.state.workspace.domain}.slack.com/archives/{place.id}"
            assert f"[your message]({at}/p{message.ts.replace('.', '')})" in shown
            threaded = f"p{below.ts.replace('.', '')}?thread_ts={first.ts}&cid={place.id}"
            assert f"[your message]({at}/{threaded})" in shown
        other = text_of(await world.answered(await world.slash(world.bob, world.general, "/agent memory")))
    assert "the key is under the mat" in other
    assert "archives" not in other


async def test_the_home_shows_lines_with_what_was_written(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        message = await world.says(world.ada, world.dm(world.ada), "the key is under the mat")
        await world.answered(await world.uses_on(world.ada, message, "remember_this"))
        await world.opens_home(world.ada)
        home = await world.sees_home(world.ada)
    assert "because you wrote at 2" in str(home.body["blocks"])
