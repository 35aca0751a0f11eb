"""Fifty people of whom nothing is known write four direct messages each at once, on the fake Slack of the tests.

Slack waits three seconds until it is told that something has arrived, and it has once it is on disk. The model takes
five seconds over each answer. Bot, fake and model share a process, so each waits for the others' work as well.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from adapters.testing import Reply, Request
from benchmarks.figures import Figure, report
from tests.platforms.naming import names
from tests.platforms.slack.crowd import all_write, named_in
from tests.platforms.slack.served import QuickPlatform, serving
from tests.platforms.slack.things import Delivery, User
from tests.platforms.slack.world import World

PEOPLE, TIMES, ROUNDS = 50, 4, 3
MODEL_TAKES_S = 5.0
LATER_S = 600.0
"""What a bot does seconds after its start it does here when the crowd has gone."""


async def figures() -> list[Figure]:
    """Measure."""
    found = []
    for over_http in (False, True):
        late, lost = [], 0
        for number in range(1, ROUNDS + 1):
            waits, missing = await _measured(over_http=over_http)
            late.append(statistics.quantiles(waits, n=100)[98])
            lost += missing
            print(f"  round {number}: p99 {1000 * late[-1]:.0f} ms, longest {1000 * max(waits):.0f} ms", flush=True)
        way = "signed requests" if over_http else "Socket Mode"
        found += [
            Figure(f"Slack, {way}: acknowledged, p99", 1000 * statistics.median(late), "ms", 500),
            Figure(f"Slack, {way}: not answered, or out of order", lost, "people", 0),
        ]
    return found


async def _measured(*, over_http: bool) -> tuple[list[float], int]:
    """How long each event waited, and how many people were not answered as they should be."""
    with tempfile.TemporaryDirectory() as folder:
        async with World() as world:
            later = QuickPlatform(world, over_http=over_http, looks_after_s=LATER_S)
            async with serving(world, Path(folder), _slowly, later):
                people = [world.person(f"Person{number}") for number in range(PEOPLE)]
                if over_http:  # of two requests that are under way either may arrive first
                    await _write_in_turn(world, people)
                else:
                    await all_write(world, people, TIMES)
            waits = [it.acknowledged_after_s for it in world.deliveries.all if _is_of_person(it)]
            got = {person.name: named_in(world.dm(person), world.bot) for person in people}
    wanted = {name: [f"[{name} {number}]" for number in range(TIMES)] for name in got}
    return waits, sum(got[name] != wanted[name] for name in got)


async def _write_in_turn(world: World, people: list[User]) -> None:
    for number in range(TIMES):
        for person in people:
            await world.says(person, world.dm(person), f"[{person.name} {number}]")
        await world.acknowledged()
    await world.until(lambda: all(len(named_in(world.dm(it), world.bot)) >= TIMES for it in people), within_s=120)


async def _slowly(request: Request) -> Reply:
    await asyncio.sleep(MODEL_TAKES_S)
    return names(request)


def _is_of_person(it: Delivery) -> bool:
    return it.event.get("type") == "message" and not it.event.get("bot_id")


if __name__ == "__main__":
    report(asyncio.run(figures()))
