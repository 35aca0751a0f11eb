"""Who is let in, and what becomes of what others write."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from adapters.ports import Aim
from adapters.testing import ScriptedServer, says
from bot.testing import Bot, Clock, RecordingPlatform, at_channel, direct, open_bot
from memory.tables import inbox, messages, people

ADA, BOB = direct("1", platform="discord"), direct("2", platform="discord")
SECRET = "the secret word is aubergine"


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"llm_model": "m", "bot_owners": "discord:1"}


async def _everything(bot: Bot) -> str:
    async with bot.app.database.read() as connection:
        rows = [row for table in (inbox, messages, people) for row in await connection.execute(select(table))]
    return str(rows)


async def test_on_the_allowlist_only_the_allowed_and_owners_are_answered(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    async with ScriptedServer(lambda _: says("Hello")) as server:
        settings |= {"openai_base_url": server.url, "bot_admission": "allowlist"}
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            assert len(await bot.write_at(ADA, "Hi")) == 1
            assert await bot.write_at(BOB, SECRET) == []
            assert platform.notices == [
                "I am not open to you. If you think that I should be, please ask whoever runs me."
            ]
            assert "aubergine" not in await _everything(bot)
            for line in ("help", "status", "memory", "remember x"):
                assert "not open to you" in (await bot.give(BOB, line)).text
            assert "discord:2 may use me now" in (await bot.give(ADA, "admin allow discord:2")).text
            assert "before" in (await bot.give(ADA, "admin allow <@2>")).text
            assert len(await bot.write_at(BOB, "Hi")) == 1
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            assert len(await bot.write_at(BOB, "Hi")) == 1
            assert "shut out" in (await bot.give(ADA, "admin deny <@!2>")).text
            assert await bot.write_at(BOB, "Hi") == []
    assert len(server.requests) == 3


async def test_whoever_is_not_let_in_is_told_once_a_day_and_never_in_channels(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    settings |= {"bot_admission": "allowlist", "openai_base_url": "http://127.0.0.1:9/v1"}
    platform, clock = RecordingPlatform("discord"), Clock()
    async with ScriptedServer([]) as server:
        settings |= {"openai_base_url": server.url}
        async with open_bot(tmp_path, platform=platform, clock=clock, **settings) as bot:
            await bot.write_at(at_channel("2"), "Hi")
            assert platform.notices == []
            await bot.write_at(BOB, "Hi")
            await bot.write_at(BOB, "Hi?")
        async with open_bot(tmp_path, platform=platform, clock=clock, **settings) as bot:
            await bot.write_at(BOB, "Hi??")
            assert len(platform.notices) == 1
            clock.moment += timedelta(days=1)
            await bot.write_at(BOB, "Hi???")
            assert len(platform.notices) == 2
    assert platform.sent == []


async def test_pairing_gives_a_code_that_an_owner_can_use_once(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with ScriptedServer(lambda _: says("Hello")) as server:
        settings |= {"openai_base_url": server.url, "bot_admission": "pairing"}
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            assert await bot.write_at(BOB, SECRET) == []
            (notice,) = platform.notices
            code = notice.split("`")[1]
            assert len(code) == 8
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            assert code in (await bot.give(BOB, "status")).text
            assert code in (await bot.give(BOB, f"admin allow {code}")).text
            assert "Nobody has the code" in (await bot.give(ADA, "admin allow AAAAAAAA")).text
            assert "discord:2 may use me now" in (await bot.give(ADA, f"admin allow {code.lower()}")).text
            assert len(await bot.write_at(BOB, "Hi")) == 1
            assert "Nobody has the code" in (await bot.give(ADA, f"admin deny {code}")).text
            assert "aubergine" not in await _everything(bot)


async def test_whoever_was_shut_out_is_given_no_code(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with ScriptedServer([]) as server:
        settings |= {"openai_base_url": server.url, "bot_admission": "pairing"}
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            await bot.give(ADA, "admin deny discord:2")
            await bot.write_at(BOB, "Hi")
    assert "not open to you" in platform.notices[0]


async def test_deny_holds_where_all_others_are_let_in(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with ScriptedServer(lambda _: says("Hello")) as server:
        settings |= {"openai_base_url": server.url}
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            assert len(await bot.write_at(BOB, "Hi")) == 1
            await bot.give(ADA, "admin deny discord:2")
            assert await bot.write_at(BOB, SECRET) == []
            assert await bot.write_at(at_channel("2"), SECRET) == []
            await bot.give(at_channel("1"), "admin mode listen", is_moderator=True)
            assert await bot.write_at(at_channel("2"), SECRET, aim=Aim.AT_ALL) == []
            assert "aubergine" not in await _everything(bot)
            assert "Owners can always" in (await bot.give(ADA, "admin deny discord:1")).text
            assert len(await bot.write_at(ADA, "Hi")) == 1


async def test_the_terminal_is_always_open(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with ScriptedServer(lambda _: says("Hello")) as server:
        settings |= {"openai_base_url": server.url, "bot_admission": "allowlist"}
        async with open_bot(tmp_path, **settings) as bot:
            assert await bot.say("Hi") == ["Hello"]
