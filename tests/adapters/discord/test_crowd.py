"""Fifty people at once."""

from pathlib import Path

from tests.platforms.discord.crowd import all_write, named_in
from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World
from tests.platforms.naming import names

PEOPLE, TIMES = 50, 4


async def test_fifty_people_who_write_at_once_are_all_answered_in_order_each_in_their_place(
    world: World, tmp_path: Path
) -> None:
    people = [world.person(f"Person{number}") for number in range(PEOPLE)]
    async with serving(world, tmp_path, names):
        await all_write(world, people, TIMES)
    for person in people:
        assert named_in(world.dm(person), world.bot) == [f"[{person.name} {number}]" for number in range(TIMES)]
