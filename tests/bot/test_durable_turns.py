"""Nothing lost, nothing said twice: events, turns and replies outlive the process, and a model that is down."""

import asyncio
import sqlite3
from contextlib import AbstractAsyncContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Address, InboundMessage, Origin, Person
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot import events
from bot.testing import Bot, RecordingPlatform, direct, open_bot, texts
from memory.ports import Kind
from memory.turns.outbox import OutboxStore

ADA = direct("ada")
OUT = fails(503, retry_after_ms="1")
DOWN = [OUT, OUT, OUT]  # the SDK asks three times


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


def message(bot: Bot, text: str, id_: str, origin: Origin = ADA, **more: Any) -> InboundMessage:
    return InboundMessage(id_, origin, text, bot.clock(), **more)


def in_channel(person: str) -> Origin:
    return Origin(Address("console", "general"), Person(person, person.capitalize()), is_direct=False)


def killed_here(data: Path, copy: Path) -> None:
    """The database as a process that is killed now would leave it."""
    copy.mkdir()
    with closing(sqlite3.connect(data / "bot.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(copy / "bot.db"),))


async def states(bot: Bot, table: str) -> list[str]:
    async with bot.app.database.read() as connection:
        return list((await connection.exec_driver_sql(f"SELECT state FROM {table} ORDER BY id")).scalars())


def said(bot: Bot) -> list[str]:
    return [text for _, text in bot.platform.sent]


# ── in ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_event_that_comes_again_is_answered_once(tmp_path: Path) -> None:
    async with ScriptedServer([says("One.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(3):
            await (await bot.app.receiver.receive(message(bot, "Hi", "e1")))
        assert said(bot) == ["One."]
        assert await states(bot, "inbox") == ["done"]


async def test_an_event_that_comes_again_after_a_restart_is_known(tmp_path: Path) -> None:
    async with ScriptedServer([says("One.")]) as server:
        for _ in range(2):
            async with open_bot(tmp_path, **settings(server)) as bot:
                await (await bot.app.receiver.receive(message(bot, "Hi", "e1")))
    assert len(server.requests) == 1


async def test_two_events_of_one_message_are_one(tmp_path: Path) -> None:
    async with ScriptedServer([says("One.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        for id_ in ("mention", "message"):
            await (await bot.app.receiver.receive(message(bot, "Hi", id_, message_key="general/17")))
        assert said(bot) == ["One."]


@pytest.mark.parametrize(
    ("text", "id_", "age", "reason"),
    [
        ("  \n", "e1", timedelta(), "it is empty"),
        ("Hi", "x" * 300, timedelta(), "it has no usable id"),
        ("Hi", "e1", timedelta(days=2), "it came more than a day after it was written"),
    ],
)
async def test_what_cannot_be_answered_is_put_aside_with_the_reason(
    tmp_path: Path, text: str, id_: str, age: timedelta, reason: str
) -> None:
    async with ScriptedServer([]) as server, open_bot(tmp_path, **settings(server)) as bot:
        old = InboundMessage(id_, ADA, text, bot.clock() - age)
        await (await bot.app.receiver.receive(old))
        assert await states(bot, "inbox") == ["parked"]
        assert f"Put aside: 1 message; the last, of 2026-03-01T12:00:03+00:00: {reason}" in await bot.command("status")


async def test_messages_that_pile_up_are_taken_together_and_stay_rows_of_their_own(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(request: Request) -> Reply:
        await gate.wait()
        return says(f"Answer {len(server.requests)}.")

    async with ScriptedServer(slow) as server, open_bot(tmp_path, **settings(server)) as bot:
        first = await bot.app.receiver.receive(message(bot, "one", "1"))
        rest = [await bot.app.receiver.receive(message(bot, text, text)) for text in ("two", "three", "four")]
        gate.set()
        await asyncio.gather(first, *rest)
        assert said(bot) == ["Answer 1.", "Answer 2."]
        assert len(server.requests) == 2
        user = [text for text in texts(server.requests[-1]["messages"], "user")]
        assert [word for text in user for word in ("one", "two", "three", "four") if word in text] == [
            "one",
            "two",
            "three",
            "four",
        ]
        agent = await bot.agent()
        kept = await bot.app.shelves.recall.queue(agent.id)
        assert [m.text for m in kept if m.kind is Kind.USER_MESSAGE] == ["one", "two", "three", "four"]


async def test_messages_of_others_have_a_turn_each_in_order(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(request: Request) -> Reply:
        await gate.wait()
        return says("Yes.")

    async with ScriptedServer(slow) as server, open_bot(tmp_path, **settings(server)) as bot:
        handed_in = [
            await bot.app.receiver.receive(message(bot, text, text, in_channel(person)))
            for person, text in (("ada", "a1"), ("bob", "b1"), ("bob", "b2"), ("ada", "a2"))
        ]
        gate.set()
        await asyncio.gather(*handed_in)
        last = [texts(request["messages"], "user")[-1] for request in server.requests]
    assert [next(word for word in ("a1", "b2", "a2") if word in text) for text in last] == ["a1", "b2", "a2"]


async def test_beyond_the_limit_messages_are_answered_together_and_none_is_lost(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(request: Request) -> Reply:
        await gate.wait()
        return says("Yes.")

    async with ScriptedServer(slow) as server:
        async with open_bot(tmp_path, **settings(server, bot_max_waiting_messages=3)) as bot:
            handed_in = [await bot.app.receiver.receive(message(bot, f"word{n}", f"e{n}")) for n in range(10)]
            handed_in.append(await bot.app.receiver.receive(message(bot, "word9", "e9")))  # told again
            gate.set()
            await asyncio.gather(*handed_in)
            assert len(server.requests) == 2
            seen = "\n".join(texts(server.requests[-1]["messages"], "user"))
    assert [seen.count(f"word{n}") for n in range(10)] == [1] * 10


async def test_a_person_goes_before_a_heartbeat_that_waits_and_one_that_runs_gives_way(tmp_path: Path) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()
    thinks = answer("Hm.", ("archival_memory_search", {"query": "x", "request_heartbeat": True}))

    async def reply(request: Request) -> Reply:
        asked.set()
        await gate.wait()
        last = texts(request["messages"], "user")[-1]
        return says("Hello!") if "Hi" in last else thinks

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        receiver = bot.app.receiver
        running = await receiver.wake(ADA, events.heartbeat("first", bot.clock()))
        await asked.wait()
        waiting = await receiver.wake(ADA, events.heartbeat("second", bot.clock()))
        person = await receiver.receive(message(bot, "Hi", "e1"))
        gate.set()
        await person
        assert said(bot) == ["Hello!"]
        lasts = [texts(request["messages"], "user")[-1] for request in server.requests]
        assert ["first" in lasts[0], "Hi" in lasts[1]] == [True, True]
        await asyncio.gather(running, waiting)
        assert await states(bot, "inbox") == ["done"] * 3
        assert await states(bot, "turns") == ["done"] * 3


async def test_a_person_goes_before_a_heartbeat_that_waits_for_the_model(tmp_path: Path) -> None:
    down = True
    async with ScriptedServer(lambda _: OUT if down else says("Hello!")) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="tools")) as bot:
            await (await bot.app.receiver.wake(ADA, events.heartbeat("Think.", bot.clock())))
            await bot.say("Hi")
            down, before = False, len(server.requests)
            await later(bot, minutes=10)
            assert said(bot) == ["Hello!"]
            assert len(server.requests) == before + 1
            assert "Hi" in texts(server.requests[-1]["messages"], "user")[-1]
            assert await states(bot, "turns") == ["done", "done"]


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_that_was_received_and_no_more_is_answered_after_a_restart(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Hello.")) as server:
        async with open_bot(tmp_path / "a", **settings(server)) as bot:
            await bot.app.receiver.receive(message(bot, "Hi", "e1"))
            killed_here(tmp_path / "a", tmp_path / "b")
            await bot.app.receiver.close(0)
        async with open_bot(tmp_path / "b", **settings(server)) as bot:
            assert await states(bot, "inbox") == ["waiting"]
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.app.outbox.settled(ADA.address)
            assert said(bot) == ["Hello."]


async def test_killed_at_each_model_call_a_turn_goes_on_from_its_last_step(tmp_path: Path) -> None:
    """Three steps: a note, a search, an answer. Whatever was done is not done again."""
    note = answer(None, ("archival_memory_insert", {"content": "Likes figs.", "request_heartbeat": True}))
    edit = answer(None, ("core_memory_append", {"label": "human", "content": "Figs!", "request_heartbeat": True}))
    script = [note, edit, says("Noted.")]

    for at in range(len(script)):
        data, copy = tmp_path / f"data{at}", tmp_path / f"copy{at}"

        def reply(request: Request, at: int = at, data: Path = data, copy: Path = copy) -> Reply:
            step = len(texts(request["messages"], "tool"))
            if step == at and not copy.exists():
                killed_here(data, copy)
            return script[step]

        async with ScriptedServer(reply) as server:
            platform = RecordingPlatform()
            async with open_bot(data, **settings(server)) as bot:
                await bot.say("I like figs")
                before = len(server.requests)
            assert before == 3
            async with open_bot(copy, platform=platform, **settings(server)) as bot:
                await bot.app.lanes.idle()
                await bot.app.notices.settled("console")
                await bot.app.outbox.settled(ADA.address)
                assert said(bot) == ["Noted."]
                assert len(server.requests) - before == 3 - at  # the call under way is made again, no other
                agent = await bot.agent()
                assert agent.core.block("human").value.count("Figs!") == 1
                assert await bot.app.shelves.archival.count(agent.id) == 1
                kinds = [kept.kind for kept in await bot.app.shelves.recall.queue(agent.id)]
                assert kinds.count(Kind.USER_MESSAGE) == 1
                assert await states(bot, "turns") == ["done"]


@pytest.mark.parametrize("was_posted", [True, False])
async def test_a_reply_that_was_being_sent_is_looked_for_before_it_is_sent_again(
    tmp_path: Path, was_posted: bool
) -> None:
    class Killed(RecordingPlatform):
        async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
            if was_posted:
                await super().send(address, text, key)
            killed_here(tmp_path / "data", tmp_path / "copy")
            raise asyncio.CancelledError

    async with ScriptedServer([says("Hello.")]) as server:
        platform = Killed()
        async with open_bot(tmp_path / "data", platform=platform, **settings(server)) as bot:
            await bot.say("Hi")
        after = RecordingPlatform(sent=platform.sent, shown=platform.shown)
        async with open_bot(tmp_path / "copy", platform=after, **settings(server)) as bot:
            await bot.app.outbox.settled(ADA.address)
            assert said(bot) == ["Hello."]
            assert after.dropped == []
            assert len(server.requests) == 1


async def test_at_the_end_a_turn_stops_after_its_step_and_goes_on_at_the_next_start(tmp_path: Path) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()
    search = answer(None, ("conversation_search", {"query": "x", "request_heartbeat": True}))

    async def reply(request: Request) -> Reply:
        asked.set()
        await gate.wait()
        return says("Done.") if texts(request["messages"], "tool") else search

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            handed_in = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "Hi", "e1")))
            await asked.wait()
            closing_ = asyncio.ensure_future(bot.app.receiver.close(20))
            await asyncio.sleep(0)
            gate.set()
            await closing_
            await handed_in
            assert said(bot) == []
            assert await states(bot, "turns") == ["running"]
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.app.outbox.settled(ADA.address)
            assert said(bot) == ["Done."]
    assert len(server.requests) == 2


async def test_a_step_that_does_not_end_within_the_grace_is_cut_off_and_taken_up_again(tmp_path: Path) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def hangs(request: Request) -> Reply:
        asked.set()
        await never.wait()
        return says("Too late.")

    async with ScriptedServer(hangs) as server, open_bot(tmp_path, **settings(server)) as bot:
        handed_in = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "Hi", "e1")))
        await asked.wait()
        await bot.app.receiver.close(0)
        await asyncio.wait([handed_in])
        assert await states(bot, "turns") == ["running"]
        never.set()
    async with ScriptedServer([says("Here I am.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        await bot.app.outbox.settled(ADA.address)
        assert said(bot) == ["Here I am."]


async def test_of_several_turns_that_were_left_in_one_scope_each_goes_on(tmp_path: Path) -> None:
    asked, never = asyncio.Semaphore(0), asyncio.Event()

    async def hangs(request: Request) -> Reply:
        asked.release()
        await never.wait()
        return says("Too late.")

    async with ScriptedServer(hangs) as server:
        for number in range(3):  # as if each process had forgotten of the turn before
            async with open_bot(tmp_path, **settings(server)) as bot:
                begun = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "Hi", f"e{number}")))
                await asked.acquire()
                await bot.app.receiver.close(0)
                await asyncio.wait([begun])
            with closing(sqlite3.connect(tmp_path / "bot.db")) as database, database:
                database.execute("UPDATE turns SET state = 'stopped'")
        with closing(sqlite3.connect(tmp_path / "bot.db")) as database, database:
            database.execute("UPDATE turns SET state = 'running'")
        never.set()
    async with ScriptedServer(lambda _: says("Here I am.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        await bot.app.outbox.settled(ADA.address)
        assert said(bot) == ["Here I am."] * 3
        assert await states(bot, "turns") == ["done"] * 3


# ── without a model ──────────────────────────────────────────────────────────────────────────────────


async def test_while_the_model_is_down_one_notice_comes_and_then_one_answer(tmp_path: Path) -> None:
    down = True

    def reply(request: Request) -> Reply:
        return OUT if down else says(f"Answer to {texts(request['messages'], 'user')[-1][-5:-2]}.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for text in ("one", "two", "six"):
            assert await bot.say(text) == []
        assert len(bot.platform.notices) == 1
        assert "I have kept your message" in bot.platform.notices[0]
        assert "waits for the language model" in await bot.command("status")
        down = False
        await later(bot, minutes=10)
        assert said(bot) == ["Answer to one.", "Answer to six."]
        assert len(bot.platform.notices) == 1
        assert await states(bot, "turns") == ["done", "done"]


async def test_an_outage_outlives_a_restart_without_a_second_notice(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: OUT) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
            assert len(bot.platform.notices) == 1
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.say("Are you there?")
            assert bot.platform.notices == []
    async with ScriptedServer(lambda _: says("Yes.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        await bot.app.outbox.settled(ADA.address)
        assert said(bot) == ["Yes.", "Yes."]


async def test_everybody_is_told_once_an_outage_and_again_in_the_next(tmp_path: Path) -> None:
    replies: list[Reply] = []
    async with ScriptedServer(lambda _: replies.pop(0) if replies else OUT) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            for person in ("ada", "bob", "ada"):
                await bot.say("Hi", person=person)
            assert len(bot.platform.notices) == 2
            replies += [says("Back."), says("Back."), says("Back.")]
            await later(bot, minutes=10)
            assert len(said(bot)) == 3
            await bot.say("Again")
            assert len(bot.platform.notices) == 3


async def test_who_was_told_of_an_outage_is_not_told_again_elsewhere_after_a_restart(tmp_path: Path) -> None:
    replies: list[Reply] = []
    async with ScriptedServer(lambda _: replies.pop(0) if replies else OUT) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            clock = bot.clock
            await (await bot.app.receiver.receive(message(bot, "Hi", "1", in_channel("bob"))))
            await (await bot.app.receiver.receive(message(bot, "Hi", "2", in_channel("ada"))))  # behind bob's
            assert len(bot.platform.notices) == 2
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.say("Are you there?")
            await bot.say("Are you there?", person="bob")
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert bot.platform.notices == []
            await bot.say("Hi", person="cy")
            assert len(bot.platform.notices) == 1
            replies += [says("Back.")] * 5
            await later(bot, minutes=10)
            assert len(said(bot)) == 5
            await bot.say("Again")
            assert len(bot.platform.notices) == 2


async def test_of_several_people_who_are_answered_together_each_is_told_of_an_outage(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: OUT) as server:
        async with open_bot(tmp_path, **settings(server, bot_max_waiting_messages=1)) as bot:
            hold = asyncio.Event()
            lane = bot.app.lanes.submit("console:channel:general", hold.wait)  # type: ignore[arg-type]
            for number, person in enumerate(("ada", "bob", "ada", "carl")):
                await bot.app.receiver.receive(message(bot, "Hi", f"e{number}", in_channel(person)))
            hold.set()
            await lane
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert len(bot.platform.notices) == 3
            await later(bot, minutes=10)
            assert len(bot.platform.notices) == 3


async def test_after_the_hours_that_it_may_wait_a_message_is_put_aside(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: OUT) as server:
        async with open_bot(tmp_path, **settings(server, llm_retry_hours=2)) as bot:
            await bot.say("Hi")
            for _ in range(2):
                await later(bot, minutes=70)
            assert await states(bot, "turns") == ["parked"]
            assert await states(bot, "inbox") == ["parked"]
            assert "gave no answer" in await bot.command("status")
            assert len(bot.platform.notices) == 1
            await later(bot, days=1)
            assert await states(bot, "turns") == ["parked"]


async def test_without_hours_to_wait_the_person_is_told_to_try_again(tmp_path: Path) -> None:
    async with ScriptedServer([*DOWN, says("Yes.")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_retry_hours=0)) as bot:
            assert await bot.say("Hi") == []
            assert bot.platform.notices == ["My language model is out of order right now. Please try again in a while."]
            assert await bot.say("Hi again") == ["Yes."]


async def test_what_the_server_cannot_take_is_put_aside_at_once(tmp_path: Path) -> None:
    async with ScriptedServer([fails(422, "nonsense"), says("Yes.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == []
            assert await states(bot, "turns") == ["parked"]
            assert await bot.say("Hi again") == ["Yes."]


# ── a database that takes nothing ────────────────────────────────────────────────────────────────────


class Full:
    """A disk that is full for some statements."""

    def __init__(self, bot: Bot) -> None:
        self._bot, self._write = bot, bot.app.database.write
        self.is_full = False
        bot.app.database.write = self.write  # type: ignore[method-assign]

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
            async with bot.app.database.write() as transaction:
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


# ── stopped ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_person_stopped_is_not_taken_up_again(tmp_path: Path) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def hangs(request: Request) -> Reply:
        asked.set()
        await never.wait()
        return says("Too late.")

    async with ScriptedServer(hangs) as server, open_bot(tmp_path, **settings(server)) as bot:
        running = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "one", "1")))
        await asked.wait()
        waiting = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "two", "2", direct("ada"))))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        running.cancel()
        await asyncio.wait([running])
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        assert await states(bot, "turns") == ["stopped"]
        assert await states(bot, "inbox") == ["done", "done"]
        never.set()


async def test_who_takes_a_message_back_does_not_stop_the_turn_that_waits_before_it(tmp_path: Path) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        if len(server.requests) <= len(DOWN):
            return OUT
        if len(server.requests) == len(DOWN) + 1:
            asked.set()
            await never.wait()
        return says("To one.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("one") == []
        second = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "two", "2")))
        await asked.wait()
        second.cancel()
        await asyncio.wait([second])
        await bot.app.lanes.idle()
        await bot.app.outbox.settled(ADA.address)
        assert said(bot) == ["To one."]
        assert await states(bot, "turns") == ["done"]
        assert "two" not in str(server.requests[-1]["messages"])
        never.set()


async def test_a_turn_that_waits_for_the_model_can_be_taken_back(tmp_path: Path) -> None:
    async with ScriptedServer([*DOWN, says("Hello.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Hi")
        await bot.in_chat("pop")
        assert await bot.say("Good morning") == ["Hello."]
        assert not any("Hi" in text for text in texts(server.requests[-1]["messages"], "user"))
        assert await states(bot, "turns") == ["stopped", "done"]


async def later(bot: Bot, **duration: float) -> None:
    """Let time pass, and all that it wakes run to its end."""
    bot.clock.advance(**duration)
    for _ in range(10):
        await asyncio.sleep(0)
    await bot.app.lanes.idle()
    await bot.app.notices.settled("console")
    for place in await OutboxStore(bot.app.database).addresses():
        await bot.app.outbox.settled(Address(*place))
