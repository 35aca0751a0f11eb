"""Somebody else's direct messages are shown to nobody; to owners where the settings say so, and then not secretly."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Origin
from adapters.testing import ScriptedServer, says
from bot.testing import Bot, RecordingPlatform, at_channel, direct, open_bot
from memory.people.audit import Audit
from memory.turns.notices import NoticeStore

OWNER, BOB = direct("1", platform="discord"), direct("2", platform="discord")
LINE = "admin inspect discord:2"


@dataclass
class Telling(RecordingPlatform):
    """Keeps whom it told; while there is a fault, nobody can be told."""

    name: str = "discord"
    told: list[tuple[Origin, str]] | None = None
    fault: Exception | None = None

    async def notify(self, origin: Origin, text: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.told = [*(self.told or []), (origin, text)]


@asynccontextmanager
async def knowing_bob(data_dir: Path, platform: Telling, **settings: object) -> AsyncIterator[Bot]:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "bot_owners": "discord:1", **settings}
        async with open_bot(data_dir, platform=platform, **given) as bot:
            await bot.write_at(BOB, "Hello")
            await bot.give(BOB, "remember I am a spy")
            yield bot


async def test_without_the_setting_it_is_refused(tmp_path: Path) -> None:
    platform = Telling()
    async with knowing_bob(tmp_path, platform) as bot:
        told = (await bot.give(OWNER, LINE)).text
        assert "shown to nobody" in told
        assert "`BOT_BREAK_GLASS`" in told
        assert await Audit(bot.app.stores.database).newest(1) == ()
        assert "admin inspect" not in (await bot.give(OWNER, "help")).text
    assert platform.told is None


async def test_with_it_an_owner_is_shown_the_memory_and_the_person_is_told(tmp_path: Path) -> None:
    platform = Telling()
    async with knowing_bob(tmp_path, platform, bot_break_glass=True) as bot:
        assert "admin inspect [PERSON]" in (await bot.give(OWNER, "help")).text
        assert "Looked at" not in (await bot.give(BOB, "status")).text
        shown = (await bot.give(OWNER, LINE)).text
        await bot.app.notices.settled("discord")
        (act,) = [act for act in await Audit(bot.app.stores.database).newest(9) if act.what == "admin inspect"]
        assert (act.who, act.scope) == ("discord:1", "discord:dm:2")
        assert "Looked at by owners: 1 time, the last at 2026" in (await bot.give(BOB, "status")).text
        assert "Looked at" not in (await bot.give(at_channel("2"), "status")).text
        assert "Looked at" not in (await bot.give(OWNER, "status")).text
    assert "I am a spy" in shown
    assert "discord:dm:2" in shown
    assert "They are told" in shown
    assert platform.told is not None
    ((whom, text),) = platform.told
    assert (whom.person.id, whom.is_direct, whom.address.channel) == ("2", True, "")
    assert "An owner of this bot (discord:1) has had a look" in text
    assert "spy" not in text


async def test_nobody_else_may_and_nobody_in_a_channel(tmp_path: Path) -> None:
    platform = Telling()
    async with knowing_bob(tmp_path, platform, bot_break_glass=True) as bot:
        for whose in (direct("3", platform="discord"), BOB):
            assert "owners of this bot" in (await bot.give(whose, LINE)).text
        assert "owners of this bot" in (await bot.give(at_channel("3"), LINE, is_moderator=True)).text
        assert "not shown in a channel" in (await bot.give(at_channel("1"), LINE, is_moderator=True)).text
        assert "has not talked to me" in (await bot.give(OWNER, "admin inspect discord:7")).text
        assert "Nobody has the code" in (await bot.give(OWNER, "admin inspect Bob")).text
    assert platform.told is None


@pytest.mark.parametrize("days", [0, 30])
async def test_they_are_told_when_they_can_be_however_late(tmp_path: Path, days: int) -> None:
    platform = Telling()
    async with knowing_bob(tmp_path, platform, bot_break_glass=True) as bot:
        platform.fault = PlatformUnavailable("down", may_be_posted=False)
        assert "I am a spy" in (await bot.give(OWNER, LINE)).text
    platform.fault = None
    bot.clock.advance(days=days)
    async with open_bot(tmp_path, platform=platform, clock=bot.clock) as later:
        await later.app.notices.settled("discord")
        assert await NoticeStore(later.app.stores.database).open_of("discord") == ()
    assert [origin.person.id for origin, _ in platform.told or []] == ["2"]


async def test_who_takes_no_messages_sees_it_in_the_status(tmp_path: Path) -> None:
    platform = Telling()
    async with knowing_bob(tmp_path, platform, bot_break_glass=True) as bot:
        platform.fault = DeliveryRefused("blocked")
        await bot.give(OWNER, LINE)
        await bot.app.notices.settled("discord")
        assert await NoticeStore(bot.app.stores.database).open_of("discord") == ()
        assert "Looked at by owners" in (await bot.give(BOB, "status")).text


async def test_what_cannot_be_told_for_certain_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*given: object, **more: object) -> None:
        raise OSError("the disk is full")

    async with knowing_bob(tmp_path, Telling(), bot_break_glass=True) as bot:
        monkeypatch.setattr(NoticeStore, "keep", refuse)
        assert "went wrong" in (await bot.give(OWNER, LINE)).text
