"""The supervisor: what ends is run again, later and later, and nothing that breaks takes anything else along."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

import pytest

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.errors import PlatformUnavailable, ServiceMissing
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, InboundMessage, Origin
from adapters.ports.platform import Sought
from bot.process.supervisor import LONGEST_WAIT_S, Supervisor

Life = float | tuple[float, BaseException] | BaseException
"""How long a platform is served, and what ends it; after the last one it is served for ever."""


@dataclass
class Time:
    """A clock that only `wait` moves."""

    moment: float = 0.0
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.moment

    async def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.moment += seconds
        await asyncio.sleep(0)


class Mortal:
    """A platform that lives as often as its script says."""

    def __init__(self, name: str, time: Time, *lives: Life) -> None:
        self.name = name
        self.runs = 0
        self.is_connected = True
        self.stays = asyncio.Event()
        self._time = time
        self._lives = iter(lives)

    def parts_of(self, text: str) -> tuple[str, ...]:
        return (text,)

    async def run(self, intake: Intake) -> None:
        self.runs += 1
        life = next(self._lives, None)
        if life is None:
            self.stays.set()
            await asyncio.Event().wait()
        seconds, fault = (
            life if isinstance(life, tuple) else (0.0, life) if isinstance(life, BaseException) else (life, None)
        )
        self._time.moment += seconds or 0.0
        if fault is not None:
            raise fault

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        return None

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        return None

    async def notify(self, origin: Origin, text: str) -> None: ...

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        return nullcontext()


async def receive(message: InboundMessage) -> Awaitable[None]:
    raise NotImplementedError


async def command(call: CommandCall) -> CommandReply:
    return CommandReply()


def supervisor(time: Time, *platforms: Mortal, chance: Callable[[], float] = lambda: 1.0) -> Supervisor:
    named = {platform.name: platform for platform in platforms}
    return Supervisor(named, lambda name: Intake(receive, command), wait=time.wait, now=time, chance=chance)


async def served(supervisor: Supervisor, *platforms: Mortal) -> None:
    """Run until every one of these platforms stays, then stop."""
    running = asyncio.create_task(supervisor.run())
    for platform in platforms:
        await platform.stays.wait()
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_what_fails_again_and_again_is_tried_later_and_later() -> None:
    time = Time()
    platform = Mortal("a", time, *[OSError("down")] * 12)
    await served(supervisor(time, platform), platform)
    assert time.waited == [1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]


async def test_the_pauses_differ_from_bot_to_bot_but_are_never_shorter_than_a_second() -> None:
    time = Time()
    platform = Mortal("a", time, *[OSError("down")] * 10)
    await served(supervisor(time, platform, chance=lambda: 0.0), platform)
    assert time.waited == [1, 1.5, 3, 6, 12, 24, 48, 96, 192, 225]


async def test_after_a_while_of_being_well_a_fault_is_the_first_again() -> None:
    time = Time()
    platform = Mortal("a", time, OSError("1"), OSError("2"), (61.0, OSError("3")), OSError("4"), 3600.0)
    await served(supervisor(time, platform), platform)
    assert time.waited == [1, 2, 1, 2, 1]


async def test_a_platform_that_says_how_long_to_wait_is_waited_for() -> None:
    time = Time()
    platform = Mortal("a", time, PlatformUnavailable("limit", retry_after=900), PlatformUnavailable("limit"))
    await served(supervisor(time, platform), platform)
    assert time.waited == [900, 2]


async def test_one_that_breaks_or_cancels_itself_takes_no_other_along() -> None:
    time = Time()
    well, broken = Mortal("well", time), Mortal("broken", time, RuntimeError("bug"), asyncio.CancelledError())
    await served(supervisor(time, well, broken), well, broken)
    assert (well.runs, broken.runs) == (1, 3)


async def test_each_kind_of_fault_shows_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    platform = Mortal("a", time, OSError("one"), OSError("two"), ValueError("three"), OSError("four"), 5.0)
    with caplog.at_level(logging.INFO):
        await served(supervisor(time, platform), platform)
    told = [(record.getMessage(), record.exc_info is not None) for record in caplog.records]
    assert [has_traceback for _, has_traceback in told] == [True, False, True, False, False]
    assert told[1][0] == "platform failed, runs again platform=a in_s=2.0 error=OSError: two"
    assert told[4][0].startswith("platform ended by itself")


async def test_a_bad_token_is_told_in_a_line_and_the_others_are_served(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    well, refused = Mortal("well", time), Mortal("refused", time, ServiceMissing("DISCORD_TOKEN: refused."))
    it = supervisor(time, refused, well)
    running = asyncio.create_task(it.run())
    await well.stays.wait()
    assert it.connected() == {"refused": False, "well": True}
    assert it.given_up() == {"refused": "DISCORD_TOKEN: refused."}
    assert refused.runs == 1
    assert [record.getMessage() for record in caplog.records] == [
        "platform given up until the next start: refused: DISCORD_TOKEN: refused."
    ]
    well.is_connected = False
    assert it.connected() == {"refused": False, "well": False}
    running.cancel()
    await asyncio.wait([running])
    assert it.connected() == {"refused": False, "well": False}


async def test_if_none_can_be_served_it_ends_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    first, second = Mortal("a", time, ServiceMissing("bad token")), Mortal("b", time, ServiceMissing("no intents"))
    with pytest.raises(ServiceMissing, match=r"^b: no intents$"):
        await supervisor(time, first, second).run()
    assert [record.getMessage() for record in caplog.records] == [
        "platform given up until the next start: a: bad token"
    ]


async def test_a_token_that_is_refused_later_may_be_taken_again() -> None:
    time = Time()
    platform = Mortal("a", time, (3600.0, ServiceMissing("revoked")), ServiceMissing("revoked"))
    await served(supervisor(time, platform), platform)
    assert platform.runs == 3
