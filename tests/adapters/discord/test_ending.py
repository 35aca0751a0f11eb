"""When the bot ends, nothing that Discord told it of is still under way: its database is closed then."""

import asyncio
from pathlib import Path

from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World


def of_discord() -> list[str]:
    """The tasks in which discord.py hands on what it is told."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("discord", "CommandTree"))]


async def said_before(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        await world.hears(world.general, after=asked)


async def test_what_it_missed_is_not_read_on(world: World, tmp_path: Path) -> None:
    await said_before(world, tmp_path)
    missed = await world.says(world.ada, world.general, "are you back?", mentions=[world.bot])
    reading = world.faults.hold("GET /channels/*/messages")
    async with serving(world, tmp_path):
        await asyncio.wait_for(reading.arrived.wait(), 10)
        assert of_discord()
    assert not of_discord()
    reading.release()
    async with serving(world, tmp_path):
        await world.hears(world.general, after=missed)


async def test_a_connection_that_ends_leaves_the_reading_to_the_next(world: World, tmp_path: Path) -> None:
    await said_before(world, tmp_path)
    missed = await world.says(world.ada, world.general, "are you back?", mentions=[world.bot])
    reading = world.faults.hold("GET /channels/*/messages")
    async with serving(world, tmp_path) as served:
        await asyncio.wait_for(reading.arrived.wait(), 10)
        client = served.platform._client
        assert client is not None
        await client.close()
        await world.hears(world.general, after=missed)
        reading.release()
        assert not client._making_up._tasks


async def test_a_command_that_is_being_answered_is_let_go(world: World, tmp_path: Path) -> None:
    answering = world.faults.hold("POST /webhooks/*/*")
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        await world.slash(world.ada, world.general, "agent status")
        await asyncio.wait_for(answering.arrived.wait(), 10)
        assert "CommandTree-invoker" in of_discord()
    assert not of_discord()
    answering.release()
