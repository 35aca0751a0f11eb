"""The sweep and the scheduler: what is due wakes its agents, in time, a few at a time, and one fault harms no other."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, fails, says
from bot.events import user_message
from bot.origins import to_json
from bot.process.scheduler import Scheduler
from bot.testing import Bot, Clock, direct, open_bot
from bot.timed.few_at_a_time import MOST_AT_WORK
from memory.turns.timers import FOLLOW_UP, NewTimer


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools"}


async def promise(bot: Bot, *people: str, after: timedelta = timedelta(), **more: Any) -> None:
    """Follow-ups for people, each with an agent of their own."""
    for person in people:
        agent, origin = await bot.agent(person=person), direct(person)
        fixed = {"kind": FOLLOW_UP, "origin": to_json(origin), "platform": "console", "person": f"console:{person}"}
        timer = NewTimer(**fixed | {"due_at": bot.clock.moment + after, "note": person} | more)
        async with bot.app.stores.database.write() as transaction:
            await bot.app.stores.timers.add(transaction, agent.id, [timer], bot.clock())


def names(request: Request) -> Reply:
    return says(json.loads(request["messages"][-1]["content"])["message"])


async def test_only_so_many_agents_that_a_clock_woke_think_at_a_time(tmp_path: Path) -> None:
    at_work = most = 0
    gate = asyncio.Event()

    async def reply(request: Request) -> Reply:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        if at_work == MOST_AT_WORK:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0)
        at_work -= 1
        return names(request)

    people = [f"p{number}" for number in range(MOST_AT_WORK + 20)]
    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await promise(bot, *people)
        await bot.app.sweep()
        while len(bot.platform.sent) < len(people):
            await bot.app.lanes.idle()
            await bot.sweep()
        assert sorted(text for _, text in bot.platform.sent) == sorted(people)
        assert most <= MOST_AT_WORK


async def test_nor_do_more_where_an_earlier_process_left_what_a_clock_had_to_say(tmp_path: Path) -> None:
    at_work, gate, asked = list[str](), asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        said = json.loads(request["messages"][-1]["content"])["message"]
        at_work.append(said)
        if "a person" in at_work and len(at_work) > MOST_AT_WORK:
            asked.set()
        await gate.wait()
        return names(request)

    people = [f"p{number}" for number in range(MOST_AT_WORK + 20)]
    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await promise(bot, *people, "ada")
            bot.app.receiver._agenda.is_closing = True  # it is killed when all is handed over
            await bot.app.sweep()
            async with bot.app.receiver._arriving.of("console:dm:ada"):
                await bot.app.stores.inbox.add(
                    user_message(InboundMessage("1", direct("ada"), "a person", bot.clock())), bot.clock()
                )
        async with open_bot(tmp_path, **settings(server)) as bot:
            await asked.wait()  # who writes does not wait for the others
            assert sum(bot.app.lanes.is_busy(f"console:dm:{person}") for person in people) == MOST_AT_WORK
            gate.set()
            while len(bot.platform.sent) < len(people) + 2:
                await bot.app.lanes.idle()
                await bot.sweep()
            assert sorted(text for _, text in bot.platform.sent) == sorted([*people, "ada", "a person"])


async def test_nor_do_more_when_the_model_is_back_for_which_they_waited(tmp_path: Path) -> None:
    is_down, gate = True, asyncio.Event()

    async def reply(request: Request) -> Reply:
        if is_down:
            return fails(503, retry_after="36000")
        event = json.loads(request["messages"][-1]["content"])
        if event["type"] == "follow_up":
            await gate.wait()
        return says(event["message"])

    people = [f"p{number}" for number in range(MOST_AT_WORK + 20)]
    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await promise(bot, *people)
        assert await bot.sweep() == []
        is_down = False
        assert await bot.say("Are you back?") == ["Are you back?"]
        assert sum(bot.app.lanes.is_busy(f"console:dm:{person}") for person in people) == MOST_AT_WORK
        gate.set()
        while len(bot.platform.sent) < len(people) + 1:
            await bot.app.lanes.idle()
            await bot.sweep()
        assert sorted(text for _, text in bot.platform.sent[1:]) == sorted(people)


async def test_one_that_breaks_is_put_off_and_the_others_fire(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedServer(names) as server, open_bot(tmp_path, **settings(server)) as bot:
        await promise(bot, "ada", "bob")
        async with bot.app.stores.database.write() as transaction:
            await transaction.exec_driver_sql("INSERT INTO people (id, timezone) VALUES ('console:ada', 'No/where')")
        assert await bot.sweep() == ["bob"]
        assert "a timer cannot fire now" in caplog.text
        (timer,) = await bot.app.stores.timers.follow_ups((await bot.agent(person="ada")).id)
        assert timer.due_at > bot.clock.moment + timedelta(minutes=50)


async def test_a_repeat_that_cannot_be_read_comes_once(tmp_path: Path) -> None:
    async with ScriptedServer(names) as server, open_bot(tmp_path, **settings(server)) as bot:
        await promise(bot, "ada", repeat="whenever")
        assert await bot.sweep() == ["ada"]
        assert await bot.app.sweep() is None


async def test_a_terminal_wakes_only_its_own_agent(tmp_path: Path) -> None:
    async with ScriptedServer(names) as server, open_bot(tmp_path, **settings(server)) as bot:
        await promise(bot, "ada", "bob")
        bot.app.sweep.scopes = ["console:dm:bob"]
        assert await bot.sweep() == ["bob"]
        assert await bot.app.sweep() is None


async def test_killed_between_firing_and_turn_it_is_heard_after_the_next_start(tmp_path: Path) -> None:
    async with ScriptedServer(names) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await promise(bot, "ada")
            await bot.app.receiver.close(0)  # from now on no turn begins
            await bot.app.sweep()
            assert server.requests == []
            clock = bot.clock
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.outbox.settled(direct("ada").address)
            assert [text for _, text in bot.platform.sent] == ["ada"]
            assert await bot.sweep() == []
    assert len(server.requests) == 1


# ── the scheduler: a real one, whose clock says what is due ──────────────────────────────────────────


class Sweeps:
    """A sweep that notes when it is asked, and says when the next one is due."""

    def __init__(self, *due: datetime | None) -> None:
        self.due, self.asked, self.on_sooner = list(due), 0, lambda due: None
        self.wanted: dict[int, asyncio.Event] = {}

    async def __call__(self) -> datetime | None:
        self.asked += 1
        self.wanted.setdefault(self.asked, asyncio.Event()).set()
        due = self.due.pop(0) if self.due else None
        if isinstance(due, Exception):
            raise due
        return due

    async def times(self, count: int) -> None:
        async with asyncio.timeout(10):
            await self.wanted.setdefault(count, asyncio.Event()).wait()


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_it_looks_at_once_and_then_when_the_next_is_due() -> None:
    sweep: Any = Sweeps(NOW + timedelta(milliseconds=20), NOW - timedelta(hours=1), None)
    async with Scheduler(sweep, lambda: NOW).awake():
        await sweep.times(3)  # what is overdue is looked at at once, too


async def test_what_is_set_meanwhile_is_looked_at_in_time() -> None:
    sweep: Any = Sweeps(None, None)
    async with Scheduler(sweep, lambda: NOW).awake():
        await sweep.times(1)
        await asyncio.sleep(0)
        sweep.on_sooner(NOW + timedelta(milliseconds=20))
        await sweep.times(2)
    sweep.on_sooner(NOW)  # afterwards nobody listens


async def test_a_clock_that_is_put_back_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.process.scheduler.LOOKS_EVERY", timedelta(milliseconds=20))
    sweep: Any = Sweeps(NOW)
    scheduler = Scheduler(sweep, lambda: NOW)
    async with scheduler.awake():
        await sweep.times(2)
        before = datetime.now(UTC) + timedelta(hours=3)  # as an hour looks that is over
        scheduler._job.modify(next_run_time=before)
        await sweep.times(sweep.asked + 1)


async def test_a_sweep_that_fails_is_not_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    fault: Any = OSError("the disk is full")
    sweep: Any = Sweeps(fault, None)
    async with Scheduler(sweep, lambda: NOW).awake():
        await sweep.times(1)
        while "could not be handed over" not in caplog.text:
            await asyncio.sleep(0)
        sweep.on_sooner(NOW)
        await sweep.times(2)


async def test_what_is_to_be_done_daily_is_done_at_once() -> None:
    done = asyncio.Event()

    async def daily() -> None:
        done.set()

    sweep: Any = Sweeps()
    async with Scheduler(sweep, lambda: NOW, daily).awake():
        async with asyncio.timeout(10):
            await done.wait()


async def test_what_is_done_daily_ends_with_the_program_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    begun, ended = asyncio.Event(), False

    async def daily() -> None:
        nonlocal ended
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    sweep: Any = Sweeps()
    async with Scheduler(sweep, lambda: NOW, daily).awake():
        async with asyncio.timeout(10):
            await begun.wait()
    assert ended
    assert caplog.records == []


async def test_a_sweep_under_way_is_let_finish() -> None:
    begun, gate, ended = asyncio.Event(), asyncio.Event(), False

    class Slow(Sweeps):
        async def __call__(self) -> datetime | None:
            nonlocal ended
            begun.set()
            await gate.wait()
            ended = True
            return None

    sweep: Any = Slow()
    async with Scheduler(sweep, lambda: NOW).awake():
        await begun.wait()
        asyncio.get_running_loop().call_later(0.05, gate.set)
    assert ended


async def test_a_promise_is_kept_by_the_real_clock(tmp_path: Path) -> None:
    """The whole of it: the agent promises, the scheduler wakes the process, the reminder is heard."""

    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        event = json.loads(last["content"])
        if event.get("type") == "user_message":
            at = datetime.now(UTC) + timedelta(seconds=0.3)
            call = {"when": at.isoformat(), "note": "the tea", "request_heartbeat": True}
            from adapters.testing import answer

            return answer(None, ("schedule_follow_up", call))
        return says("I will." if last["role"] == "tool" else f"Now: {event['message']}")

    class RealClock(Clock):
        def __call__(self) -> datetime:
            return datetime.now(UTC)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, clock=RealClock(), **settings(server)) as bot:
        async with Scheduler(bot.app.sweep, bot.clock).awake():
            assert await bot.say("Remind me of the tea") == ["I will."]
            async with asyncio.timeout(10):
                while len(bot.platform.sent) < 2:
                    await asyncio.sleep(0.01)
    assert bot.platform.sent[-1][1] == "Now: the tea"
