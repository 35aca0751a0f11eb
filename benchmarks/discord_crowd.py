"""Fifty people write four direct messages each at once, on the fake Discord of the tests.

The floor is a client of the same discord.py that answers each message with its own words: no model, no memory, nothing
written down. Bot, fake and model share a process, so that the rates say more of each other than of a bot by itself; and
as what else the machine does moves them, it is the processor's time that has a bound.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from benchmarks.figures import Figure, report
from tests.platforms.discord.crowd import all_write, named_in
from tests.platforms.discord.echo_bot import Bot, running
from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World
from tests.platforms.naming import names

PEOPLE, TIMES, ROUNDS = 50, 4, 3


class Echo(Bot):
    """Says back what it is told."""

    async def on_message(self, message: discord.Message) -> None:
        """Whatever anybody else writes."""
        if message.author != self.user:
            await message.reply(message.content)


async def figures() -> list[Figure]:
    """Measure."""
    rates, ratios, cpu_at_floor, cpu, lost = [], [], [], [], 0
    for number in range(1, ROUNDS + 1):
        async with _world() as world, running(world, Echo(world)):
            floor = await _measured(world)
        with tempfile.TemporaryDirectory() as folder:
            async with _world() as world, serving(world, Path(folder), names):
                bot = await _measured(world)
        print(f"  round {number}: floor {floor}, bot {bot}", flush=True)
        rates.append(bot.rate)
        ratios.append(bot.rate / floor.rate)
        cpu_at_floor.append(floor.cpu_ms)
        cpu.append(bot.cpu_ms)
        lost += bot.missing
    return [
        Figure("Discord: messages/s of 50 people at once", statistics.median(rates), "1/s", 0, True),
        Figure("Discord: the same, against an echo", statistics.median(ratios), "x floor", 0, True),
        # The best of each: whatever else goes on only adds.
        Figure("Discord: CPU a message, against an echo", min(cpu) / min(cpu_at_floor), "x floor", 12),
        Figure("Discord: not answered, or out of order", lost, "messages", 0),
    ]


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    async with World(tells_gateway=True) as world:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = world.api, URL(world.gateway_url)
        yield world


@dataclass(frozen=True, slots=True)
class _Measured:
    """Messages a second, CPU of a message in ms, and how many were not answered as they should be."""

    rate: float
    cpu_ms: float
    missing: int

    def __str__(self) -> str:
        return f"{self.rate:.0f} messages/s at {self.cpu_ms:.2f} ms of CPU"


async def _measured(world: World) -> _Measured:
    people = [world.person(f"Person{number}") for number in range(PEOPLE)]
    begun, cpu_begun = time.perf_counter(), time.process_time()
    await all_write(world, people, TIMES)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    found = {person.name: named_in(world.dm(person), world.bot) for person in people}
    wanted = {name: [f"[{name} {number}]" for number in range(TIMES)] for name in found}
    missing = sum(found[name] != wanted[name] for name in found)
    return _Measured(PEOPLE * TIMES / seconds, 1000 * cpu_seconds / (PEOPLE * TIMES), missing)


if __name__ == "__main__":
    report(asyncio.run(figures()))
