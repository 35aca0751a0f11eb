"""Whichever write the database refuses, or the process dies at: each message is answered once, and nothing hangs.

Every life is lived again and again, and each time the next of its writes is refused, as by a disk that is full for a
moment or by another program that holds the lock.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Aim, InboundMessage, MessageChange, Origin
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot import events
from bot.testing import Bot, Clock, RecordingPlatform, among_many, direct, open_bot, texts
from memory.people.channels import Mode

ADA = direct("ada")
OUT = fails(503, retry_after_ms="1")
LIMIT = "You have reached your daily limit of tokens with me; it begins anew at midnight (UTC)."
SEARCHES = answer(None, ("conversation_search", {"query": "x", "request_heartbeat": True}))


class How(StrEnum):
    """What becomes of the write, and of those after it."""

    REFUSED = "it is refused at its commit"
    DIES = "the process dies at its commit"


class Refusing:
    """A database that refuses one of the writes to come, or all from that one on."""

    def __init__(self, at: int, how: How) -> None:
        self._left, self._how = at, how
        self._is_armed = self.has_refused = False

    def around(self, bot: Bot) -> None:
        """Stand before the database of a bot."""
        writes = bot.app.stores.database.write

        @asynccontextmanager
        async def write(**options: Any) -> AsyncIterator[Any]:
            is_refused = self._is_armed and (self._left == 0 or (self._left < 0 and self._how is How.DIES))
            self._left -= self._is_armed
            self.has_refused |= is_refused
            async with writes(**options) as transaction:
                yield transaction
                if is_refused:
                    raise _full()

        bot.app.stores.database.write = write  # type: ignore[method-assign]

    def arm(self) -> None:
        """From now on writes count."""
        self._is_armed = True

    @property
    def has_died(self) -> bool:
        """Whether the process has died."""
        return self.has_refused and self._how is How.DIES

    @property
    def is_dead(self) -> bool:
        """Whether nothing is written any more before the next start."""
        return self._is_armed and self.has_died

    def disarm(self) -> None:
        """Refuse nothing any more."""
        self._is_armed = False


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


class Server(ScriptedServer):
    """Answers in two steps until it is told otherwise."""

    def __init__(self) -> None:
        super().__init__(lambda request: says("Hello.") if texts(request["messages"], "tool") else SEARCHES)

    def answer_with(self, script: Callable[[Request], Any]) -> None:
        """From now on, whatever that makes of a request."""
        self._script = script


@dataclass
class Mortals(RecordingPlatform):
    """A platform that a dead process tells nothing."""

    is_dead: Callable[[], bool] = lambda: False

    async def notify(self, origin: Origin, text: str) -> None:
        """Record a notice."""
        if not self.is_dead():
            await super().notify(origin, text)


class Life:
    """A bot that is started anew where its process has died, with its model's server."""

    def __init__(self, data: Path, server: Server, refusing: Refusing, **settings: Any) -> None:
        self._data, self.server, self._refusing = data, server, refusing
        self._settings: dict[str, Any] = {
            "llm_model": "m",
            "llm_tier": "tools",
            "openai_base_url": server.url,
            "budget_tokens_per_user_day": 1_000_000,
        } | settings
        self._clock, self._platform = Clock(), Mortals(is_dead=lambda: refusing.is_dead)
        self._running = AsyncExitStack()

    async def start(self) -> None:
        opening = open_bot(self._data, platform=self._platform, clock=self._clock, **self._settings)
        self.bot = await self._running.enter_async_context(opening)
        self._refusing.around(self.bot)

    async def end(self) -> None:
        await self._running.aclose()

    def arm(self) -> None:
        """From now on the writes count of which one is refused."""
        self._refusing.arm()

    async def tell(self, text: str, id_: str, **more: Any) -> None:
        """Hand in a message; told again, as platforms do, until it is kept."""
        origin = more.pop("origin", ADA)
        message = InboundMessage(id_, origin, text, self.bot.clock(), message_id=f"m-{id_}", **more)
        for _ in range(2):
            try:
                await self.bot.app.receiver.receive(message)
            except sqlite3.OperationalError:
                await self._start_anew()

    async def pass_time(self, minutes: int) -> None:
        """Let minutes pass, and all that they wake come to its end."""
        for _ in range(minutes):
            await self._rest()
            await self._start_anew()
            self.bot.clock.advance(minutes=1)
        await self._rest()

    async def _rest(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        await self.bot.app.lanes.idle()
        await self.bot.app.notices.settled("console")
        for address in {ADA.address, among_many("ada").address}:
            await self.bot.app.outbox.settled(address)

    async def _start_anew(self) -> None:
        if self._refusing.is_dead:
            await self.end()
            self._refusing.disarm()
            await self.start()

    async def column(self, table: str, name: str = "state") -> list[Any]:
        async with self.bot.app.stores.database.read() as connection:
            return list((await connection.exec_driver_sql(f"SELECT {name} FROM {table} ORDER BY id")).scalars())

    @property
    def said(self) -> list[str]:
        return [text for _, text in self._platform.sent]

    @property
    def notices(self) -> list[str]:
        """What people were told, each once: after a death nobody knows whether they have heard it."""
        return list(dict.fromkeys(self._platform.notices)) if self._refusing.has_died else self._platform.notices


async def two_steps(life: Life) -> None:
    life.arm()
    await life.tell("Hi", "1")
    await life.pass_time(5)
    assert life.said == ["Hello."]


async def a_heartbeat_gives_way(life: Life) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        asked.set()
        await gate.wait()
        return says("Hello.") if "Hi" in texts(request["messages"], "user")[-1] else SEARCHES

    life.server.answer_with(reply)
    await life.bot.app.receiver.wake(ADA, events.heartbeat("Think.", life.bot.clock()))
    await asked.wait()
    await life.tell("Hi", "1")
    life.arm()
    gate.set()
    await life.pass_time(5)
    assert life.said == ["Hello."]


async def a_message_is_deleted_while_it_is_answered(life: Life) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        if "Gone" in str(request["messages"]):
            asked.set()
            await gate.wait()
            return says("To what is gone.")
        return says("Hello.")

    life.server.answer_with(reply)
    await life.tell("Gone", "1")
    await asked.wait()
    await life.bot.app.changes.change("console", MessageChange(ADA, ("m-1",), None))
    life.arm()
    gate.set()
    await life.tell("Hi", "2")
    await life.pass_time(5)
    assert life.said == ["Hello."]


async def the_model_is_down_for_a_while(life: Life) -> None:
    is_down = True
    life.server.answer_with(lambda _: OUT if is_down else says("Hello."))
    life.arm()
    await life.tell("Hi", "1")
    await life.pass_time(2)
    assert life.said == []
    is_down = False
    await life.pass_time(6)
    assert life.said == ["Hello."]
    assert len(life.notices) <= 1  # none, if the process died on the point of telling it


async def the_model_is_down_for_too_long(life: Life) -> None:
    life.server.answer_with(lambda _: OUT)
    life.arm()
    await life.tell("Hi", "1")
    await life.tell("And you?", "2", origin=among_many("bob"))
    await life.pass_time(9)
    assert life.said == []
    assert await life.column("inbox") == ["parked", "parked"]
    assert len(life.notices) <= 2


async def the_server_cannot_take_it(life: Life) -> None:
    life.server.answer_with(lambda _: fails(422, "nonsense"))
    life.arm()
    await life.tell("Hi", "1")
    await life.pass_time(5)
    assert life.said == []
    assert len(life.notices) == 1


async def the_limit_is_reached(life: Life) -> None:
    costly = answer(None, ("send_message", {"message": "Hello."}), prompt_tokens=3000, completion_tokens=100)
    life.server.answer_with(lambda _: costly)
    for number in range(2):
        await life.tell("Hi", f"{number}")
        await life.pass_time(1)
    life.arm()
    await life.tell("Again", "2")
    await life.pass_time(5)
    await life.tell("And again", "3")
    await life.pass_time(5)
    assert life.said == ["Hello.", "Hello."]
    assert life.notices == [LIMIT]


async def something_is_heard(life: Life) -> None:
    await life.bot.choose_mode(Mode.LISTEN)
    life.arm()
    for number in range(3):
        await life.tell(f"Heard {number}", f"{number}", origin=among_many("bob"), aim=Aim.AT_ALL)
    await life.pass_time(5)
    agent = await life.bot.agent(channel="general")
    assert [it.text for it in await life.bot.app.shelves.recall.queue(agent.id)] == [f"Heard {n}" for n in range(3)]


LIVES = [
    two_steps,
    a_heartbeat_gives_way,
    a_message_is_deleted_while_it_is_answered,
    the_model_is_down_for_a_while,
    the_model_is_down_for_too_long,
    the_server_cannot_take_it,
    the_limit_is_reached,
    something_is_heard,
]

SETTINGS: dict[Any, dict[str, Any]] = {
    the_model_is_down_for_too_long: {"llm_retry_hours": 0.1},
    the_limit_is_reached: {"budget_tokens_per_user_day": 8_000},
}


@pytest.mark.parametrize("how", list(How))
@pytest.mark.parametrize("lived", LIVES, ids=lambda lived: lived.__name__)
async def test_whichever_write_is_refused_it_ends_the_same(
    tmp_path: Path, lived: Callable[[Life], Awaitable[None]], how: How
) -> None:
    at, has_refused = 0, True
    while has_refused:
        refusing = Refusing(at, how)
        async with Server() as server:
            life = Life(tmp_path / f"{at}", server, refusing, **SETTINGS.get(lived, {}))
            await life.start()
            try:
                await lived(life)
                assert set(await life.column("inbox")) <= {"done", "parked"}, at
                assert "running" not in await life.column("turns"), at
                assert set(await life.column("outbox")) <= {"sent"}, at
                assert life.bot.platform.dropped == []
            finally:
                await life.end()
        at, has_refused = at + 1, refusing.has_refused
    assert at > 2
