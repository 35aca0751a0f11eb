"""A paused memory: answers go on, and nothing of what is said is left anywhere."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from adapters.ports.errors import DeliveryRefused
from adapters.ports.messages import Aim, InboundMessage
from adapters.testing import ScriptedServer, answer, fails, says
from bot.scopes import scope_of
from bot.testing import Bot, Fault, RecordingPlatform, at_channel, direct, open_bot, texts
from memory.sqlite.tables import inbox, message_index, messages, outbox, passages, result_lists

WORD = "aubergine"


async def _left(bot: Bot) -> list[str]:
    """Where in the database the word stands that was said during the pause."""
    found = []
    async with bot.app.stores.database.read() as connection:
        rows = await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (name,) in rows.fetchall():
            if WORD in str((await connection.exec_driver_sql(f'SELECT * FROM "{name}"')).fetchall()):
                found.append(name)
    return found


async def _count(bot: Bot, table: Any) -> int:
    async with bot.app.stores.database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def test_answers_go_on_and_nothing_is_left(tmp_path: Path) -> None:
    search = answer(None, ("conversation_search", {"query": WORD, "request_heartbeat": True}))
    script = [says("Hello"), search, says(f"A fine {WORD}"), says(f"Yes, the {WORD}"), says("Who are you?")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("I am Ada")
            assert "Memory is paused" in await bot.command("pause")
            assert await bot.say(f"I grow an {WORD}") == [f"A fine {WORD}"]
            assert await _left(bot) == []
            assert await bot.say("What do I grow?") == [f"Yes, the {WORD}"]
            assert WORD in str(server.requests[3])  # the queue at hand has it
            assert await _count(bot, messages) == 3  # what was said before
            assert await _count(bot, result_lists) == 0
            assert "keep again" in await bot.command("resume")
            await bot.say("And now?")
            assert await _left(bot) == []
            assert await _count(bot, messages) == 6
    assert WORD not in str(server.requests[4])
    assert "I am Ada" in str(server.requests[4])


async def test_nothing_is_indexed_and_nothing_found_while_it_is_paused(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says(f"An {WORD}!")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.command("pause")
            await bot.say(f"I grow an {WORD}")
            await bot.app.shelves.recall.catch_up()
            assert await _count(bot, message_index) == 0
            assert "found nothing" in await bot.command(f"search {WORD}")


async def test_the_state_is_shown_and_survives_a_restart(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("pause")
        assert "paused already" in await bot.command("pause")
    async with open_bot(tmp_path) as bot:
        assert "**paused** since 2026-03-01" in await bot.command("memory")
        assert "**paused** since 2026-03-01" in await bot.command("status")
        await bot.command("resume")
        assert "not paused" in await bot.command("resume")
        assert "paused" not in await bot.command("memory")


async def test_tools_that_write_say_that_memory_is_paused(tmp_path: Path) -> None:
    write = answer(
        None,
        ("core_memory_append", {"label": "human", "content": WORD, "request_heartbeat": True}),
        (
            "core_memory_replace",
            {"label": "persona", "old_content": "AI", "new_content": WORD, "request_heartbeat": True},
        ),
        ("archival_memory_insert", {"content": WORD, "request_heartbeat": True}),
    )
    async with ScriptedServer([write, says("I keep nothing now.")]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.command("pause")
            assert await bot.say("Remember it") == ["I keep nothing now."]
            assert await _left(bot) == []
            assert await _count(bot, passages) == 0
            assert "Memory is paused" in await bot.command(f"remember {WORD}")
    results = texts(server.requests[1]["messages"], "tool")
    assert len([result for result in results if "Memory is paused" in result]) >= 2


async def test_a_model_that_only_talks_writes_nothing_either(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: answer("I see.")) as server:
        settings = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "text"}
        async with open_bot(tmp_path, **settings) as bot:
            await bot.command("pause")
            assert await bot.say(f"My name is Ada. Remember that I grow an {WORD}.") == ["I see."]
            assert await _left(bot) == []


async def test_a_turn_that_waits_for_the_model_survives_a_restart_and_then_passes(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says(f"The {WORD}, again")) as server:
        settings: dict[str, Any] = {"llm_model": "m", "openai_base_url": server.url}
        async with open_bot(tmp_path, **settings) as bot:
            await bot.command("pause")
            platform = bot.platform
        async with ScriptedServer(lambda _: fails(503)) as down:
            async with open_bot(
                tmp_path, platform=platform, llm_model="m", openai_base_url=down.url, llm_timeout_s=1
            ) as bot:
                assert await bot.say(f"I grow an {WORD}") == []
                assert "messages" in await _left(bot)
                assert not bot.platform.sent
        async with open_bot(tmp_path, platform=platform, **{**settings, "openai_base_url": server.url}) as bot:
            await bot.command("resume")
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.app.outbox.settled(direct("ada").address)
            assert [text for _, text in platform.sent] == [f"The {WORD}, again"]
            assert await _left(bot) == []
            assert (await bot.agent()).queue == ()
            assert (await bot.agent()).passing == frozenset()


async def test_a_message_that_waits_when_memory_is_paused_leaves_nothing_either(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(503)) as down, ScriptedServer(lambda _: says("I see.")) as server:
        settings: dict[str, Any] = {"llm_model": "m", "llm_timeout_s": 1}
        async with open_bot(tmp_path, openai_base_url=down.url, **settings) as bot:
            assert await bot.say(f"I grow an {WORD}") == []
            await bot.command("pause")
            assert (await bot.agent()).passing != frozenset()
            platform = bot.platform
        async with open_bot(tmp_path, platform=platform, openai_base_url=server.url, **settings) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.app.outbox.settled(direct("ada").address)
            assert [text for _, text in platform.sent] == ["I see."]
            assert await _left(bot) == []
            assert await _count(bot, messages) == 0


async def test_a_turn_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(400, "no such thing")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.command("pause")
            assert await bot.say(f"I grow an {WORD}") == []
            assert bot.platform.notices != []
            assert await _left(bot) == []


async def test_a_reply_that_is_given_up_leaves_no_text(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says(f"The {WORD}")) as server:
        platform = RecordingPlatform("console")
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            await bot.command("pause")
            platform.on_send.append(Fault(DeliveryRefused("closed")))
            await bot.say("Hello")
            async with bot.app.stores.database.read() as connection:
                assert list(await connection.execute(select(outbox.c.state, outbox.c.text))) == [("dead", None)]
            assert "1 reply not delivered" in await bot.command("status")
            await bot.command("resume")
            platform.on_send.append(Fault(DeliveryRefused("closed")))
            await bot.say("Hello")
            assert await _left(bot) != []


async def test_what_leaves_the_window_of_a_paused_memory_goes_into_no_summary(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says(f"The {WORD} " * 40)) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_context_window=4096) as bot:
            await bot.command("pause")
            for _ in range(12):
                assert len(await bot.say(f"I grow an {WORD} " * 20)) == 1
            agent = await bot.agent()
            assert agent.summary == ""
            assert not agent.warned
            assert len(agent.passing) < 12
            assert await _left(bot) == []
            await bot.in_chat("summarize")
            assert (await bot.agent()).summary == ""
            assert await _left(bot) == []


async def test_a_channel_that_is_paused_keeps_nothing_of_what_it_hears(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            await bot.give(at_channel("1"), "admin mode listen", is_moderator=True)
            refused = await bot.give(at_channel("2"), "pause")
            assert "moderators alone" in refused.text
            await bot.give(at_channel("1"), "pause", is_moderator=True)
            assert await bot.write_at(at_channel("2"), f"An {WORD} for lunch", aim=Aim.AT_ALL) == []
            assert len(await bot.write_at(at_channel("2"), "What is for lunch?")) == 1
            assert await _left(bot) == []
            async with bot.app.stores.database.read() as connection:
                assert set(await connection.scalars(select(inbox.c.state))) == {"done"}
            assert "paused" in (await bot.give(at_channel("1"), "admin inspect", is_moderator=True)).text
            await bot.give(at_channel("1"), "resume", is_moderator=True)
            await bot.write_at(at_channel("2"), f"An {WORD} for supper", aim=Aim.AT_ALL)
            agent = await bot.app.agents.get(scope_of(at_channel("1")))
    assert [queued.message.text for queued in agent.queue] == [f"An {WORD} for supper"]


async def test_a_clock_wakes_nobody_who_is_paused(tmp_path: Path) -> None:
    async with ScriptedServer([]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.command("pause")
            await bot.in_chat("heartbeat")
            assert server.requests == []
            assert await _count(bot, messages) == 0


async def test_of_what_is_put_aside_while_it_is_paused_nothing_is_left(tmp_path: Path) -> None:
    """One waited too long for the model in a turn, one behind it without a turn, one came too late."""
    async with ScriptedServer(lambda _: fails(503, retry_after_ms="1")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.command("pause")
            for text in (f"I grow an {WORD}", f"An {WORD}!"):
                await bot.say(text)
            old = InboundMessage("old", direct("ada"), f"My {WORD}", bot.clock() - timedelta(days=2))
            await (await bot.app.receiver.receive(old))
            for _ in range(70):
                bot.clock.advance(minutes=1)
                for _ in range(10):
                    await asyncio.sleep(0)
                await bot.app.lanes.idle()
            assert "Put aside: 3 messages" in await bot.command("status")
            assert await _left(bot) == []
