"""Answers to commands, buttons and forms that Discord does not take: the log says so in a line, and nothing is lost."""

import asyncio
import logging
from pathlib import Path

import pytest

from adapters.testing import Reply, Request
from tests.platforms.discord.served import QuickPlatform, serving
from tests.platforms.discord.things import Asked, Interaction, Message
from tests.platforms.discord.world import World
from tests.platforms.serving import echo, settled

CALLBACK = "POST /interactions/*/*/callback"
TOO_LATE = {"code": 10062, "message": "Unknown interaction"}
NOT_TO_BE_SEEN_AGAIN = 4013
"""A close code after which the library does not come back."""


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of anything out of the ordinary; of that nothing may be a traceback."""
    unusual = [it for it in caplog.records if it.levelno >= logging.WARNING]
    assert not [it for it in unusual if it.exc_info or it.levelno >= logging.ERROR], caplog.text
    return [it.getMessage() for it in unusual]


async def logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(10):
        while "takes no answer" not in caplog.text:
            await settled(world)


def shown(asked: Interaction) -> Message:
    assert asked.original is not None
    return asked.original


@pytest.mark.parametrize("what", ["command", "menu", "form", "filled in", "old button"])
async def test_what_is_acknowledged_too_late_is_not_done_and_is_a_line(
    world: World, tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = world.dm(world.ada)
    message = await world.says(world.ada, world.general, "tea is at four")
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        form = await world.answered(await world.slash(world.ada, place, "agent remember"))
        world.faults.fail(CALLBACK, 404, TOO_LATE)
        match what:
            case "command":
                asked = await world.slash(world.ada, place, "agent remember", text="tea is at four")
            case "menu":
                asked = await world.uses_on(world.ada, message, "Remember this")
            case "form":
                asked = await world.slash(world.ada, place, "agent remember")
            case "filled in":
                asked = await world.submits(form, {"What shall I remember?": "tea is at four"})
            case _:
                data = {"custom_id": "old", "component_type": 2}
                asked = await world._ask(Asked.COMPONENT, world.ada, place, data)
        await logged(world, caplog)
        memory = await world.answered(await world.slash(world.ada, place, "agent memory"))
    assert asked.answer is None
    assert "tea is at four" not in shown(memory).content
    (line,) = told(caplog)
    assert "10062" in line


async def test_suggestions_that_come_too_late_are_no_fault(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        world.faults.fail(CALLBACK, 404, TOO_LATE)
        options = [
            {"type": 1, "name": "timezone", "options": [{"type": 3, "name": "zone", "value": "Ber", "focused": True}]}
        ]
        (root,) = (it for it in world.state.commands[None].values() if it["name"] == "agent")
        data = {"id": root["id"], "name": "agent", "type": 1, "options": options}
        await world._ask(Asked.AUTOCOMPLETE, world.ada, world.general, data)
        await settled(world)
        found = await world.autocomplete(world.ada, world.general, "agent timezone", "zone", "Berl")
    assert "Europe/Berlin" in found
    assert told(caplog) == []


async def test_an_acknowledgement_whose_answer_was_lost_is_one(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The library sends it again, and hears that it was acknowledged before."""
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        world.faults.fail_after(CALLBACK, 503)
        asked = await world.slash(world.ada, world.dm(world.ada), "agent remember", text="tea is at four")
        await world.answered(asked)
    assert "I will remember that." in shown(asked).content
    assert told(caplog) == []


async def test_a_yes_that_was_not_heard_may_be_said_again(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        await world.answered(await world.slash(world.ada, place, "agent remember", text="tea is at four"))
        preview = await world.answered(await world.slash(world.ada, place, "agent reset", part="core memory"))
        world.faults.fail(CALLBACK, 404, TOO_LATE)
        unheard = await world.clicks(world.ada, shown(preview), "Yes, do it")
        await logged(world, caplog)
        clicked = await world.clicks(world.ada, shown(preview), "Yes, do it")
        await world.until(lambda: clicked.followups)
    assert unheard.answer is None
    assert "core memory is as it was at the beginning" in clicked.followups[0].content
    assert len(told(caplog)) == 1


async def test_what_comes_of_a_command_after_its_connection_has_ended_is_told_by_the_next_one(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = asyncio.Event()

    async def think(request: Request) -> Reply:
        await go_on.wait()
        return echo(request)

    async def wait(seconds: float) -> None:
        """Of the pauses between tries; a quarter of an hour does not pass."""
        await (asyncio.Event().wait() if seconds > 60 else asyncio.sleep(0))

    async with serving(world, tmp_path, think, QuickPlatform(world, wait=wait)) as served:
        await world.until(lambda: world.state.commands.get(None))
        await world.says(world.bob, world.general, "hello", mentions=[world.bot])
        await world.until(lambda: world.typings)
        asked = await world.slash(world.ada, world.general, "agent remember", text="tea is at four")
        await world.until(lambda: asked.answer is not None)
        world.gateway.close(NOT_TO_BE_SEEN_AGAIN)
        await world.until(lambda: len(world.gateway.identified) == 2 and served.platform.is_connected)
        go_on.set()
        answer = await world.hears(world.dm(world.ada))
    assert "I will remember that." in answer.content
    assert "tea" not in "".join(told(caplog))


async def test_a_notice_for_whom_nothing_can_be_written_is_a_line(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.bob.accepts_dms = False
    owner = {"bot_owners": f"discord:{world.ada.id}", "bot_admission": "allowlist"}
    async with serving(world, tmp_path, **owner):
        await world.says(world.bob, world.dm(world.bob), "let me in")
        async with asyncio.timeout(10):
            while "not wanted" not in caplog.text:
                await world.hears(world.dm(world.ada), after=await world.says(world.ada, world.dm(world.ada), "hello"))
    (line,) = told(caplog)
    assert "50007" in line
