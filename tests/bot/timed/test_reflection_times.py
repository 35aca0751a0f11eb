"""When an agent reflects: so long after the last message, once for all that was missed, in nobody's way."""

import asyncio
from pathlib import Path
from typing import Any

from adapters.ports.messages import Aim
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import open_bot
from memory.people.channels import Mode
from memory.turns.timers import REFLECTION
from tests.bot.timed.reflecting import (
    DONE,
    FIVE,
    append,
    asked_to_reflect,
    is_reflecting,
    material,
    model,
    talk,
    with_model,
)


async def test_it_comes_so_many_minutes_after_the_last_message_and_not_before(tmp_path: Path) -> None:
    more = {"reflection_after_minutes": 30}
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server, **more)) as bot:
        await talk(bot, *FIVE)
        bot.clock.advance(minutes=20)
        await bot.sweep()
        await bot.say("One more thing")
        bot.clock.advance(minutes=20)
        await bot.sweep()
        assert asked_to_reflect(server) == []
        bot.clock.advance(minutes=11)
        assert await bot.sweep() == []
        (request,) = asked_to_reflect(server)
        assert "how_to_end" not in str(request)
        bot.clock.advance(days=3)
        assert await bot.sweep() == []
        assert len(asked_to_reflect(server)) == 1


async def test_where_people_talk_and_the_agent_only_listens_it_tidies_what_it_heard(tmp_path: Path) -> None:
    tidying = answer(None, append("Thursdays are for maps.", label="channel"))
    more = {"reflection_after_minutes": 30}
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server, **more)) as bot:
        await bot.choose_mode(Mode.LISTEN)
        for line in FIVE:
            await bot.write(line, person="bob", aim=Aim.AT_ALL)
            bot.clock.advance(minutes=20)
            await bot.sweep()
        assert server.requests == []
        bot.clock.advance(minutes=20)
        assert await bot.sweep() == []
        assert "I like figs" in material(server.requests[0])
        assert "Thursdays are for maps." in await bot.command("memory", channel="general")
        bot.clock.advance(days=3)
        assert await bot.sweep() == []
        assert len(server.requests) == 1


async def test_off_is_off(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        bot.clock.advance(days=3)
        await bot.sweep()
        assert await bot.app.stores.timers.find((await bot.agent()).id, REFLECTION) is None
        assert asked_to_reflect(server) == []


async def test_what_was_missed_while_nothing_ran_comes_once(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server:
        given = with_model(server, reflection_after_minutes=30)
        async with open_bot(tmp_path, **given) as bot:
            await talk(bot, *FIVE)
            clock = bot.clock
        clock.advance(days=3)
        async with open_bot(tmp_path, clock=clock, **given) as bot:
            await bot.sweep()
            await bot.sweep()
            assert len(asked_to_reflect(server)) == 1


async def test_it_is_put_off_while_somebody_is_being_answered(tmp_path: Path) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def waits() -> Reply:
        began.set()
        await may_end.wait()
        return says("Here I am.")

    is_slow = False

    def reply(request: Request) -> Any:
        if is_reflecting(request):
            return DONE
        return waits() if is_slow else says("I see.")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **with_model(server, reflection_after_minutes=30)) as bot:
            await talk(bot, *FIVE)
            bot.clock.advance(minutes=31)
            is_slow = True
            asked = asyncio.ensure_future(bot.say("Are you there?"))
            await began.wait()
            await bot.app.sweep()
            may_end.set()
            assert await asked == ["Here I am."]
            await bot.sweep()
            assert asked_to_reflect(server) == []
            bot.clock.advance(minutes=31)
            await bot.sweep()
            assert len(asked_to_reflect(server)) == 1


async def test_a_paused_agent_has_no_reflection_due(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server:
        async with open_bot(tmp_path, **with_model(server, reflection_after_minutes=30)) as bot:
            await talk(bot, *FIVE)
            await bot.command("pause")
            bot.clock.advance(minutes=31)
            await bot.sweep()
            assert asked_to_reflect(server) == []
            await bot.command("resume")
            await bot.sweep()
            assert len(asked_to_reflect(server)) == 1
