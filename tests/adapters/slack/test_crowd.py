"""Fifty people at once."""

from pathlib import Path

import pytest

from tests.platforms.naming import named, names
from tests.platforms.slack.served import QuickPlatform, of_bot, serving
from tests.platforms.slack.world import World

PEOPLE, TIMES = 50, 4


@pytest.mark.parametrize("over_http", [False, True])
async def test_fifty_people_who_write_at_once_are_all_answered_in_order_each_in_their_place(
    world: World, tmp_path: Path, over_http: bool
) -> None:
    people = [world.person(f"Person{number}") for number in range(PEOPLE)]

    def told(number: int) -> list[str]:
        return named(it.text for it in of_bot(world, world.dm(people[number])))

    async with serving(world, tmp_path, names, QuickPlatform(world, over_http=over_http)):
        for time in range(TIMES):
            for person in people:
                await world.says(person, world.dm(person), f"[{person.name} {time}]")
            if over_http:  # each event is a request of its own, and of two under way either may arrive first
                await world.acknowledged()
        await world.until(lambda: all(len(told(number)) >= TIMES for number in range(PEOPLE)), within_s=120)
        await world.acknowledged()
    for number, person in enumerate(people):
        assert told(number) == [f"[{person.name} {time}]" for time in range(TIMES)]
    assert max(it.acknowledged_after_s for it in world.deliveries.all) < 3  # what takes longer Slack tells again
