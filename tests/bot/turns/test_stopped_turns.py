"""What a person stopped or took back stays so, and stops nothing else."""

import asyncio
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, says
from bot.testing import direct, open_bot, texts
from tests.bot.turns.durable import ADA, DOWN, OUT, message, said, settings, states


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
