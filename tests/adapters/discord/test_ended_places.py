"""Channels and guilds that end while the bot answers there."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.adapters.discord.bad_input import tried
from tests.platforms.discord.things import Channel
from tests.platforms.discord.world import World
from tests.platforms.serving import settled

POST = "POST /channels/*/messages"


async def deletes_channel(world: World, place: Channel) -> None:
    await world.deletes_channel(place)


async def empties(world: World, place: Channel) -> None:
    await world.deletes(*place.messages.values())


async def kicks(world: World, place: Channel) -> None:
    assert place.guild is not None
    await world.kicks(place.guild)


@pytest.mark.parametrize("end", [deletes_channel, empties, kicks])
async def test_a_place_that_ends_while_a_reply_is_under_way(
    world: World, tmp_path: Path, end: Callable[[World, Channel], Awaitable[None]]
) -> None:
    elsewhere = world.state.add_guild("Elsewhere", world.bob, world.ada)
    place = world.channel("lobby", elsewhere)
    async with tried(world, tmp_path) as served:
        hold = world.faults.hold(POST)
        await world.says(world.ada, place, "hello", mentions=[world.bot])
        await hold.arrived.wait()
        await end(world, place)
        hold.release()
        await settled(world)
    assert "Zebedee" not in str(served.model.requests)


async def test_kicked_while_replies_wait_it_gives_them_up_and_comes_back_when_invited(
    world: World, tmp_path: Path
) -> None:
    elsewhere = world.state.add_guild("Elsewhere", world.bob, world.ada)
    place = world.channel("lobby", elsewhere)
    async with tried(world, tmp_path) as served:
        world.faults.fail(POST, 503, times=5)
        await world.says(world.ada, place, "hello", mentions=[world.bot])
        await world.kicks(elsewhere)
        await settled(world)
        await world.invites(elsewhere)
        asked = await world.says(world.ada, place, "welcome back", mentions=[world.bot])
        answer = await world.hears(place, after=asked)
        assert "welcome back" in answer.content
        assert "welcome back" in str(served.model.requests)
