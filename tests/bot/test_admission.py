"""Who is let in, and what becomes of what others write."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from adapters.ports.messages import Aim, InboundMessage, Origin
from adapters.testing import Reply, Request, ScriptedServer, fails, says
from bot.testing import Bot, Clock, RecordingPlatform, at_channel, direct, open_bot
from memory.sqlite.tables import inbox, messages, people

ADA, BOB = direct("1", platform="discord"), direct("2", platform="discord")
SECRET = "the secret word is aubergine"


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"llm_model": "m", "bot_owners": "discord:1"}


async def _everything(bot: Bot) -> str:
    async with bot.app.stores.database.read() as connection:
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


async def test_all_of_a_place_or_a_role_are_let_in_there_or_shut_out(tmp_path: Path, settings: dict[str, Any]) -> None:
    """In `at_channel` the server is called home; ids of Discord are numbers."""

    def at(person: str, channel: str = "42", *roles: str) -> Origin:
        return replace(at_channel(person, channel=channel), space="17", roles=roles)

    async with ScriptedServer(lambda _: says("Hello")) as server:
        settings |= {"openai_base_url": server.url, "bot_admission": "allowlist"}
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **settings) as bot:
            assert await bot.write_at(at("2"), SECRET) == []
            assert "may use me now" in (await bot.give(at("1"), "admin allow <#42>")).text
            assert len(await bot.write_at(at("2"), "Hi")) == 1
            assert await bot.write_at(at("2", "43"), SECRET) == []
            assert await bot.write_at(BOB, SECRET) == [], "there alone"
            assert "may use me now" in (await bot.give(at("1"), "admin allow <@&99>")).text
            assert len(await bot.write_at(at("2", "43", "98", "99"), "Hi")) == 1
            assert "discord:server:17 may use me now" in (await bot.give(ADA, "admin allow discord:server:17")).text
            assert len(await bot.write_at(at("3", "44"), "Hi")) == 1
            await bot.give(ADA, "admin deny discord:role:17/66")
            assert await bot.write_at(at("3", "44", "66"), SECRET) == []
            assert "not open to you" in (await bot.give(at("3", "44", "66"), "memory")).text
            await bot.give(ADA, "admin allow discord:3")
            assert len(await bot.write_at(at("3", "44", "66"), "Hi")) == 1, "what is said of one goes before"
            assert len(await bot.write_at(at("1", "44", "66"), "Hi")) == 1, "owners can always"
            acts = (await bot.give(ADA, "admin audit")).text
            assert "admin allow  discord:channel:17/42" in acts
            assert "admin deny  discord:role:17/66" in acts
            assert "aubergine" not in await _everything(bot)
            for wrong in (
                "discord:server:17/1",
                "discord:role:17",
                "<#x>",
                "slack:workspace:T1/U1",
                "discord:channel:a/b",
            ):
                assert "Nobody has the code" in (await bot.give(ADA, f"admin allow {wrong}")).text
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **settings) as bot:
            assert len(await bot.write_at(at("4", "44"), "Hi")) == 1, "after a restart"


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


async def _hand_in(bot: Bot, origin: Origin, text: str) -> None:
    """Write without waiting for the answer."""
    await bot.app.receiver.receive(InboundMessage(f"{len(text)} letters", origin, text, bot.clock()))


@pytest.mark.parametrize("where", ["direct", "channel"])
async def test_what_waited_when_its_author_was_shut_out_is_not_answered(
    tmp_path: Path, settings: dict[str, Any], where: str
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> Reply:
        if "first" in str(request["messages"][-1]):
            asked.set()
            await go_on.wait()
        return says("Hello")

    bobs = BOB if where == "direct" else at_channel("2")
    platform = RecordingPlatform("discord")
    async with ScriptedServer(think) as server:
        settings |= {"openai_base_url": server.url}
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            await _hand_in(bot, bobs, "first")
            await asked.wait()
            await _hand_in(bot, bobs, SECRET)
            await bot.give(ADA, "admin deny discord:2")
            go_on.set()
            await bot.app.lanes.idle()
            if where == "channel":
                assert len(await bot.write_at(at_channel("1"), "Hi")) == 1
            assert "aubergine" not in await _everything(bot)
    assert "aubergine" not in str(server.requests)
    assert len([sent for _, sent in platform.sent if "Hello" in sent]) == (1 if where == "direct" else 2)


async def test_a_turn_that_waits_for_the_model_ends_when_its_author_is_shut_out(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    is_down = True

    def think(request: Request) -> Reply:
        return fails(503) if is_down else says("Hello")

    platform, clock = RecordingPlatform("discord"), Clock()
    async with ScriptedServer(think) as server:
        settings |= {"openai_base_url": server.url, "llm_max_retries": 0}
        async with open_bot(tmp_path, platform=platform, clock=clock, **settings) as bot:
            await _hand_in(bot, BOB, "first")
            await _hand_in(bot, BOB, SECRET)
            await bot.app.lanes.idle()
            await bot.give(ADA, "admin deny discord:2")
            is_down = False
            assert len(await bot.write_at(ADA, "Hi")) == 1
            await bot.app.lanes.idle()
            assert [address.channel for address, _ in platform.sent] == ["1"]
            assert "aubergine" not in await _everything(bot)
            assert "waits" not in (await bot.give(ADA, "status")).text


async def test_what_many_asked_together_is_answered_though_one_of_them_was_shut_out(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> Reply:
        if "first" in str(request["messages"][-1]):
            asked.set()
            await go_on.wait()
        return says("Hello")

    async with ScriptedServer(think) as server:
        settings |= {"openai_base_url": server.url, "bot_max_waiting_messages": 1}
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **settings) as bot:
            await _hand_in(bot, at_channel("1"), "first")
            await asked.wait()
            for person, text in (("2", SECRET), ("1", "What of it?"), ("3", "And why?")):
                await _hand_in(bot, at_channel(person), text)
            await bot.give(ADA, "admin deny discord:2")
            go_on.set()
            await bot.app.lanes.idle()
            assert len(server.requests) == 2
            assert "aubergine" not in str(server.requests)
            assert "What of it?" in str(server.requests[-1])
            assert "And why?" in str(server.requests[-1])
