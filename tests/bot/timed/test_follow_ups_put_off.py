"""A follow-up that cannot be heard now is kept, tried again and shown; nobody hears one who was shut out."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Fault, RecordingPlatform, at_channel, direct, open_bot, texts
from memory.people.channels import Mode
from tests.bot.timed.promises import NINE, asks, due, obeys, settings, told


async def test_a_delivery_that_fails_is_tried_again_and_shown(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        bot.platform.on_send.append(Fault(PlatformUnavailable("the line is cut", may_be_posted=False)))
        assert await bot.sweep() == []
        shown = await bot.command("followups")
        assert "call mum — on its way after 1 tries: the line is cut" in shown
        bot.clock.advance(minutes=1)
        async with asyncio.timeout(10):
            while "call mum — delivered" not in await bot.command("followups"):
                await asyncio.sleep(0)
        assert [text for _, text in bot.platform.sent][-1] == "You wanted: call mum"


async def test_a_delivery_that_is_refused_is_shown_as_such(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        bot.platform.on_send.append(Fault(DeliveryRefused("the channel is gone")))
        await bot.sweep()
        assert "call mum — not delivered: the channel is gone" in await bot.command("followups")


async def test_a_person_who_writes_meanwhile_is_answered_and_the_reminder_is_heard(tmp_path: Path) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()
    is_first = True

    async def reply(request: Request) -> Reply:
        nonlocal is_first
        if told(request)["type"] == "follow_up" and is_first:
            is_first = False
            asked.set()
            await gate.wait()
            return answer("Let me see.", ("list_follow_ups", {"request_heartbeat": True}))
        return (
            says("You wanted to call mum.")
            if request["messages"][-1]["role"] == "tool" and not is_first
            else obeys(request)
        )

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="call mum")
        bot.clock.advance(days=1)
        await bot.app.sweep()
        await asked.wait()
        writes = asyncio.create_task(bot.say("Hi"))
        await asyncio.sleep(0)
        gate.set()
        await writes
        await bot.app.lanes.idle()
        said = [text for _, text in bot.platform.sent]
    assert said[-2:] == ["You wanted to call mum.", "Hello."]


async def test_while_the_agent_is_paused_it_is_kept_for_later(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        await bot.command("pause")
        assert await bot.sweep() == []
        came_to = await asks(bot, when="2026-04-02T09:00", note="x")
        assert "Memory is paused" in came_to["message"]
        await bot.command("resume")
        assert await bot.sweep() == ["You wanted: call mum"]


async def test_one_that_is_about_to_be_looked_at_when_the_agent_is_paused_is_kept_too(tmp_path: Path) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        if told(request).get("message") == "wait":
            asked.set()
            await gate.wait()
        return obeys(request)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="stretch", repeat="0 9 * * *")
        await due(bot)
        busy = asyncio.create_task(bot.say("wait"))
        await asked.wait()
        pausing = asyncio.create_task(bot.command("pause"))
        await asyncio.sleep(0)
        while len(bot.app.lanes._lanes["console:dm:ada"].jobs) < 1:
            await asyncio.sleep(0)
        await bot.app.sweep()
        gate.set()
        await asyncio.gather(busy, pausing)
        await bot.app.lanes.idle()
        assert [text for _, text in bot.platform.sent][-1] == "Hello."
        await bot.command("resume")
        said = await bot.sweep()
        assert sorted(text.splitlines()[0] for text in said) == ["You wanted: call mum", "You wanted: stretch"]


async def test_in_a_channel_in_which_the_bot_is_off_it_is_kept_for_later(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.write(json.dumps({"tool": "schedule_follow_up", "when": NINE, "note": "the cake"}))
        await bot.choose_mode(Mode.OFF)
        bot.clock.advance(days=1)
        assert await bot.sweep() == []
        await bot.choose_mode(Mode.MENTION)
        bot.clock.advance(hours=2)
        (said,) = await bot.sweep()
        assert said.startswith("You wanted: the cake")


async def test_an_agent_that_nobody_writes_to_cannot_keep_itself_awake(tmp_path: Path) -> None:
    """It sets itself a follow-up whenever it is woken by one."""

    def reply(request: Request) -> Reply:
        event = told(request)
        if request["messages"][-1]["role"] == "tool":
            return answer(None, ("stay_silent", {"reason": "x"})) if event["type"] == "follow_up" else says("Yes.")
        at = datetime.fromisoformat(event["time"]) + timedelta(hours=1)
        call = {"when": at.isoformat(), "note": "again", "request_heartbeat": True}
        return answer(None, ("schedule_follow_up", call))

    more = {"heartbeat_idle_days": 1, "heartbeat_messages_per_day": 100}
    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server, **more)) as bot:
        await bot.say("Hello")
        for _ in range(40):
            bot.clock.advance(hours=1)
            await bot.sweep()
        assert "Nobody has written for long" in str(texts(server.requests[-1]["messages"], "tool"))
        calls = len(server.requests)
        assert 40 < calls < 80
        bot.clock.advance(days=400)
        assert await bot.app.sweep() is None
        assert len(server.requests) == calls


async def test_nothing_is_said_to_somebody_who_was_shut_out(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server:
        given = settings(server, bot_owners="discord:1")
        async with open_bot(tmp_path, platform=platform, **given) as bot:
            origin = direct("7", platform="discord")
            order = {"tool": "schedule_follow_up", "when": f"{NINE}+00:00", "note": "x"}
            await bot.write_at(origin, json.dumps(order))
            await bot.give(at_channel("1"), "admin deny discord:7")
            bot.clock.advance(days=1)
            assert await bot.sweep() == []
