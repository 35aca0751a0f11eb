"""The process ends, by itself or by a kill, over replies on their way."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.ports.errors import CannotTell, PlatformUnavailable
from adapters.ports.messages import Address
from bot.testing import Fault, RecordingPlatform
from tests.bot.delivery.outbox_process import ADA, BOB, REFUSED_TO_CONNECT, Gate, Process, Time, for_ever, process


@pytest.mark.parametrize("posts_first", [True, False])
async def test_after_a_crash_while_sending_the_reply_is_looked_for(
    folder: Path, platform: RecordingPlatform, tmp_path: Path, posts_first: bool
) -> None:
    gate = Gate(posts_first=posts_first)
    async with process(folder, gate) as here:
        await here.say("one", "two")
        await gate.reached.wait()
        assert await here.states() == ["sending", "waiting"]
        crashed = shutil.copytree(folder, tmp_path / "crashed")  # what a killed process leaves on the disk
    platform.shown, platform.sent = gate.shown, gate.sent
    async with process(crashed, platform) as after:
        await after.outbox.resume(lambda address: True)
        await after.idle()
        assert await after.states() == ["sent", "sent"]
    assert list(platform.shown[ADA].values()) == ["one", "two"]
    assert platform.dropped == []


async def test_after_a_crash_while_sending_what_cannot_be_looked_for_is_not_sent_again(
    folder: Path, platform: RecordingPlatform
) -> None:
    gate = Gate(posts_first=True)
    async with process(folder, gate) as here:
        await here.say("one", "two")
        await gate.reached.wait()
    platform.on_find.append(Fault(CannotTell("history is closed")))
    async with process(folder, platform) as after:
        await after.outbox.resume(lambda address: True)
        await after.idle()
        assert await after.states() == ["doubtful", "sent"]
        assert after.shown() == ["two"]


async def test_only_what_is_served_is_taken_up(folder: Path, platform: RecordingPlatform) -> None:
    async with process(folder, platform) as before:
        await before.add("one", at=ADA)
        await before.add("one", at=BOB)
        await before.add("one", at=Address("slack", "c"))
    async with process(folder, platform) as after:
        await after.outbox.resume(lambda address: address == ADA)
        await after.idle()
        assert await after.states() == ["sent", "waiting", "waiting"]


async def test_a_pause_goes_on_in_the_next_process(folder: Path, platform: RecordingPlatform, time: Time) -> None:
    platform.on_send.append(Fault(PlatformUnavailable("too fast", 3600, may_be_posted=False)))
    async with process(folder, platform, time, for_ever) as before:
        await before.say("one")
        await before.outbox.settled(ADA)
    time.moment += timedelta(minutes=20)
    async with process(folder, platform, time) as after:
        await after.outbox.resume(lambda address: True)
        await after.idle()
        assert after.shown() == ["one"]
    assert time.waits == [2400]


async def test_closing_lets_what_is_being_sent_end_and_begins_nothing_more(folder: Path) -> None:
    gate = Gate()
    async with process(folder, gate) as here:
        await here.say("one", "two")
        await gate.reached.wait()
        closing = asyncio.ensure_future(here.outbox.close(60))
        await asyncio.sleep(0)
        gate.opened.set()
        await closing
        assert await here.states() == ["sent", "waiting"]
        assert here.tasks() == []


async def test_closing_does_not_wait_longer_than_its_grace(folder: Path) -> None:
    gate = Gate()
    async with process(folder, gate) as here:
        await here.say("one", "two")
        await gate.reached.wait()
        waiting = asyncio.ensure_future(here.outbox.settled(ADA))
        await asyncio.sleep(0)
        await here.outbox.close(0)
        await waiting
        assert await here.states() == ["sending", "waiting"]


async def test_what_fails_while_closing_is_put_off_and_not_waited_for(folder: Path) -> None:
    gate = Gate()
    gate.on_send.append(REFUSED_TO_CONNECT)
    async with process(folder, gate, wait=for_ever) as here:
        await here.say("one")
        await gate.reached.wait()
        closing = asyncio.ensure_future(here.outbox.close(3600))
        await asyncio.sleep(0)
        gate.opened.set()
        async with asyncio.timeout(10):
            await closing
        assert [(row.state, row.attempts) for row in await here.rows()] == [("waiting", 1)]


async def test_closing_waits_for_no_pause(stuck: Process) -> None:
    stuck.platform.on_send.append(REFUSED_TO_CONNECT)
    await stuck.say("one")
    await stuck.outbox.settled(ADA)
    async with asyncio.timeout(10):
        await stuck.outbox.close(3600)
    assert stuck.tasks() == []


async def test_a_closed_outbox_takes_nothing_and_lets_nobody_wait(here: Process) -> None:
    await here.say("one")
    waiting = asyncio.ensure_future(here.outbox.settled(ADA))
    await asyncio.sleep(0)
    await here.outbox.close(0)
    await waiting
    await here.say("two")
    await here.outbox.settled(ADA)
    assert here.tasks() == []
    assert (await here.states())[-1] == "waiting"


async def test_closing_at_any_moment_loses_and_doubles_nothing(folder: Path, platform: RecordingPlatform) -> None:
    for ticks in range(60):
        async with process(folder, platform) as before:
            await before.say(f"first {ticks}", f"second {ticks}")
            for _ in range(ticks):
                await asyncio.sleep(0)
    async with process(folder, platform) as after:
        await after.outbox.resume(lambda address: True)
        await after.idle()
        assert after.shown() == [f"{which} {ticks}" for ticks in range(60) for which in ("first", "second")]
        assert platform.dropped == []
