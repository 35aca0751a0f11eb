"""What people are called is known before they write, as far as can be, and nobody waits long for it."""

import asyncio

import pytest

from adapters.slack.people import ASKED_WITHIN_S, KNOWN_FOR_S, PAGE, People
from adapters.slack.web import web_client
from tests.platforms.slack.things import User
from tests.platforms.slack.world import World


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def known_as(asked: People, person: User, name: str) -> None:
    """Wait until somebody is called so."""
    async with asyncio.timeout(5):
        while await asked.names([person.id]) != {person.id: name}:
            await asyncio.sleep(0.01)


async def test_all_are_known_after_a_few_lists(world: World) -> None:
    people = [world.person(f"P{number}") for number in range(PAGE + 10)]
    async with web_client(world.token, world.api) as client:
        asked = People(client, world.state.workspace.id)
        await asked.learn()
        assert await asked.names([it.id for it in people]) == {it.id: it.name for it in people}
        await asked.close()
    assert [call.method for call in world.calls] == ["users.list"] * 2


@pytest.mark.parametrize("error", ["missing_scope", "ratelimited"])
async def test_who_cannot_be_listed_is_asked_for(world: World, error: str) -> None:
    world.faults.refuse("users.list", error)
    async with web_client(world.token, world.api) as client:
        asked = People(client, world.state.workspace.id)
        await asked.learn()
        assert await asked.names([world.ada.id]) == {world.ada.id: "Ada"}
        await asked.close()


async def test_nobody_waits_for_what_a_known_name_has_become(world: World) -> None:
    time = Time()
    async with web_client(world.token, world.api) as client:
        asked = People(client, world.state.workspace.id, time)
        await asked.names([world.ada.id])
        time.now_s += KNOWN_FOR_S
        world.ada.name = "Ada Lovelace"
        hold = world.faults.hold("users.info")
        assert await asked.names([world.ada.id]) == {world.ada.id: "Ada"}
        hold.release()
        await known_as(asked, world.ada, "Ada Lovelace")
        await asked.close()


async def test_whose_name_is_not_told_in_time_is_called_by_their_id_until_it_is(world: World) -> None:
    async with web_client(world.token, world.api) as client:
        asked = People(client, world.state.workspace.id)
        hold = world.faults.hold("users.info")
        begun = asyncio.get_running_loop().time()
        assert await asked.names([world.ada.id]) == {}
        assert asyncio.get_running_loop().time() - begun < ASKED_WITHIN_S + 0.5
        hold.release()
        await known_as(asked, world.ada, "Ada")
        await asked.close()


async def test_who_looks_after_another_workspace_does_not_look_after_this_one(world: World) -> None:
    far = world.person("Far", workspace=world.workspace("Far away"), is_admin=True)
    async with web_client(world.token, world.api) as client:
        asked = People(client, world.state.workspace.id)
        assert await asked.is_admin(world.ada.id)
        assert not await asked.is_admin(far.id)
        far.more["enterprise_user"] = {"teams": [world.state.workspace.id]}
        assert await asked.is_admin(far.id)
        await asked.close()
