"""While the platform is down, replies wait; some are given up after a day."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Address
from adapters.ports.platform import Sought
from bot.delivery.outbox import FIRST_PAUSE_S, LONGEST_PAUSE_S, pause_after
from bot.testing import Fault, RecordingPlatform
from tests.bot.delivery.outbox_process import ADA, BOB, REFUSED_TO_CONNECT, Process, Time, process


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
