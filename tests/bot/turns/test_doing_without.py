"""A full disk, a lock of somebody else, or a platform that cannot show its work costs nobody the answer."""

import asyncio
import sqlite3
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Address
from adapters.testing import Reply, Request, ScriptedServer, says
from bot.testing import Bot, RecordingPlatform, open_bot
from tests.bot.turns.durable import later, message, said, settings, states


class Full:
    """A disk that is full for some statements."""

    def __init__(self, bot: Bot) -> None:
        self._bot, self._write = bot, bot.app.stores.database.write
        self.is_full = False
        bot.app.stores.database.write = self.write  # type: ignore[method-assign]

    def write(self, **options: Any) -> Any:
        if self.is_full:
            raise OSError("database or disk is full")
        return self._write(**options)


@pytest.mark.parametrize("at_step", [False, True])
async def test_when_the_disk_is_full_the_event_stays_and_is_answered_once_there_is_room(
    tmp_path: Path, at_step: bool
) -> None:
    async with ScriptedServer(lambda _: reply()) as server, open_bot(tmp_path, **settings(server)) as bot:
        disk, asked = Full(bot), list[str]()

        def reply() -> Reply:
            asked.append("once more")
            disk.is_full = at_step and len(asked) == 1
            return says("Hello.")

        gate = asyncio.Event()
        busy = bot.app.lanes.submit("console:dm:ada", gate.wait)  # type: ignore[arg-type]
        handed_in = await bot.app.receiver.receive(message(bot, "Hi", "e1"))
        disk.is_full = not at_step
        gate.set()
        await busy
        await handed_in
        assert said(bot) == []
        assert bot.platform.notices == []
        disk.is_full = False
        await later(bot, minutes=1)
        assert said(bot) == ["Hello."]
        assert await states(bot, "inbox") == ["done"]


@pytest.mark.parametrize("times", [1, 9])
async def test_what_a_lock_of_somebody_else_keeps_from_being_written_is_done_again_but_not_for_ever(
    tmp_path: Path, times: int
) -> None:
    with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None, check_same_thread=False)) as other:
        locks = 0

        def reply(request: Request) -> Reply:
            nonlocal locks
            if locks < times:
                locks += 1
                other.execute("BEGIN IMMEDIATE")
            return says("Hello.")

        async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
            async with bot.app.stores.database.write() as transaction:
                await transaction.exec_driver_sql("PRAGMA busy_timeout = 1")
            assert await bot.say("Hi") == []
            for _ in range(5):
                other.rollback() if other.in_transaction else None
                await later(bot, minutes=1)
            other.rollback() if other.in_transaction else None
            await later(bot, minutes=1)
            assert said(bot) == (["Hello."] if times == 1 else [])
            assert await states(bot, "inbox") == ["done" if times == 1 else "parked"]
            assert len(server.requests) == (2 if times == 1 else 4)


async def test_a_platform_that_cannot_show_its_work_costs_nobody_the_answer(tmp_path: Path) -> None:
    class Clumsy(RecordingPlatform):
        def working(self, address: Address) -> AbstractAsyncContextManager[None]:
            raise ConnectionError("typing is not allowed here")

    async with ScriptedServer([says("Hello.")]) as server:
        async with open_bot(tmp_path, platform=Clumsy(), **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hello."]
