"""A platform that tells whether it is connected: replies wait until it is."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from adapters.ports.errors import CannotTell, PlatformUnavailable
from bot.delivery.outbox import FIRST_PAUSE_S, LONGEST_PAUSE_S
from bot.testing import Fault
from tests.bot.delivery.outbox_process import (
    ADA,
    BOB,
    REFUSED_TO_CONNECT,
    UNHEARD,
    Gate,
    Telling,
    Time,
    for_ever,
    process,
)


class TellingGate(Telling, Gate):
    """Does not answer before it is told to, and knows whether it is connected."""


class Waits:
    """Waits for ever, and remembers how long it was to be."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.Event().wait()


async def test_what_an_earlier_process_left_waits_for_the_connection_and_goes_out_in_order(folder: Path) -> None:
    platform = Telling()
    async with process(folder, platform, wait=for_ever) as here:
        for number in range(3):
            await here.add(f"{number}", at=ADA)
            await here.add(f"{number}", at=BOB)
        await here.outbox.resume(lambda address: True)
        await asyncio.gather(here.outbox.settled(ADA), here.outbox.settled(BOB))
        assert platform.sent == []
        assert [(row.state, row.attempts, row.next_try_at) for row in await here.rows()] == [("waiting", 0, None)] * 6
        platform.connect(here)
        await here.idle()
        assert here.shown(ADA) == here.shown(BOB) == ["0", "1", "2"]
        assert {row.attempts for row in await here.rows()} == {0}


async def test_restarts_while_it_is_cut_cost_nothing_when_it_is_back(folder: Path, time: Time) -> None:
    platform = Telling()
    async with process(folder, platform, time) as before:
        await before.add("one", "two")
    for _ in range(20):
        async with process(folder, platform, time, for_ever) as here:
            await here.outbox.resume(lambda address: True)
            await here.outbox.settled(ADA)
    async with process(folder, platform, time, for_ever) as after:
        await after.outbox.resume(lambda address: True)
        platform.connect(after)
        await after.idle()
        assert after.shown() == ["one", "two"]


async def test_the_database_is_left_alone_while_replies_wait_for_the_connection(folder: Path) -> None:
    platform, waits = Telling(), Waits()
    async with process(folder, platform, wait=waits) as here:
        await here.say("one")
        await here.outbox.settled(ADA)
        statements: list[str] = []
        for engine in (here.database._readers, here.database._writers):
            event.listen(
                engine.sync_engine, "before_cursor_execute", lambda _c, _u, statement, *_: statements.append(statement)
            )
        for _ in range(100):
            await asyncio.sleep(0)
        assert (statements, waits.seconds) == ([], [24 * 3600])


async def test_what_is_decided_while_it_is_cut_is_not_marked_as_being_sent(folder: Path) -> None:
    """Or it would have to be looked for, which not every place allows."""
    platform = Telling()
    platform.on_find.append(Fault(CannotTell("history is closed")))
    async with process(folder, platform, wait=for_ever) as here:
        async with here.database.write() as transaction:
            handed = await here.outbox.add(transaction, here.agent_id, 1, ADA, ["one", "two"])
        assert await here.states() == ["waiting", "waiting"]
        here.outbox.wake(ADA, handed)
        await here.outbox.settled(ADA)
        platform.connect(here)
        await here.idle()
        assert (here.shown(), platform.looked_for) == (["one", "two"], [])


async def test_what_was_marked_just_before_the_connection_went_is_taken_back(folder: Path) -> None:
    platform = Telling(is_connected=True)
    async with process(folder, platform, wait=for_ever) as here:
        async with here.database.write() as transaction:
            handed = await here.outbox.add(transaction, here.agent_id, 1, ADA, ["one", "two"])
        assert await here.states() == ["sending", "waiting"]
        platform.is_connected = False
        here.outbox.wake(ADA, handed)
        await here.outbox.settled(ADA)
        assert [(row.state, row.attempts) for row in await here.rows()] == [("waiting", 0)] * 2
        platform.connect(here)
        await here.idle()
        assert (here.shown(), platform.looked_for) == (["one", "two"], [])


async def test_what_a_crash_left_in_doubt_is_looked_for_once_it_is_connected(folder: Path) -> None:
    gate = Gate(posts_first=True)
    async with process(folder, gate) as before:
        await before.say("one", "two")
        await gate.reached.wait()
    platform = Telling()
    platform.shown = gate.shown
    async with process(folder, platform, wait=for_ever) as here:
        await here.outbox.resume(lambda address: True)
        await here.outbox.settled(ADA)
        assert await here.states() == ["sending", "waiting"]
        platform.connect(here)
        await here.idle()
        assert (here.shown(), platform.dropped) == (["one", "two"], [])


async def test_a_connection_that_returns_ends_every_pause_of_ours(folder: Path, time: Time) -> None:
    """However often a reply had failed before anybody noticed that the line was cut."""
    platform, is_long = Telling(is_connected=True), asyncio.Event()
    platform.on_send.extend([REFUSED_TO_CONNECT] * 9)

    async def wait(seconds: float) -> None:
        if seconds > LONGEST_PAUSE_S / 2:
            is_long.set()
            await asyncio.Event().wait()
        await time.wait(seconds)

    async with process(folder, platform, time, wait) as here:
        await here.say("one", "two")
        await is_long.wait()
        platform.on_send.clear()
        platform.on_send.append(REFUSED_TO_CONNECT)  # and fails once more, as what has just come back may do
        platform.connect(here)
        await here.idle()
        assert here.shown() == ["one", "two"]
        assert time.waits[-1] <= FIRST_PAUSE_S


async def test_a_pause_of_ours_ends_with_the_connection_of_the_next_process_as_well(folder: Path, time: Time) -> None:
    platform = Telling(is_connected=True)
    platform.on_send.append(UNHEARD)
    async with process(folder, platform, time, for_ever) as before:
        await before.say("one")
        await before.outbox.settled(ADA)
        assert await before.states() == ["sending"]
    platform.is_connected = False
    async with process(folder, platform, time, for_ever) as after:
        await after.outbox.resume(lambda address: True)
        await after.outbox.settled(ADA)
        platform.connect(after)
        await after.idle()
        assert after.shown() == ["one"]


async def test_a_new_connection_does_not_shorten_what_the_platform_asked_for(folder: Path, time: Time) -> None:
    platform = Telling(is_connected=True)
    platform.on_send.append(Fault(PlatformUnavailable("too fast", 3600, may_be_posted=False)))
    async with process(folder, platform, time, for_ever) as before:
        await before.say("one")
        await before.outbox.settled(ADA)
        platform.connect(before)
        await before.outbox.settled(ADA)
        assert before.shown() == []
    time.moment += timedelta(minutes=20)
    async with process(folder, platform, time) as after:
        await after.outbox.resume(lambda address: True)
        await after.idle()
        assert after.shown() == ["one"]
    assert time.waits == [2400]


async def test_a_try_that_the_old_connection_took_along_is_made_again_at_once(folder: Path, time: Time) -> None:
    gate = TellingGate(is_connected=True)
    async with process(folder, gate, time) as here:
        await here.say("one", "two")
        await gate.reached.wait()
        gate.is_connected = False
        gate.connect(here)
        gate.on_send.append(UNHEARD)
        gate.opened.set()
        await here.idle()
        assert (here.shown(), time.waits) == (["one", "two"], [])


async def test_while_it_stays_connected_pauses_double_as_on_any_platform(folder: Path, time: Time) -> None:
    platform = Telling(is_connected=True)
    platform.on_send.extend([REFUSED_TO_CONNECT] * 12)
    async with process(folder, platform, time) as here:
        await here.say("one")
        await here.idle()
        doubled = [min(FIRST_PAUSE_S * 2**tries, LONGEST_PAUSE_S) for tries in range(12)]
        assert all(0.75 * most <= pause <= most for pause, most in zip(time.waits, doubled, strict=True))
        assert here.shown() == ["one"]


@pytest.mark.parametrize("state", ["dead", "doubtful"])
async def test_what_turns_a_day_old_while_it_is_cut_is_given_up_and_the_rest_goes_out(
    folder: Path, time: Time, state: str
) -> None:
    platform, is_over = Telling(is_connected=state == "doubtful"), asyncio.Event()
    platform.on_send.append(UNHEARD)
    async with process(folder, platform, time, for_ever) as before:
        await before.say("yesterday's")
        await before.outbox.settled(ADA)
    platform.is_connected = False
    platform.on_send.clear()
    time.moment += timedelta(hours=2)

    async def wait(seconds: float) -> None:
        if time.waits:
            is_over.set()
            await asyncio.Event().wait()
        await time.wait(seconds)

    async with process(folder, platform, time, wait) as here:
        await here.add("today's")
        await here.outbox.resume(lambda address: True)
        await is_over.wait()
        assert (await here.states(), time.waits) == ([state, "waiting"], [22 * 3600])
        platform.connect(here)
        await here.idle()
        assert here.shown() == ["today's"]
        (lost,) = await here.store.lost_of(here.agent_id)
        assert (lost.text, lost.fault) == ("yesterday's", "the platform is not connected")
        assert lost.lost_at - lost.created_at == timedelta(hours=24)


async def test_what_was_a_day_old_before_this_process_gets_its_try_or_another_day(folder: Path, time: Time) -> None:
    platform = Telling()
    async with process(folder, platform, time) as before:
        await before.add("one")
    time.moment += timedelta(days=3)
    async with process(folder, platform, time, for_ever) as here:
        await here.outbox.resume(lambda address: True)
        await here.outbox.settled(ADA)
        platform.connect(here)
        await here.idle()
        assert here.shown() == ["one"]


async def test_what_no_process_could_send_for_days_is_given_up_after_a_day_without_a_connection(
    folder: Path, time: Time
) -> None:
    platform = Telling()
    async with process(folder, platform, time) as before:
        await before.add("one")
    time.moment += timedelta(days=3)
    async with process(folder, platform, time) as here:
        await here.outbox.resume(lambda address: True)
        await here.idle()
        assert (await here.states(), time.waits) == (["dead"], [24 * 3600])


async def test_a_connection_is_no_concern_of_other_platforms(folder: Path) -> None:
    platform = Telling(is_connected=True)
    platform.on_send.append(REFUSED_TO_CONNECT)
    async with process(folder, platform, wait=for_ever) as here:
        await here.say("one")
        await here.outbox.settled(ADA)
        here.outbox.connected("slack")
        await here.outbox.settled(ADA)
        assert here.shown() == []
        here.outbox.connected("console")
        await here.idle()
        assert here.shown() == ["one"]


async def test_the_next_reply_waits_if_the_connection_goes_while_one_is_sent(folder: Path) -> None:
    gate = TellingGate(is_connected=True)
    async with process(folder, gate, wait=for_ever) as here:
        await here.say("one", "two")
        await gate.reached.wait()
        gate.is_connected = False
        gate.opened.set()
        await here.outbox.settled(ADA)
        assert [(row.state, row.attempts) for row in await here.rows()] == [("sent", 0), ("waiting", 0)]
        gate.connect(here)
        await here.idle()
        assert (here.shown(), gate.looked_for) == (["one", "two"], [])


async def test_a_connection_that_comes_at_any_moment_is_heeded(folder: Path) -> None:
    for ticks in range(60):
        platform = Telling()
        async with process(folder, platform, wait=for_ever) as here:
            await here.say("one", "two")
            for _ in range(ticks):
                await asyncio.sleep(0)
            platform.connect(here)
            await here.idle()
            assert here.shown() == ["one", "two"]


async def test_closing_does_not_wait_for_a_connection(folder: Path) -> None:
    async with process(folder, Telling(), wait=for_ever) as here:
        await here.say("one")
        await here.outbox.settled(ADA)
        async with asyncio.timeout(10):
            await here.outbox.close(3600)
        assert (here.tasks(), await here.states()) == ([], ["waiting"])
