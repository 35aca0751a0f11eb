"""Events are taken in once each and in their order, and people go before clocks."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot import events
from bot.testing import open_bot, texts
from memory.ports import Kind
from tests.bot.turns.durable import ADA, OUT, in_channel, later, message, said, settings, states


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
