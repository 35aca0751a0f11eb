"""What moderators and owners do is written down before it is done, and owners can read it."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from adapters.testing import ScriptedServer, says
from bot.slash.command import Commands
from bot.slash.permissions import Caller, For, needs_rights, refusal
from bot.testing import Bot, RecordingPlatform, at_channel, direct, open_bot
from memory.people.audit import Audit
from memory.sqlite.tables import audit

CHANNEL = "discord:channel:home/general"
OWNER, BOB = direct("1", platform="discord"), direct("2", platform="discord")


async def acts(bot: Bot) -> list[tuple[str, str, str]]:
    """What was done, in order: who, what, and about which scope."""
    return [(act.who, act.what, act.scope) for act in (await Audit(bot.app.stores.database).newest(1000))[::-1]]


async def test_each_act_of_a_moderator_or_an_owner_is_written_down(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord"), bot_owners="discord:1") as bot:
        for line in ("admin mode off", "admin inspect", "persona coach", "pause", "resume", "admin budget"):
            await bot.give(at_channel("3"), line, is_moderator=True)
        for line in ("admin allow discord:2", "admin deny <@2>", "admin agents", "admin audit"):
            await bot.give(OWNER, line)
        done = await acts(bot)
    assert done == [
        ("discord:3", "admin mode off", CHANNEL),
        ("discord:3", "admin inspect", CHANNEL),
        ("discord:3", "persona", CHANNEL),
        ("discord:3", "pause", CHANNEL),
        ("discord:3", "resume", CHANNEL),
        ("discord:3", "admin budget", CHANNEL),
        ("discord:1", "admin allow", "discord:dm:2"),
        ("discord:1", "admin deny", "discord:dm:2"),
        ("discord:1", "admin agents", "discord:dm:1"),
        ("discord:1", "admin audit", "discord:dm:1"),
    ]


async def test_what_anybody_may_do_is_nobody_s_concern(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord"), bot_owners="discord:1") as bot:
        for line in ("remember my PIN is 1234", "search PIN", "persona coach", "pause", "resume", "status", "help"):
            await bot.give(OWNER, line)
        for line in ("remember We meet on Friday", "memory", "persona", "admin mode"):
            await bot.give(at_channel("2"), line)
        await bot.give(at_channel("2"), "admin allow discord:2", is_moderator=True)
        await bot.give(OWNER, "admin allow nobody-has-this-code")
        assert await acts(bot) == []


async def test_a_reset_is_written_down_when_it_is_asked_for_and_when_it_is_done(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        await bot.give(at_channel("2"), "remember We meet on Friday")
        await bot.give(at_channel("3"), "admin reset core memory", is_moderator=True, confirms=True)
        await bot.give(BOB, "remember I hate olives")
        await bot.give(BOB, "reset everything", confirms=True)
        assert await acts(bot) == [
            ("discord:3", "admin reset core memory", CHANNEL),
            ("discord:3", "admin reset core memory (confirmed)", CHANNEL),
        ]


async def test_what_cannot_be_written_down_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*given: object) -> None:
        raise OSError("the disk is full")

    async with open_bot(tmp_path, platform=RecordingPlatform("discord"), bot_owners="discord:1") as bot:
        with monkeypatch.context() as patch:
            patch.setattr(Audit, "add", refuse)
            assert "went wrong" in (await bot.give(OWNER, "admin deny discord:2")).text
            assert "went wrong" in (await bot.give(at_channel("3"), "admin mode off", is_moderator=True)).text
        assert "**mention**" in (await bot.give(at_channel("3"), "admin mode", is_moderator=True)).text
        assert "/agent memory" in (await bot.give(BOB, "help")).text


async def test_it_is_read_a_page_at_a_time_the_newest_first(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord"), bot_owners="discord:1") as bot:
        for number in range(20):
            await bot.give(OWNER, f"admin deny discord:{100 + number}")
        first = (await bot.give(OWNER, "admin audit")).text
        assert [f"discord:dm:{100 + number}" in first for number in range(20)] == [False] * 6 + [True] * 14
        assert first.index("discord:dm:119") < first.index("discord:dm:118")
        assert "`/agent admin audit 7`" in first
        rest = (await bot.give(OWNER, "admin audit 7")).text
        assert [f"discord:dm:{100 + number}" in rest for number in range(20)] == [True] * 6 + [False] * 14
        assert "What came before" not in rest
        assert (await bot.give(OWNER, "admin audit 1")).text == "Nothing was done before that."
        assert "the number of an entry" in (await bot.give(OWNER, "admin audit yesterday")).text


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=40).filter(str.strip)


@given(secret=WORDS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
async def test_what_was_said_or_shown_is_never_in_it(tmp_path_factory: Any, secret: str) -> None:
    marked = f"canary {secret}"
    async with ScriptedServer(lambda _: says(marked)) as server:
        chosen = {"llm_model": "m", "openai_base_url": server.url, "bot_owners": "discord:1", "bot_break_glass": True}
        folder = tmp_path_factory.mktemp("bot")
        async with open_bot(folder, platform=RecordingPlatform("discord"), **chosen) as bot:
            await bot.write_at(BOB, marked)
            await bot.write_at(at_channel("2"), marked)
            for line in ("admin inspect", f"admin mode {marked}", f"persona {marked}", f"admin reset {marked}"):
                await bot.give(at_channel("3"), line, is_moderator=True)
            for line in (f"admin allow {marked}", "admin inspect discord:2", f"admin inspect {marked}"):
                await bot.give(OWNER, line)
            async with bot.app.stores.database.read() as connection:
                rows = (await connection.execute(select(audit))).all()
    assert len(rows) >= 3
    assert "canary" not in str(rows)


CALLERS = [Caller(*flags) for flags in itertools.product((False, True), repeat=4)]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("of", list(For))
@pytest.mark.parametrize("changes", [False, True])
def test_whoever_may_more_than_anybody_there_needs_rights(of: For, caller: Caller, *, changes: bool) -> None:
    anybody = Caller(caller.is_direct, is_moderator=False, is_owner=False)
    is_act = refusal(of, caller, changes=changes) is None and refusal(of, anybody, changes=changes) is not None
    assert not is_act or needs_rights(of, caller, changes=changes)
    assert not needs_rights(of, caller, changes=changes) or refusal(of, anybody, changes=changes) is not None


def test_a_set_of_commands_breaks_no_glass_unless_it_is_told_to() -> None:
    assert Commands.__init__.__kwdefaults__ == {"breaks_glass": False}
