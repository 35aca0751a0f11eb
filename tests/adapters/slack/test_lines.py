"""In each channel one thing after the other, in the order in which they happened as far as they wait."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.lines import Lines


async def in_turn(lines: Lines, channel: str, at: float, done: list[float], may_end: asyncio.Event) -> None:
    async with lines.turn(channel, at):
        done.append(at)
        await may_end.wait()


def begin(
    lines: Lines, at: float, done: list[float], may_end: asyncio.Event, channel: str = "C1"
) -> "asyncio.Task[None]":
    return asyncio.ensure_future(in_turn(lines, channel, at, done, may_end))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_what_waits_comes_in_the_order_in_which_it_happened(moments: list[int]) -> None:
    async def arrive() -> None:
        lines, done, may_end = Lines(), list[float](), asyncio.Event()
        tasks = [begin(lines, at, done, may_end) for at in moments]
        await asyncio.sleep(0)
        assert done == moments[:1]  # nobody waited before it
        may_end.set()
        await asyncio.gather(*tasks)
        assert done == [moments[0], *sorted(moments[1:])]

    asyncio.run(arrive())


async def test_no_channel_waits_for_another() -> None:
    lines, done, may_end = Lines(), list[float](), asyncio.Event()
    tasks = [begin(lines, number, done, may_end, f"C{number}") for number in range(3)]
    await asyncio.sleep(0)
    assert done == [0, 1, 2]
    may_end.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("is_its_turn", [False, True])
async def test_who_gives_up_waiting_holds_up_nobody(is_its_turn: bool) -> None:
    lines, done, may_end = Lines(), list[float](), asyncio.Event()
    may_end.set()
    async with lines.turn("C1"):
        second, third = (begin(lines, at, done, may_end) for at in (2, 3))
        await asyncio.sleep(0)
        if not is_its_turn:
            second.cancel()
    second.cancel()  # its turn has come, and it does not know yet
    await asyncio.wait([second, third])
    assert done == [3]


async def test_what_breaks_holds_up_nobody() -> None:
    lines = Lines()
    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            async with lines.turn("C1"):
                raise OSError("full")


@pytest.mark.parametrize("given_up", [None, 2.0, 1.0])
async def test_where_things_come_in_any_order_the_first_waits_for_what_happened_before(given_up: float | None) -> None:
    is_settled, done, may_end = asyncio.Event(), list[float](), asyncio.Event()
    may_end.set()

    async def settle() -> None:
        await is_settled.wait()

    lines = Lines(settle)
    tasks = {at: begin(lines, at, done, may_end) for at in (2.0, 1.0, 3.0)}
    await asyncio.sleep(0)
    async with asyncio.timeout(1), lines.turn("C2"):  # what has no time waits for nothing
        assert done == []
    if given_up is not None:
        tasks[given_up].cancel()
    if given_up != 2.0:
        await asyncio.sleep(0)
        assert done == []
        is_settled.set()
    await asyncio.wait(tasks.values())
    assert done == [at for at in (1.0, 2.0, 3.0) if at != given_up]
    assert not lines._lines
