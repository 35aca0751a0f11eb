"""Lanes: in order for one agent, side by side for many."""

import asyncio

import pytest

from bot.inbound.lanes import Lanes


async def test_jobs_of_one_scope_run_in_order_and_never_together() -> None:
    lanes, log = Lanes(), list[str]()

    def job(name: str):  # type: ignore[no-untyped-def]
        async def run() -> None:
            log.append(f"{name} begins")
            await asyncio.sleep(0)
            log.append(f"{name} ends")

        return run

    await asyncio.gather(*(lanes.submit("a", job(str(number))) for number in range(5)))
    assert log == [f"{number} {what}" for number in range(5) for what in ("begins", "ends")]


async def test_a_slow_agent_does_not_hold_up_another() -> None:
    lanes, free = Lanes(), asyncio.Event()

    async def waits() -> None:
        await free.wait()

    async def frees() -> None:
        free.set()

    slow = lanes.submit("a", waits)
    await lanes.submit("b", frees)
    await slow


async def test_an_error_goes_to_who_submitted_the_job_and_the_lane_goes_on() -> None:
    lanes, done = Lanes(), list[int]()

    async def breaks() -> None:
        raise ValueError("broken")

    async def works() -> None:
        done.append(1)

    first, second = lanes.submit("a", breaks), lanes.submit("a", works)
    with pytest.raises(ValueError, match="broken"):
        await first
    await second
    assert done == [1]


async def test_cancelling_stops_the_running_job_only() -> None:
    lanes, started, log = Lanes(), asyncio.Event(), list[str]()

    async def hangs() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            log.append("stopped")

    async def works() -> None:
        log.append("worked")

    running, waiting, last = (lanes.submit("a", job) for job in (hangs, hangs, works))
    await started.wait()
    running.cancel()
    waiting.cancel()
    await last
    assert log == ["stopped", "worked"]


async def test_an_idle_lane_leaves_nothing_behind() -> None:
    lanes = Lanes()

    async def works() -> None:
        pass

    await lanes.submit("a", works)
    await lanes.idle()
    assert not lanes._lanes


async def test_a_busy_lane_is_one_task_however_much_waits() -> None:
    lanes, gate = Lanes(), asyncio.Event()

    async def waits() -> None:
        await gate.wait()

    before = len(asyncio.all_tasks())
    ended = [lanes.submit("a", waits) for _ in range(50)]
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) - before == 2  # the lane, and the job at hand
    gate.set()
    await asyncio.gather(*ended)


async def test_closing_cuts_off_what_runs_and_what_waits() -> None:
    lanes, log = Lanes(), list[str]()

    async def hangs() -> None:
        log.append("begun")
        await asyncio.Event().wait()

    ended = [lanes.submit(scope, hangs) for scope in "aab"]
    await lanes.close(0)
    assert log == ["begun", "begun"] or log == []
    assert all(one.cancelled() for one in ended)
    assert not lanes._lanes
