"""A command that takes longer than Discord takes answers: nobody watches it think for ever, and nothing is lost."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.testing import Reply, Request
from tests.platforms.discord.served import QuickPlatform, Served, serving
from tests.platforms.discord.things import Interaction, Message
from tests.platforms.discord.world import World
from tests.platforms.serving import echo, settled


class Slow:
    """A bot whose agents are at work until they are let go; its clock strikes when it is told to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._go_on, self._struck = asyncio.Event(), asyncio.Event()

    async def think(self, request: Request) -> Reply:
        await self._go_on.wait()
        return echo(request)

    async def wait(self, seconds: float) -> None:
        assert seconds == 14 * 60
        await self._struck.wait()

    def strikes(self) -> None:
        self._world.clock.advance(14 * 60)
        self._struck.set()

    def goes_on(self) -> None:
        self._go_on.set()


@asynccontextmanager
async def at_work(world: World, tmp_path: Path) -> AsyncIterator[tuple[Served, Slow]]:
    """Every agent that is written to is at work, so that commands about it wait."""
    slow = Slow(world)
    async with serving(world, tmp_path, slow.think, QuickPlatform(world, wait=slow.wait)) as served:
        await world.until(lambda: world.state.commands.get(None))
        yield served, slow


async def waits(world: World, line: str, **options: str) -> Interaction:
    """Ada gives a command in the channel while its agent is at work."""
    await world.says(world.bob, world.general, "hello", mentions=[world.bot])
    await world.until(lambda: world.typings)
    asked = await world.slash(world.ada, world.general, line, **options)
    await world.until(lambda: asked.answer is not None)
    return asked


def quiet(caplog: pytest.LogCaptureFixture) -> bool:
    return not [it for it in caplog.records if it.levelno >= logging.ERROR or it.exc_info]


async def test_the_person_is_told_in_time_and_gets_the_result_directly(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_work(world, tmp_path) as (_, slow):
        asked = await waits(world, "agent remember", text="tea is at four")
        slow.strikes()
        await world.answered(asked)
        assert asked.original is not None
        assert asked.original.content.startswith("This takes longer than Discord lets me answer here.")
        assert asked.original.visible_to is world.ada
        world.clock.advance(600)
        slow.goes_on()
        told = await world.hears(world.dm(world.ada))
    assert told.content.startswith(f"About the command that you gave in <#{world.general.id}>:\n\n")
    assert "remember" in told.content
    assert not asked.followups
    assert quiet(caplog)


async def test_what_is_done_before_is_answered_where_it_was_asked(world: World, tmp_path: Path) -> None:
    async with at_work(world, tmp_path) as (_, slow):
        asked = await waits(world, "agent remember", text="tea is at four")
        slow.goes_on()
        await world.answered(asked)
        slow.strikes()
        await settled(world)
        assert asked.original is not None
        assert "remember" in asked.original.content
        assert not world.dm(world.ada).messages


async def test_an_answer_that_comes_just_too_late_is_told_directly(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_work(world, tmp_path) as (_, slow):
        await waits(world, "agent remember", text="tea is at four")
        world.clock.advance(16 * 60)  # the machine slept
        slow.goes_on()
        told = await world.hears(world.dm(world.ada))
    assert "remember" in told.content
    assert quiet(caplog)


async def test_what_is_too_late_to_be_asked_is_to_be_given_again(world: World, tmp_path: Path) -> None:
    async with at_work(world, tmp_path) as (_, slow):
        note = await world.slash(world.ada, world.general, "agent remember", text="tea is at four")
        await world.answered(note)
        asked = await waits(world, "agent reset", part="core memory")
        slow.strikes()
        await world.answered(asked)
        slow.goes_on()
        told = await world.hears(world.dm(world.ada))
    assert "Nothing was changed: please give the command again." in told.content
    assert not told.components


async def test_what_takes_long_after_a_yes_is_told_directly(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = world.general
    async with at_work(world, tmp_path) as (_, slow):
        await world.answered(await world.slash(world.ada, place, "agent remember", text="tea is at four"))
        preview = await world.answered(await world.slash(world.ada, place, "agent reset", part="core memory"))
        await world.says(world.bob, place, "hello", mentions=[world.bot])
        await world.until(lambda: world.typings)
        clicked = await world.clicks(world.ada, shown(preview), "Yes, do it")
        await world.until(lambda: clicked.answer is not None)
        slow.strikes()
        await world.until(lambda: clicked.followups)
        world.clock.advance(600)
        slow.goes_on()
        told = await world.hears(world.dm(world.ada))
    assert "core memory is as it was at the beginning" in told.content
    assert quiet(caplog)


async def test_to_whom_nothing_can_be_written_nothing_is_told_and_the_log_says_so(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.ada.accepts_dms = False
    async with at_work(world, tmp_path) as (_, slow):
        asked = await waits(world, "agent remember", text="tea is at four")
        slow.strikes()
        await world.answered(asked)
        slow.goes_on()
        while "could not be told" not in caplog.text:
            await settled(world)
    assert "what came of a command that took long could not be told" in caplog.text
    assert "tea is at four" not in caplog.text
    assert quiet(caplog)


def shown(asked: Interaction) -> Message:
    assert asked.original is not None
    return asked.original
