"""Replies go out in order and once, whatever fails: platform, network, adapter, database or process."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

import bot.outbox
from adapters.ports import Address, CannotTell, DeliveryRefused, PlatformUnavailable, Sought
from bot.outbox import FIRST_PAUSE_S, LONGEST_PAUSE_S, MAX_BROKEN_TRIES, Outbox, pause_after
from bot.testing import Fault, RecordingPlatform
from memory.agents import AgentStore
from memory.database import Database
from memory.outbox import AT_ONCE, OutboxStore
from memory.tables import agents, outbox
from memory.writer import Writer

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA, BOB = Address("console", "ada"), Address("console", "bob")
ADA_IN_THREAD = Address("console", "ada", "thread")

REFUSED_TO_CONNECT = Fault(PlatformUnavailable("no connection", may_be_posted=False))
UNHEARD = Fault(PlatformUnavailable("connection lost"))
UNHEARD_BUT_POSTED = Fault(PlatformUnavailable("connection lost"), is_posted=True)


@dataclass
class Time:
    """A clock that moves only when somebody waits."""

    moment: datetime = START
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.moment

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moment += timedelta(seconds=seconds)
        await asyncio.sleep(0)


async def for_ever(seconds: float) -> None:
    await asyncio.Event().wait()


@dataclass
class Process:
    """An outbox over a database, and what one looks at."""

    database: Database
    platform: RecordingPlatform
    outbox: Outbox
    agent_id: int
    now: Callable[[], datetime]

    @property
    def store(self) -> OutboxStore:
        return OutboxStore(self.database)

    async def add(self, *texts: str, at: Address = ADA) -> None:
        async with self.database.write() as transaction:
            await self.store.add(
                transaction, self.agent_id, None, at.platform, at.channel, at.thread, texts, self.now()
            )

    async def say(self, *texts: str, at: Address = ADA) -> None:
        await self.add(*texts, at=at)
        self.outbox.wake(at)

    async def idle(self) -> None:
        """Wait until nothing is left to deliver."""
        while tasks := self.tasks():
            await asyncio.wait(tasks)

    def tasks(self) -> list[asyncio.Task[None]]:
        return [task for line in self.outbox._lines.values() if (task := line.task) is not None]

    def shown(self, at: Address = ADA) -> list[str]:
        return list(self.platform.shown.get(at, {}).values())

    async def rows(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(select(outbox).order_by(outbox.c.id)))

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one agent: copied for each test, which costs less than making it for each."""
    folder = tmp_path_factory.mktemp("outbox")

    async def make() -> None:
        database = await Database.open(folder / "bot.db", folder / "backups", START)
        async with database.write() as transaction:
            await AgentStore(database).create(transaction, "console:dm:ada", [("persona", "I am")], START)
        await database.close()

    asyncio.run(make())
    return folder


@pytest.fixture
def folder(new_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(new_folder, tmp_path / "data")


@asynccontextmanager
async def process(
    folder: Path, platform: RecordingPlatform, time: Time | None = None, wait: Any = None
) -> AsyncIterator[Process]:
    """Open what an earlier process left; leaving is as being killed, for nothing is written any more."""
    time = time or Time()
    database = await Database.open(folder / "bot.db", folder / "backups", START)
    async with database.read() as connection:
        agent_id = await connection.scalar(select(agents.c.id))
    outbox = Outbox(OutboxStore(database), {platform.name: platform}, time, wait or time.wait)
    running = Process(database, platform, outbox, agent_id or 0, time)
    try:
        yield running
    finally:
        await outbox.close(0)
        await database.close()


class Gate(RecordingPlatform):
    """Does not answer before it is told to; `posts_first` says whether it has shown the reply by then."""

    def __init__(self, *, posts_first: bool = False) -> None:
        super().__init__()
        self.posts_first = posts_first
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        if self.posts_first:
            await super().send(address, text, key)
        self.reached.set()
        await self.opened.wait()
        return f"message-{key}" if self.posts_first else await super().send(address, text, key)


@pytest.fixture
def platform() -> RecordingPlatform:
    return RecordingPlatform()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def here(folder: Path, platform: RecordingPlatform, time: Time) -> AsyncIterator[Process]:
    async with process(folder, platform, time) as running:
        yield running


@pytest.fixture
async def stuck(folder: Path, platform: RecordingPlatform) -> AsyncIterator[Process]:
    """An outbox in which whoever waits for a later try waits for ever."""
    async with process(folder, platform, wait=for_ever) as running:
        yield running


# ── when nothing fails ───────────────────────────────────────────────────────────────────────────────


async def test_replies_go_out_in_order_and_their_text_is_forgotten(here: Process) -> None:
    await here.say("one", "two")
    await here.say("three")
    await here.outbox.settled(ADA)
    assert here.shown() == ["one", "two", "three"]
    for row in await here.rows():
        assert (row.state, row.text, row.sent_id) == ("sent", None, f"message-{row.key}")
        assert len(row.key) <= 25
        assert row.key.isalnum()


async def test_each_address_has_a_task_while_it_is_busy_and_none_after(here: Process) -> None:
    await here.say("one", at=ADA)
    await here.say("one", at=BOB)
    here.outbox.wake(BOB)
    assert len(here.tasks()) == 2
    await asyncio.gather(here.outbox.settled(ADA), here.outbox.settled(BOB))
    assert here.tasks() == []
    await here.outbox.settled(ADA)
    assert here.shown(BOB) == ["one"]


async def test_a_thread_gets_what_is_for_the_thread(here: Process) -> None:
    thread = Address("console", "ada", "t")
    await here.say("in the channel")
    await here.say("in the thread", at=thread)
    await here.idle()
    assert (here.shown(ADA), here.shown(thread)) == (["in the channel"], ["in the thread"])


async def test_what_is_added_while_the_last_reply_goes_out_is_not_forgotten(here: Process) -> None:
    for ticks in range(60):  # whatever the task is doing at that moment
        await here.say(f"first {ticks}")
        for _ in range(ticks):
            await asyncio.sleep(0)
        await here.say(f"second {ticks}")
        await here.outbox.settled(ADA)
        assert here.shown()[-2:] == [f"first {ticks}", f"second {ticks}"]


async def test_a_reply_is_marked_as_sent_together_with_the_next_as_being_sent(
    here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.add("one", "two", "three")
    commits, commit = Counter[str](), Writer._commit

    async def counted(writer: Writer, group: Any) -> None:
        commits["commit"] += 1
        await commit(writer, group)

    monkeypatch.setattr(Writer, "_commit", counted)
    here.outbox.wake(ADA)
    await here.idle()
    assert commits["commit"] == 4
    assert await here.states() == ["sent"] * 3


async def test_what_is_for_a_platform_that_is_not_served_stays(here: Process) -> None:
    elsewhere = Address("slack", "c")
    await here.say("one", at=elsewhere)
    await here.outbox.settled(elsewhere)
    assert await here.states() == ["waiting"]


# ── the platform is down ─────────────────────────────────────────────────────────────────────────────


async def test_a_reply_that_waits_holds_those_behind_it_and_no_other_address(stuck: Process) -> None:
    stuck.platform.on_send.append(REFUSED_TO_CONNECT)
    await stuck.say("one", "two")
    await stuck.outbox.settled(ADA)
    await stuck.say("three")
    await stuck.say("one", at=BOB)
    await stuck.outbox.settled(BOB)
    await stuck.outbox.settled(ADA)
    assert (stuck.shown(ADA), stuck.shown(BOB)) == ([], ["one"])
    assert await stuck.states() == ["waiting", "waiting", "waiting", "sent"]


async def test_pauses_double_up_to_five_minutes(here: Process, time: Time) -> None:
    here.platform.on_send.extend([REFUSED_TO_CONNECT] * 12)
    await here.say("one")
    await here.idle()
    doubled = [min(FIRST_PAUSE_S * 2**tries, LONGEST_PAUSE_S) for tries in range(12)]
    assert all(0.75 * most <= pause <= most for pause, most in zip(time.waits, doubled, strict=True))
    assert here.shown() == ["one"]


@given(st.integers(0, 10**6), st.none() | st.floats(0, 1e9))
def test_no_pause_is_shorter_than_what_the_platform_asks_for(attempts: int, retry_after: float | None) -> None:
    pause = pause_after(attempts, retry_after)
    assert pause >= (retry_after or 0.75)
    assert pause <= max(LONGEST_PAUSE_S, retry_after or 0)


@pytest.mark.parametrize("asked", [2.5, 900.0])
async def test_the_platform_says_when_to_come_back(here: Process, time: Time, asked: float) -> None:
    here.platform.on_send.append(Fault(PlatformUnavailable("too fast", asked, may_be_posted=False)))
    await here.say("one", "two")
    await here.idle()
    assert time.waits == [asked]
    assert here.shown() == ["one", "two"]


class Cut(RecordingPlatform):
    """Cannot be reached for a while."""

    def __init__(self, time: Time, *, lasts: timedelta, may_be_posted: bool) -> None:
        super().__init__()
        self.time, self.ends, self.may_be_posted = time, time() + lasts, may_be_posted

    def reach(self) -> None:
        if self.time() < self.ends:
            raise PlatformUnavailable("no network", may_be_posted=self.may_be_posted)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        self.reach()
        return await super().send(address, text, key)

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        self.reach()
        return await super().find_sent(address, key, sought)


@pytest.mark.parametrize("may_be_posted", [True, False])
async def test_after_an_hour_without_a_network_everything_goes_out_in_order(
    folder: Path, time: Time, may_be_posted: bool
) -> None:
    cut = Cut(time, lasts=timedelta(hours=1), may_be_posted=may_be_posted)
    async with process(folder, cut, time) as here:
        said = {address: [f"reply {number}" for number in range(10)] for address in (ADA, BOB)}
        for address, texts in said.items():
            await here.say(*texts, at=address)
        await here.idle()
        assert {address: here.shown(address) for address in said} == said
        assert cut.dropped == []
        assert time() < cut.ends + timedelta(seconds=2 * LONGEST_PAUSE_S)


@pytest.mark.parametrize(("may_be_posted", "state"), [(False, "dead"), (True, "doubtful")])
async def test_after_a_day_without_a_network_what_is_a_day_old_is_given_up_and_the_rest_goes_out(
    folder: Path, time: Time, caplog: pytest.LogCaptureFixture, may_be_posted: bool, state: str
) -> None:
    cut = Cut(time, lasts=timedelta(hours=24, minutes=1), may_be_posted=may_be_posted)
    async with process(folder, cut, time) as here:
        await here.add("yesterday's")
        time.moment += timedelta(hours=2)
        await here.say("today's")
        await here.idle()
        assert await here.states() == [state, "sent"]
        assert here.shown() == ["today's"]
        (lost,) = await here.store.lost_of(here.agent_id)
        assert (lost.text, lost.fault) == ("yesterday's", "no network")
        assert lost.lost_at - lost.created_at == timedelta(hours=24)
        assert "given up" in caplog.text
        assert "yesterday's" not in caplog.text


async def test_a_reply_that_no_process_was_there_to_send_for_days_is_tried_once(here: Process, time: Time) -> None:
    await here.add("one", "two")
    time.moment += timedelta(days=3)
    here.platform.on_send.append(REFUSED_TO_CONNECT)
    here.outbox.wake(ADA)
    await here.idle()
    assert await here.states() == ["dead", "sent"]


async def test_a_place_that_is_closed_to_us_is_not_tried_again(here: Process, time: Time) -> None:
    here.platform.on_send.append(Fault(DeliveryRefused("missing access")))
    await here.say("one", "two")
    await here.idle()
    assert time.waits == []
    assert await here.states() == ["dead", "sent"]
    assert [lost.text for lost in await here.store.lost_of(here.agent_id)] == ["one"]


# ── the platform tells whether it is connected ───────────────────────────────────────────────────────


class Telling(RecordingPlatform):
    """Knows whether it is connected; whoever sends or looks while it is not does what should not be done."""

    def __init__(self, *, is_connected: bool = False) -> None:
        super().__init__()
        self.is_connected = is_connected
        self.looked_for: list[str] = []
        self.sought: list[Sought] = []

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        assert self.is_connected
        return await super().send(address, text, key)

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        assert self.is_connected
        self.looked_for.append(key)
        self.sought += [] if sought is None else [sought]
        return await super().find_sent(address, key, sought)

    def connect(self, here: Process) -> None:
        self.is_connected = True
        here.outbox.connected(self.name)


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


# ── nobody knows whether it was posted ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", [UNHEARD, UNHEARD_BUT_POSTED])
async def test_a_reply_whose_answer_nobody_heard_is_looked_for_before_it_is_sent_again(
    here: Process, fault: Fault
) -> None:
    here.platform.on_send.append(fault)
    here.platform.on_find.append(UNHEARD)  # and once that fails as well
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []
    assert [(row.state, row.sent_id) for row in await here.rows()] == [
        ("sent", f"message-{row.key}") for row in await here.rows()
    ]


async def test_what_is_looked_for_may_have_been_posted_by_another_clock(folder: Path, time: Time) -> None:
    platform = Telling(is_connected=True)
    async with process(folder, platform, time) as here:
        await here.say("before", at=ADA_IN_THREAD)
        await here.idle()
        (before,) = await here.rows()
        time.moment += timedelta(minutes=15)  # by a clock that is ten minutes behind it is five minutes old
        platform.on_send.append(UNHEARD)
        await here.say("one")
        await here.idle()
        (sought,) = platform.sought
    assert sought.since < time() - timedelta(minutes=9)
    assert before.sent_id in sought.known


async def test_a_reply_is_sent_again_with_the_key_it_had(here: Process) -> None:
    here.platform.on_send.append(UNHEARD)
    await here.add("one")
    key = (await here.rows())[0].key
    here.outbox.wake(ADA)
    await here.idle()
    assert list(here.platform.shown[ADA]) == [key]


@pytest.mark.parametrize("cannot", [CannotTell("history is closed"), DeliveryRefused("missing access")])
@pytest.mark.parametrize("fault", [UNHEARD, UNHEARD_BUT_POSTED])
async def test_what_cannot_be_looked_for_is_not_sent_again_and_told(
    here: Process, caplog: pytest.LogCaptureFixture, fault: Fault, cannot: Exception
) -> None:
    here.platform.on_send.append(fault)
    here.platform.on_find.append(Fault(cannot))
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == (["one", "two"] if fault.is_posted else ["two"])
    assert await here.states() == ["doubtful", "sent"]
    assert [lost.is_doubtful for lost in await here.store.lost_of(here.agent_id)] == [True]
    assert "nobody knows" in caplog.text


async def test_what_was_surely_not_taken_is_sent_again_though_it_cannot_be_looked_for(here: Process) -> None:
    here.platform.on_send.extend([REFUSED_TO_CONNECT] * 3)
    here.platform.on_find.extend([Fault(CannotTell("history is closed"))] * 9)
    await here.say("one")
    await here.idle()
    assert here.shown() == ["one"]


async def test_a_platform_that_says_nothing_is_left_and_the_reply_looked_for(
    here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, silent = here.platform.send, [True]

    async def silent_once(address: Address, text: str, key: str, **more: object) -> str | None:
        sent_id = await send(address, text, key)
        if silent:
            silent.pop()
            monkeypatch.undo()
            await asyncio.Event().wait()
        return sent_id

    here.platform.send = silent_once  # type: ignore[method-assign]
    monkeypatch.setattr(bot.outbox, "ANSWERS_WITHIN_S", 0.0)
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []


async def test_of_many_addresses_that_an_outage_held_up_few_stand_before_a_turn_at_the_database(here: Process) -> None:
    send, queues = here.platform.send, list[int]()

    async def counting(address: Address, text: str, key: str, **more: object) -> str | None:
        queues.append(here.database.in_line)
        return await send(address, text, key)

    here.platform.send = counting  # type: ignore[method-assign]
    for number in range(100):
        await here.add("one", at=Address("console", f"c{number}"))
    await here.outbox.resume(lambda address: True)
    await here.idle()
    assert len(here.platform.sent) == 100
    assert max(queues) <= AT_ONCE


# ── an adapter or the database breaks ────────────────────────────────────────────────────────────────


async def test_an_adapter_that_breaks_is_told_of_once_and_does_not_stop_the_others(
    here: Process, caplog: pytest.LogCaptureFixture
) -> None:
    here.platform.on_send.extend([Fault(KeyError("text of a message"))] * MAX_BROKEN_TRIES)
    await here.say("one", "two")
    await here.idle()
    assert await here.states() == ["doubtful", "sent"]
    assert here.shown() == ["two"]
    assert caplog.text.count("Traceback") == 1
    assert (await here.rows())[0].fault == "KeyError"  # what it says may be anything


@pytest.mark.parametrize("is_posted", [True, False])
async def test_an_adapter_that_breaks_a_few_times_costs_nothing(here: Process, is_posted: bool) -> None:
    here.platform.on_send.append(Fault(ValueError("broken"), is_posted))
    here.platform.on_find.extend([Fault(ValueError("broken"))] * 3)
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []


async def test_what_was_sent_while_the_disk_was_full_is_not_sent_again(
    here: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [OSError("disk full")] * 3

    def cannot_commit(connection: Any) -> None:
        if here.platform.sent and faults:
            raise faults.pop()

    counted: list[str] = []
    monkeypatch.setattr(here.outbox._metrics, "delivered", counted.append)
    event.listen(here.database._writers.sync_engine, "commit", cannot_commit)
    await here.say("one", "two")
    await here.idle()
    assert faults == []
    assert counted == ["sent", "sent"]
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []
    assert caplog.text.count("cannot be read or written") == 3


async def test_what_an_erased_agent_would_have_said_is_not_said(here: Process) -> None:
    async def erased(seconds: float) -> None:
        async with here.database.write() as transaction:
            await transaction.execute(delete(agents))

    here.outbox._wait = erased
    here.platform.on_send.append(REFUSED_TO_CONNECT)
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == []


async def test_what_is_erased_while_the_reply_before_it_goes_out_is_not_said(folder: Path) -> None:
    gate = Gate()
    async with process(folder, gate) as here:
        await here.say("one", "two")
        await gate.reached.wait()
        async with here.database.write() as transaction:
            await transaction.execute(delete(agents))
        gate.opened.set()
        await here.idle()
        assert here.shown() == ["one"]


async def test_a_wake_just_before_a_pause_is_heeded(folder: Path) -> None:
    gate = Gate()
    gate.on_send.append(REFUSED_TO_CONNECT)
    async with process(folder, gate, wait=for_ever) as here:
        await here.say("one")
        await gate.reached.wait()
        async with here.database.write() as transaction:
            await transaction.execute(delete(outbox))
        await here.say("two")
        gate.opened.set()
        await here.outbox.settled(ADA)
        assert here.shown() == ["two"]


async def test_a_wake_ends_a_pause_that_nothing_waits_for_any_more(stuck: Process) -> None:
    stuck.platform.on_send.append(Fault(PlatformUnavailable("too fast", 3600, may_be_posted=False)))
    await stuck.say("one")
    await stuck.outbox.settled(ADA)
    async with stuck.database.write() as transaction:
        await transaction.execute(delete(outbox))
    await stuck.say("two")
    await stuck.outbox.settled(ADA)
    assert stuck.shown() == ["two"]
    assert stuck.tasks() == []


# ── the process ends ─────────────────────────────────────────────────────────────────────────────────


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


# ── all of it at once ────────────────────────────────────────────────────────────────────────────────

FAULTS: dict[str, Fault | None] = {
    "well": None,
    "refused to connect": REFUSED_TO_CONNECT,
    "unheard": UNHEARD,
    "unheard but posted": UNHEARD_BUT_POSTED,
    "too fast": Fault(PlatformUnavailable("too fast", 30, may_be_posted=False)),
    "broken": Fault(ValueError("broken")),
    "broken after posting": Fault(ValueError("broken"), is_posted=True),
}
KILLED = ("killed before posting", "killed after posting")


class Mortal(RecordingPlatform):
    """In which the process may end at any call; then nobody ever hears from it again."""

    def __init__(self, script: Iterator[str], finds: Iterator[str]) -> None:
        super().__init__()
        self.script, self.finds = script, finds
        self.killed = asyncio.Event()

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        what = next(self.script, "well")
        if what in KILLED:
            if what == "killed after posting":
                await super().send(address, text, key)
            await self.die()
        self.on_send.append(FAULTS[what])
        return await super().send(address, text, key)

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        what = next(self.finds, "well")
        if what == "killed":
            await self.die()
        self.on_find.append({"well": None, "cannot tell": Fault(CannotTell("closed"))}.get(what, UNHEARD))
        return await super().find_sent(address, key, sought)

    async def die(self) -> None:
        self.killed.set()
        await asyncio.Event().wait()


async def deliver_all(folder: Path, platform: Mortal, batches: list[tuple[Address, int]]) -> list[str]:
    """Add replies while others are under way, begin anew after each death, and wait for the end; the rows' states."""
    number, left, time = 0, list(batches), Time()
    while True:
        platform.killed.clear()
        async with process(folder, platform, time) as here:
            await here.outbox.resume(lambda address: True)
            while left and not platform.killed.is_set():
                address, count = left.pop(0)
                await here.say(*(f"{number + more}" for more in range(count)), at=address)
                number += count
                await asyncio.sleep(0)
            ends = [asyncio.ensure_future(here.idle()), asyncio.ensure_future(platform.killed.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
                with suppress(asyncio.CancelledError):
                    await end
            if not left and not platform.killed.is_set():
                return await here.states()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.tuples(st.sampled_from([ADA, BOB]), st.integers(1, 3)), min_size=1, max_size=4),
    script=st.lists(st.sampled_from([*FAULTS, *KILLED]), max_size=9),
    finds=st.lists(st.sampled_from(["well", "unheard", "killed"]), max_size=6),
    closed=st.booleans(),
)
@example(batches=[(ADA, 3)], script=[KILLED[1], "well", KILLED[0]], finds=["killed", "unheard"], closed=False)
@example(batches=[(ADA, 3), (BOB, 2)], script=["unheard but posted"] * 2, finds=[], closed=True)
def test_no_schedule_of_failures_doubles_or_reorders_and_only_what_is_doubtful_is_lost(
    new_folder: Path,
    tmp_path: Path,
    batches: list[tuple[Address, int]],
    script: list[str],
    finds: list[str],
    closed: bool,
) -> None:
    folder = tmp_path / "data"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(new_folder, folder)

    async def run() -> tuple[Mortal, list[str]]:
        platform = Mortal(iter(script), iter(["cannot tell"] * 99 if closed else finds))
        return platform, await deliver_all(folder, platform, batches)

    platform, states = asyncio.run(run())
    assert platform.dropped == []
    shown = [int(text) for _, text in platform.sent]
    for address in (ADA, BOB):
        there = [int(text) for text in platform.shown.get(address, {}).values()]
        assert there == sorted(there)
    missing = set(range(sum(count for _, count in batches))) - set(shown)
    if closed:
        assert all(states[number] == "doubtful" for number in missing)
        assert set(states) <= {"sent", "doubtful"}
    else:
        assert missing == set()
        assert set(states) == {"sent"}


async def test_what_two_agents_say_at_one_address_in_the_same_moment_is_delivered(here: Process) -> None:
    async with here.database.write() as transaction:
        handed = [await here.outbox.add(transaction, here.agent_id, 1, ADA, [text]) for text in ("one", "two")]
    for replies in handed:
        here.outbox.wake(ADA, replies)
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert await here.states() == ["sent", "sent"]
