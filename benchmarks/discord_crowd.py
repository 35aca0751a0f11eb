"""Fifty people write four direct messages each at once, on the fake Discord of the tests.

The floor is a client of the same discord.py that answers each message with its own words: no model, no memory, nothing
written down. Bot and fake share a process, so that the rates say more of each other than of a bot by itself.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from benchmarks.figures import Figure, report
from tests.platforms.discord.crowd import all_write, named_in, names
from tests.platforms.discord.echo_bot import Bot, running
from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World

PEOPLE, TIMES, ROUNDS = 50, 4, 3


class Echo(Bot):
    """Says back what it is told."""

    async def on_message(self, message: discord.Message) -> None:
        """Whatever anybody else writes."""
        if message.author != self.user:
            await message.reply(message.content)


async def figures() -> list[Figure]:
    """Measure."""
    rates, ratios, lost = [], [], 0
    for number in range(1, ROUNDS + 1):
        async with _world() as world, running(world, Echo(world)):
            at_floor, _ = await _rate(world)
        with tempfile.TemporaryDirectory() as folder:
            async with _world() as world, serving(world, Path(folder), names):
                rate, missing = await _rate(world)
        print(f"  round {number}: floor {at_floor:.0f} messages/s, bot {rate:.0f}", flush=True)
        rates.append(rate)
        ratios.append(rate / at_floor)
        lost += missing
    return [
        Figure("Discord: messages/s of 50 people at once", statistics.median(rates), "1/s", 0, True),
        Figure("Discord: the same, against an echo", statistics.median(ratios), "x floor", 0, True),
        Figure("Discord: not answered, or out of order", lost, "messages", 0),
    ]


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    async with World(tells_gateway=True) as world:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = world.api, URL(world.gateway_url)
        yield world


async def _rate(world: World) -> tuple[float, int]:
    """Messages a second, and how many were not answered as they should be."""
    people = [world.person(f"Person{number}") for number in range(PEOPLE)]
    begun = time.perf_counter()
    await all_write(world, people, TIMES)
    seconds = time.perf_counter() - begun
    found = {person.name: named_in(world.dm(person), world.bot) for person in people}
    wanted = {name: [f"[{name} {number}]" for number in range(TIMES)] for name in found}
    missing = sum(found[name] != wanted[name] for name in found)
    return PEOPLE * TIMES / seconds, missing


if __name__ == "__main__":
    report(asyncio.run(figures()))
