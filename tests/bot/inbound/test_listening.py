"""What is only heard: it is remembered, costs nothing, and is in nobody's way."""

import asyncio
from pathlib import Path
from typing import Any

from adapters.ports.messages import Aim
from adapters.testing import Reply, Request, ScriptedServer, fails, says
from bot.testing import Bot, in_channel, open_bot, refused_for, texts
from memory.people.channels import Mode
from memory.ports import Kind


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 8192, "llm_tier": "tools"} | more


async def said_in(bot: Bot) -> list[str | None]:
    agent = await bot.agent(channel="general")
    return [message.text for message in await bot.app.shelves.recall.queue(agent.id)]


async def test_an_agent_that_hears_and_is_then_asked_about_it_knows_it(tmp_path: Path) -> None:
    async with ScriptedServer([says("It is 7351.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.LISTEN)
        assert await bot.write("The code is 7351.", person="bob", aim=Aim.AT_ALL) == []
        assert await bot.write("Oh, thanks.", person="cleo", aim=Aim.AT_OTHERS) == []
        assert server.requests == []
        assert bot.platform.at_work == {}
        assert await bot.write("What is the code?") == ["It is 7351."]
        told = texts(server.requests[0]["messages"], "user")
        assert ["7351" in told[0], '"from": "Bob (bob)"' in told[0], "thanks" in told[1]] == [True] * 3
        assert "7351" in await bot.command("search code", person="bob", channel="general")


async def test_what_is_heard_while_a_turn_is_under_way_waits_for_it_and_stands_in_order(tmp_path: Path) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        asked.set()
        await go.wait()
        return says("Yes.")

    async with ScriptedServer(slow) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.LISTEN)
        first = asyncio.create_task(bot.write("First"))
        await asked.wait()
        for number in range(5):
            heard = await bot.app.receiver.receive(
                in_channel(f"Heard {number}", bot.clock(), f"p{number}", aim=Aim.AT_ALL)
            )
            await heard  # nobody waits for a turn
        second = asyncio.create_task(bot.write("Second", person="bob"))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, second)
        said = [text for text in await said_in(bot) if text and not text.startswith("{")]
        assert said == ["First", "Yes.", *(f"Heard {number}" for number in range(5)), "Second", "Yes."]
        assert len(server.requests) == 2


async def test_what_was_heard_and_not_yet_noted_survives_the_process(tmp_path: Path) -> None:
    async with ScriptedServer() as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.choose_mode(Mode.LISTEN)
            bot.app.receiver._agenda.is_closing = True
            for number in range(3):
                await bot.write(f"Heard {number}", person=f"p{number}", aim=Aim.AT_ALL)
            assert await said_in(bot) == []
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert await said_in(bot) == ["Heard 0", "Heard 1", "Heard 2"]
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert len(await said_in(bot)) == 3


async def test_while_the_model_is_down_what_is_heard_does_not_try_it_and_tells_nobody(tmp_path: Path) -> None:
    refused = fails(401, "bad key", retry_after="36000")  # so that no try of its own comes in between
    async with ScriptedServer(lambda _: refused) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.OPEN)
        await bot.write("Are you there?")
        tries, notices = len(server.requests), list(bot.platform.notices)
        assert len(notices) == 1
        for aim in (Aim.AT_OTHERS, Aim.AT_ALL):
            await bot.write("Nice weather.", person="bob", aim=aim, channel="general")
            await bot.write("Nice weather.", person="bob", aim=aim, channel="other")
        assert bot.platform.notices == notices
        assert len(server.requests) <= tries + 1  # the turn that waits may be tried when somebody writes


async def test_however_much_is_heard_the_queue_stays_bounded_without_a_call_of_the_model(tmp_path: Path) -> None:
    async with ScriptedServer([says("Indeed.")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=4096)) as bot:
            await bot.choose_mode(Mode.LISTEN)
            for batch in range(10):
                messages = [
                    in_channel(f"Item {batch}-{n} costs {n} euros", bot.clock(), f"p{n % 7}", aim=Aim.AT_ALL)
                    for n in range(30)
                ]
                await asyncio.gather(*(bot.app.receiver.receive(message) for message in messages))
                await bot.app.lanes.idle()
                await bot.app.notices.settled("console")
            agent = await bot.agent(channel="general")
            assert len(agent.queue) < 80
            assert server.requests == []
            assert "euros" in agent.summary
            assert await bot.app.shelves.recall.count(agent.id) == 300
            assert await bot.write("Well?") == ["Indeed."]
            (request,) = server.requests  # no summary, no warning, no second step
            assert refused_for(request["messages"]) == []
            assert bot.app.shelves.counter.count(str(request["messages"])) < 4096
            assert "Memory pressure" not in str(request["messages"])


async def test_one_endless_message_is_heard_too(tmp_path: Path) -> None:
    async with ScriptedServer([says("Long.")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=4096)) as bot:
            await bot.choose_mode(Mode.LISTEN)
            for person in ("bob", "cleo", "dan"):
                await bot.write("word " * 30_000, person=person, aim=Aim.AT_ALL)
            assert await bot.write("Well?") == ["Long."]
            assert len(server.requests) == 1


async def test_what_is_heard_ends_no_heartbeat_and_is_no_turn_to_be_taken_back(tmp_path: Path) -> None:
    async with ScriptedServer([says("One.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.LISTEN)
        await bot.write("Before", person="bob", aim=Aim.AT_ALL)
        before = await bot.kept(channel="general")
        await bot.write("Ask")
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        agent = await bot.agent(channel="general")
        turns = await bot.app.shelves.recall.last_turns(agent.id, 5)
        assert [turn[0].text for turn in turns] == ["Ask"]
        await bot.write("After", person="bob", aim=Aim.AT_ALL)
        history = bot.app.commands._parts.history
        assert (await history.take_back(await bot.agent(channel="general"), 1, author="ada", reason="/pop")).messages
        assert await said_in(bot) == ["Before", "After"]
        assert len(await bot.kept(channel="general")) == len(before) + 1


async def test_of_what_waits_unaddressed_only_the_newest_is_considered(tmp_path: Path) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        asked.set()
        await go.wait()
        return says("Hm.")

    async with ScriptedServer(slow) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.OPEN)
        first = asyncio.create_task(bot.write("First"))
        await asked.wait()
        for number in range(4):
            await bot.app.receiver.receive(in_channel(f"Talk {number}", bot.clock(), f"p{number}", aim=Aim.AT_ALL))
        await bot.app.receiver.receive(in_channel("To Bob", bot.clock(), "cleo", aim=Aim.AT_OTHERS))
        go.set()
        await first
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        assert len(server.requests) == 2
        assert "Talk 3" in texts(server.requests[-1]["messages"], "user")[-1]
        kept = await bot.app.shelves.recall.queue((await bot.agent(channel="general")).id)
        said = [message.text for message in kept if message.kind is Kind.USER_MESSAGE]
        assert said == ["First", *(f"Talk {number}" for number in range(4)), "To Bob"]
