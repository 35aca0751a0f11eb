"""Each line of core memory leads to the message that it came from."""

from pathlib import Path

from tests.adapters.discord.test_slash import listed, text_of
from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World


async def test_a_line_links_to_the_message_behind_it(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        shown = {}
        for place in (world.dm(world.ada), world.general):
            message = await world.says(world.ada, place, "the key is under the mat")
            await world.answered(await world.uses_on(world.ada, message, "Remember this"))
            asked = await world.answered(await world.slash(world.ada, place, "agent memory"))
            space = "@me" if place is not world.general else str(place.guild.id if place.guild else "")
            link = f"[your message](https://discord.com/channels/{space}/{place.id}/{message.id})"
            assert "by you, with /agent remember, 2026" in text_of(asked)
            shown[place.id] = link in text_of(asked)
        other = await world.answered(await world.slash(world.bob, world.general, "agent memory"))
    assert all(shown.values())
    assert "the key is under the mat" in text_of(other)
    assert "https://" not in text_of(other)


async def test_a_message_of_a_thread_is_linked_where_it_stands(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        begun = await world.says(world.ada, world.general, "About keys")
        thread = await world.starts_thread(world.ada, world.general, "keys", begun)
        message = await world.says(world.ada, thread, "the key is under the mat")
        await world.answered(await world.uses_on(world.ada, message, "Remember this"))
        asked = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
    assert f"/{thread.id}/{message.id})" in text_of(asked)
