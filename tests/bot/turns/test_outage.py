"""While the model is down: who is tried when, and that nobody waits for longer than they may."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, fails, says
from bot.testing import Bot, Clock, direct, open_bot, texts
from bot.turns.outage import LONGEST_WAIT_S, Outage

PEOPLE = [f"p{number}" for number in range(30)]


class Scopes:
    """Scopes whose calls fail or not, as a model's client sees them; each retry is written down with its moment."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.outage = Outage(self._tried, self.clock.wait, lambda: self.clock.moment)
        self.broken: set[str] = set()
        self.is_down = True
        self.put_aside: dict[str, timedelta] = {}
        self.tries: list[str] = []
        self.begun = self.clock.moment
        self._until: dict[str, timedelta] = {}

    def call(self, scope: str, *, hours: float = 1, retry_after: float | None = None) -> None:
        if self.is_down or scope in self.broken:
            self._until.setdefault(scope, self._passed() + timedelta(hours=hours))
            self.outage.failed(scope, self.begun + self._until[scope], retry_after)
        else:
            self._until.pop(scope, None)
            self.outage.worked(scope)

    def _passed(self) -> timedelta:
        return self.clock.moment - self.begun

    def _tried(self, scope: str) -> None:
        if self.outage.is_on and self._passed() >= self._until[scope]:
            self.put_aside[scope] = self._passed()
            self.outage.over(scope, waits_on=False)
            return
        self.tries.append(scope)
        self.call(scope)

    async def pass_time(self, **duration: float) -> None:
        until = self.clock.moment + timedelta(**duration)
        while self.clock.moment < until:
            for _ in range(4):
                await asyncio.sleep(0)
            self.clock.advance(seconds=1)


async def test_each_is_put_aside_when_its_time_is_over_however_many_wait() -> None:
    scopes = Scopes()
    for person in PEOPLE:
        scopes.call(person)
    await scopes.pass_time(minutes=59)
    assert scopes.put_aside == {}
    await scopes.pass_time(minutes=2)
    assert set(scopes.put_aside) == set(PEOPLE)
    assert len(scopes.tries) < 25  # one by one, later and later
    await scopes.outage.close()


async def test_a_server_that_asks_for_longer_than_one_may_wait_is_not_waited_for() -> None:
    scopes = Scopes()
    scopes.call("ada", retry_after=7200)
    await scopes.pass_time(minutes=61)
    assert (set(scopes.put_aside), scopes.tries) == ({"ada"}, [])
    await scopes.outage.close()


async def test_the_first_answer_wakes_all() -> None:
    scopes = Scopes()
    for person in PEOPLE:
        scopes.call(person)
    await scopes.pass_time(minutes=10)
    scopes.is_down, scopes.tries = False, []
    await scopes.pass_time(minutes=6)
    assert sorted(scopes.tries) == sorted(PEOPLE)
    assert not scopes.outage.is_on


async def test_whoever_fails_while_others_are_answered_is_tried_later_and_later_and_alone() -> None:
    scopes = Scopes()
    scopes.is_down, scopes.broken = False, {"ada"}
    scopes.call("ada")
    for _ in range(50 * 60):
        scopes.call("bob")
        await scopes.pass_time(seconds=1)
    assert 8 <= scopes.tries.count("ada") <= 6 + 50 * 60 / LONGEST_WAIT_S
    await scopes.pass_time(minutes=15)
    assert set(scopes.put_aside) == {"ada"}
    assert set(scopes.tries) == {"ada"}
    await scopes.outage.close()


async def test_whoever_was_broken_is_answered_as_soon_as_its_turn_comes() -> None:
    scopes = Scopes()
    scopes.is_down, scopes.broken = False, {"ada"}
    scopes.call("ada")
    for _ in range(100):
        scopes.call("bob")
        await scopes.pass_time(seconds=1)
    scopes.broken = set()
    tries = len(scopes.tries)
    await scopes.pass_time(seconds=LONGEST_WAIT_S)
    assert len(scopes.tries) == tries + 1
    assert not scopes.outage.is_on


# ── in a whole bot ───────────────────────────────────────────────────────────────────────────────────


async def later(bot: Bot, **duration: float) -> None:
    bot.clock.advance(**duration)
    for _ in range(20):
        await asyncio.sleep(0)
    await bot.app.lanes.idle()
    await bot.app.notices.settled("console")


async def states(bot: Bot) -> list[str]:
    async with bot.app.stores.database.read() as connection:
        return list((await connection.exec_driver_sql("SELECT state FROM inbox ORDER BY id")).scalars())


async def test_what_stands_behind_a_turn_that_waits_gets_no_hours_of_its_own(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(503, retry_after_ms="1")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_retry_hours": 1}
        async with open_bot(tmp_path, **given) as bot:
            await bot.say("one")
            bot.clock.advance(minutes=1)
            for text in ("two", "three"):
                await bot.say(text)
            await later(bot, minutes=66)
            asked = len(server.requests)
            await later(bot, minutes=1)
            assert await states(bot) == ["parked"] * 3
            assert len(server.requests) == asked
            assert len(bot.platform.notices) == 1


@pytest.mark.parametrize("ends_first", [False, True])
async def test_whoever_fails_while_the_outage_ends_for_others_is_told_all_the_same(
    tmp_path: Path, ends_first: bool
) -> None:
    def reply(request: Request) -> Reply:
        return fails(503, retry_after_ms="1") if "ada" in texts(request["messages"], "user")[-1] else says("Hello.")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_retry_hours=1) as bot:
            journal = bot.app.stores.journal
            put_off = journal.put_off

            async def slowly(*given: object, **named: object) -> None:
                journal.put_off = put_off  # type: ignore[method-assign]
                await put_off(*given, **named)  # type: ignore[arg-type]
                await bot.say("Hi, bob here", person="bob")

            if ends_first:
                journal.put_off = slowly  # type: ignore[assignment,method-assign]
            await bot.say("ada here", person="ada")
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert len(bot.platform.notices) == 1
            assert "I have kept your message" in bot.platform.notices[0]


async def test_when_nobody_waits_any_more_nobody_is_put_aside_unread(tmp_path: Path) -> None:
    replies: list[Reply] = []
    async with ScriptedServer(lambda _: replies.pop(0) if replies else fails(503, retry_after_ms="1")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_retry_hours": 1}
        async with open_bot(tmp_path, **given) as bot:
            await bot.say("one")
            await later(bot, minutes=70)
            assert await states(bot) == ["parked"]
            replies += [says("Here I am.")]
            late = InboundMessage("late", direct("bob"), "Hello", bot.clock() - timedelta(minutes=90))
            await (await bot.app.receiver.receive(late))
            assert [text for _, text in bot.platform.sent] == ["Here I am."]


async def test_an_outage_of_an_earlier_process_is_over_with_the_first_answer(tmp_path: Path) -> None:
    replies: list[Reply] = []
    async with ScriptedServer(lambda _: replies.pop(0) if replies else fails(503, retry_after_ms="1")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_retry_hours": 1}
        async with open_bot(tmp_path, **given) as bot:
            clock = bot.clock
            await bot.say("one")
        replies += [says("Here I am."), says("Still here.")]
        async with open_bot(tmp_path, clock=clock, **given) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            clock.advance(days=3)
            assert await bot.say("two") == ["Still here."]
            late = InboundMessage("late", direct("ada"), "three", clock() - timedelta(hours=2))
            await (await bot.app.receiver.receive(late))
            assert await states(bot) == ["done", "done", "taken"]


@pytest.mark.parametrize("asked", [1e12, float("inf")])
async def test_a_server_that_asks_for_ever_is_tried_again_all_the_same(asked: float) -> None:
    scopes = Scopes()
    scopes.call("ada", hours=48, retry_after=asked)
    await scopes.outage.close()
    assert scopes.outage.is_on
