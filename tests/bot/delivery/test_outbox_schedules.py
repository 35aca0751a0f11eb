"""Whatever fails, in whatever order: nothing is doubled or out of order."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.ports.errors import CannotTell, PlatformUnavailable
from adapters.ports.messages import Address
from adapters.ports.platform import Sought
from bot.testing import Fault, RecordingPlatform
from tests.bot.delivery.outbox_process import ADA, BOB, REFUSED_TO_CONNECT, UNHEARD, UNHEARD_BUT_POSTED, Time, process

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
