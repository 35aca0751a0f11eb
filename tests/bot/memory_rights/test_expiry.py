"""What was said longer ago than it is to be kept is forgotten everywhere, with what was made of it alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from adapters.ports.messages import InboundMessage, Person, Quoted
from adapters.testing import ScriptedServer
from bot.inbound.changes import Changes
from bot.memory_rights.expiry import Expiry
from bot.testing import Bot, Clock, direct, open_bot
from memory.overview import Overview
from memory.ports import Kind
from memory.sqlite.tables import messages
from tests.bot.inbound.changing import heard, prompt_of, remembers, say, settings
from tests.words_left import places_of

DAYS = 30
LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. " * 4


async def expire(bot: Bot, **days: int) -> int:
    kept = {kind: timedelta(days=number) for kind, number in days.items()}
    return await Expiry(Overview(bot.app.stores.database), bot.app.changes, kept, bot.clock).expire()


async def everywhere(bot: Bot, data_dir: Path, *words: str) -> list[str]:
    """Where these words stand, once all indexes are tidy."""
    await bot.app.changes.tidy()
    await bot.app.stores.database.truncate_log()
    return places_of(data_dir / "bot.db", words)


async def test_what_is_too_old_goes_from_everywhere_and_the_rest_stays(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I keep an aubergine", "old")
        await bot.app.shelves.recall.find((await bot.agent()).id, "aubergine")
        bot.clock.advance(days=DAYS - 1)
        await say(bot, "I own a zither", "new")
        assert await expire(bot, dm=DAYS) == 0
        bot.clock.advance(days=2)
        assert await expire(bot, channel=DAYS) == 0
        assert "aubergine" in await prompt_of(bot)
        assert await expire(bot, dm=DAYS) > 0
        assert await expire(bot, dm=DAYS) == 0
        told = await prompt_of(bot)
        assert await heard(bot) == ["I own a zither"]
        assert "zither" in told
        assert "aubergine" not in told
        found = await bot.command("search aubergine")
        assert "aubergine" not in found.partition("\n")[2]
        assert "zither" in await bot.command("search zither")
        assert await everywhere(bot, tmp_path, "aubergine") == []
        assert await everywhere(bot, tmp_path, "zither") != []


async def test_a_summary_that_told_of_it_is_made_anew(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server, 8192)) as bot:
        await say(bot, f"I keep an aubergine. {LONG}", "old")
        bot.clock.advance(days=DAYS)
        for number in range(24):
            await say(bot, f"I own zither {number}. {LONG}", f"new {number}")
        assert "aubergine" in (await bot.agent()).summary
        bot.clock.advance(hours=1)
        assert await expire(bot, dm=DAYS) > 0
        await say(bot, "And now?", "now")
        summary = (await bot.agent()).summary
        assert "zither" in summary
        assert "aubergine" not in summary
        assert await everywhere(bot, tmp_path, "aubergine") == []


async def test_what_replies_to_it_quotes_it_no_more(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I keep an aubergine", "old")
        bot.clock.advance(days=DAYS)
        quoted = Quoted("old", Person("ada", "Ada"), "I keep an aubergine", bot.clock() - timedelta(days=DAYS))
        reply = InboundMessage("event new", direct("ada"), "Like my zither", bot.clock(), message_id="new")
        await (await bot.app.intake("console").receive(replace(reply, replying_to=quoted)))
        bot.clock.advance(hours=1)
        assert "aubergine" in await prompt_of(bot)
        assert await expire(bot, dm=DAYS) > 0
        assert await heard(bot) == ["Like my zither"]
        assert "aubergine" not in await prompt_of(bot)
        assert await everywhere(bot, tmp_path, "aubergine") == []


AGES = st.lists(st.integers(1, 2 * DAYS), min_size=1, max_size=8)


@given(ages=AGES, window=st.sampled_from([8192, 16384]))
@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
async def test_whatever_was_said_when_the_old_is_nowhere_and_the_young_is_there(
    tmp_path_factory: pytest.TempPathFactory, ages: list[int], window: int
) -> None:
    folder = tmp_path_factory.mktemp("bot")
    names = {f"zq{letter}{letter}x": age for letter, age in zip("abcdefgh", sorted(ages, reverse=True), strict=False)}
    async with ScriptedServer(remembers) as server, open_bot(folder, **settings(server, window)) as bot:
        began = bot.clock.moment
        for number, (name, age) in enumerate(names.items()):
            bot.clock.moment = max(bot.clock.moment, began + timedelta(days=2 * DAYS - age))
            for part in range(2):
                await say(bot, f"I own {name} {part}. {LONG}", f"{number} {part}")
        bot.clock.moment = began + timedelta(days=2 * DAYS, hours=1)
        await expire(bot, dm=DAYS)
        await say(bot, "And now?", "now")  # a summary that told of the old is made anew before
        old = [name for name, age in names.items() if age > DAYS - 1]
        young = {name for name in names if name not in old}
        left = await everywhere(bot, folder, *names)
    assert not [it for name in old for it in left if it.startswith(name)]
    assert all(any(it.startswith(f"{name} in messages") for it in left) for name in young), left


async def test_many_go_in_parts_and_all_go(tmp_path: Path) -> None:
    """Of everything: what people said, what was answered, what woke the agent otherwise."""
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(60):
            await say(bot, f"I own zither {number}.", f"{number}")
        await bot.in_chat("heartbeat")
        bot.clock.advance(days=DAYS + 1)
        calls: list[int] = []
        store_expire = Changes.expire

        async def counted(self: Changes, *args: Any) -> int:
            calls.append(await store_expire(self, *args))
            return calls[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Changes, "expire", counted)
            assert await expire(bot, dm=DAYS) == sum(calls) > 200
        assert len(calls) > 2
        async with bot.app.stores.database.read() as connection:
            assert await connection.scalar(select(func.count()).select_from(messages)) == 0
        assert "zither" not in await prompt_of(bot)
        await say(bot, "Hello", "hello")
        queue = await bot.app.shelves.recall.queue((await bot.agent()).id)
        assert queue[0].kind is Kind.USER_MESSAGE


async def test_the_settings_say_what_is_kept(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(remembers) as server:
        chosen: Mapping[str, Any] = settings(server) | {"bot_keep_channel_days": DAYS}
        async with open_bot(tmp_path, clock=clock, **chosen) as bot:
            await bot.write("I own a zither")
            await say(bot, "I keep an aubergine", "direct")
            clock.advance(days=DAYS + 2)
            await bot.app.rights.expiry.as_ever()
            assert await bot.app.shelves.recall.count((await bot.agent(channel="general")).id) == 0
            assert await heard(bot) == ["I keep an aubergine"]


async def test_people_are_told_how_long_it_is_kept(tmp_path: Path) -> None:
    async with open_bot(tmp_path, bot_keep_direct_days=30) as bot:
        assert "- Kept: what is said here, for 30 days" in await bot.command("status")
        assert "until somebody deletes, resets or erases it" in await bot.command("status", channel="general")
