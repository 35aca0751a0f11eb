"""What people are told of a message that gets no answer is told once they can be reached, also after a crash."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import InboundMessage, Origin
from adapters.testing import ScriptedServer, answer, fails, says
from bot.testing import Bot, RecordingPlatform, direct, in_channel, open_bot
from memory.turns.notices import NoticeStore

SPEECHLESS = answer(None, ("core_memory_append", {"label": "human", "content": "x"}))


@dataclass
class Failing(RecordingPlatform):
    """Cannot tell notices as long as there are faults."""

    faults: deque[Exception] = field(default_factory=deque)

    async def notify(self, origin: Origin, text: str) -> None:
        if self.faults:
            raise self.faults.popleft()
        await super().notify(origin, text)


async def later(bot: Bot, **duration: float) -> None:
    """Let time pass, and what it wakes try what it has to, until that waits again or is done."""
    bot.clock.advance(**duration)
    await asyncio.sleep(0)
    while bot.app.notices.is_busy and not bot.clock.is_waited_for:
        await asyncio.sleep(0)


def refusing(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


async def left(bot: Bot) -> int:
    return len(await NoticeStore(bot.app.stores.database).open_of("console"))


async def test_a_notice_that_cannot_be_told_is_told_later_once(tmp_path: Path) -> None:
    platform = Failing(faults=deque([PlatformUnavailable("down"), OSError("bug"), PlatformUnavailable("down")]))
    async with ScriptedServer(lambda _: fails(422, "nonsense")) as server:
        async with open_bot(tmp_path, platform=platform, **refusing(server)) as bot:
            await bot.say("Hi")
            assert (platform.notices, await left(bot)) == ([], 1)
            for _ in range(3):
                await later(bot, minutes=5)
            assert (len(platform.notices), await left(bot)) == (1, 0)
            await bot.say("Hi again")
            assert (len(platform.notices), await left(bot)) == (2, 0)


async def test_it_outlives_the_process(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(422, "nonsense")) as server:
        platform = Failing(faults=deque([PlatformUnavailable("down")] * 9))
        async with open_bot(tmp_path, platform=platform, **refusing(server)) as bot:
            await bot.say("Hi")
            await bot.say("Hi", person="bob")
            assert await left(bot) == 2
        async with open_bot(tmp_path, **refusing(server)) as bot:
            await later(bot, seconds=1)
            assert len(bot.platform.notices) == 2
            assert await left(bot) == 0


async def test_a_new_connection_is_taken_at_once(tmp_path: Path) -> None:
    platform = Failing(faults=deque([PlatformUnavailable("down")] * 1))
    async with ScriptedServer(lambda _: fails(422, "nonsense")) as server:
        async with open_bot(tmp_path, platform=platform, **refusing(server)) as bot:
            await bot.say("Hi")
            await later(bot, seconds=0)
            bot.app.intake("console").connected("console")
            await later(bot, seconds=0)
            assert len(platform.notices) == 1


@pytest.mark.parametrize("why", ["refused", "old"])
async def test_what_cannot_be_told_or_is_of_no_use_any_more_is_forgotten(tmp_path: Path, why: str) -> None:
    platform = Failing(faults=deque([DeliveryRefused("gone") if why == "refused" else PlatformUnavailable("down")]))
    platform.faults += [] if why == "refused" else [PlatformUnavailable("down")]
    async with ScriptedServer(lambda _: fails(422, "nonsense")) as server:
        async with open_bot(tmp_path, platform=platform, **refusing(server)) as bot:
            await bot.say("Hi")
            await later(bot, days=2)
            assert (platform.notices, await left(bot)) == ([], 0)


async def test_a_turn_that_was_given_up_is_told_of_though_the_process_ended_before_it_was(tmp_path: Path) -> None:
    class Dies(RecordingPlatform):
        async def notify(self, origin: Origin, text: str) -> None:
            raise PlatformUnavailable("the process dies here")

    async with ScriptedServer(lambda _: SPEECHLESS) as server:
        async with open_bot(tmp_path, platform=Dies(), **refusing(server, llm_max_steps=2)) as bot:
            await bot.say("Hi")
        async with open_bot(tmp_path, **refusing(server)) as bot:
            await later(bot, seconds=1)
            assert len(bot.platform.notices) == 1


async def test_one_that_fails_holds_up_no_other_and_each_is_told_once(tmp_path: Path) -> None:
    class NotAda(RecordingPlatform):
        async def notify(self, origin: Origin, text: str) -> None:
            await asyncio.sleep(0)
            if origin.person.id == "ada":
                raise OSError("bug")
            self.notices.append(origin.person.id)

    async with ScriptedServer(lambda _: fails(422, "nonsense")) as server:
        async with open_bot(tmp_path, platform=NotAda(), **refusing(server)) as bot:
            people = ("ada", "bob", "carl", "ada", "dora")
            await asyncio.gather(*(bot.say("Hi", person=person) for person in people))
            for _ in range(3):
                bot.app.intake("console").connected("console")
                await later(bot, minutes=5)
            assert sorted(bot.platform.notices) == ["bob", "carl", "dora"]
            assert await left(bot) == 2


async def test_a_platform_that_says_nothing_holds_up_neither_turns_nor_the_end(tmp_path: Path) -> None:
    class Silent(RecordingPlatform):
        async def notify(self, origin: Origin, text: str) -> None:
            await asyncio.Event().wait()

    script = [fails(422, "nonsense"), says("Hello."), *[fails(503, retry_after_ms="1")] * 3]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, platform=Silent(), **refusing(server)) as bot:
            for number in range(3):
                message = InboundMessage(f"{number}", direct("ada"), "Hi", bot.clock())
                await bot.app.receiver.receive(message)
                await bot.app.lanes.idle()
            assert [text for _, text in bot.platform.sent] == ["Hello."]
            await bot.app.receiver.close(0)
        assert [task for task in asyncio.all_tasks() if "notice" in task.get_name()] == []


async def test_of_a_turn_of_several_people_each_is_told(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(422, "nonsense")) as server:
        async with open_bot(tmp_path, **refusing(server, bot_max_waiting_messages=1)) as bot:
            hold = asyncio.Event()
            lane = bot.app.lanes.submit("console:channel:general", hold.wait)  # type: ignore[arg-type]
            for person in ("ada", "bob", "ada", "carl"):
                await bot.app.receiver.receive(in_channel("Hi", bot.clock(), person))
            hold.set()
            await lane
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert len(bot.platform.notices) == 3


async def test_what_was_told_is_not_told_again_while_the_database_does_not_take_that(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(422, "nonsense")) as server:
        async with open_bot(tmp_path, **refusing(server)) as bot:
            write, notices = bot.app.stores.database.write, bot.platform.notices

            def full(**more: Any) -> Any:
                if notices:
                    raise OSError("disk full")
                return write(**more)

            bot.app.stores.database.write = full  # type: ignore[method-assign]
            await bot.say("Hi")
            for _ in range(3):
                await later(bot, minutes=5)
            assert (len(notices), await left(bot)) == (1, 1)
            bot.app.stores.database.write = write  # type: ignore[method-assign]
            await later(bot, minutes=5)
            assert (len(notices), await left(bot)) == (1, 0)


async def test_what_is_over_by_the_time_it_would_be_told_is_not_told(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hi")]) as server, open_bot(tmp_path, **refusing(server)) as bot:
        is_down = True
        bot.app.notices.say_soon(direct("ada"), "It is down.", lambda: is_down)
        is_down = False
        bot.app.notices.say_soon(direct("ada"), "It is up.", lambda: not is_down)
        await bot.app.notices.settled("console")
        assert bot.platform.notices == ["It is up."]
