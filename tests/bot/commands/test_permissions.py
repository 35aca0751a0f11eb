"""Who may give which command, and what of it is listed and suggested."""

import threading
from pathlib import Path

import pytest

from adapters.ports.commands import CommandCall, CommandSpec
from adapters.testing import ScriptedServer, says
from bot.commands import timezone
from bot.slash.permissions import Caller, For, refusal
from bot.testing import RecordingPlatform, at_channel, direct, open_bot
from memory.people.channels import Mode

EVERYBODY_IN_CHANNEL = Caller(is_direct=False, is_moderator=False, is_owner=False)
MODERATOR = Caller(is_direct=False, is_moderator=True, is_owner=False)
IN_DIRECT = Caller(is_direct=True, is_moderator=False, is_owner=False)
OWNER = Caller(is_direct=True, is_moderator=False, is_owner=True)
OWNER_IN_CHANNEL = Caller(is_direct=False, is_moderator=False, is_owner=True)


@pytest.mark.parametrize(
    ("of", "caller", "changes", "allowed"),
    [
        (For.EVERYBODY, EVERYBODY_IN_CHANNEL, True, True),
        (For.OWN_OR_MODERATED, EVERYBODY_IN_CHANNEL, False, False),
        (For.OWN_OR_MODERATED, MODERATOR, False, True),
        (For.OWN_OR_MODERATED, IN_DIRECT, True, True),
        (For.CHANGES_MODERATED, EVERYBODY_IN_CHANNEL, False, True),
        (For.CHANGES_MODERATED, EVERYBODY_IN_CHANNEL, True, False),
        (For.CHANGES_MODERATED, MODERATOR, True, True),
        (For.MODERATORS, EVERYBODY_IN_CHANNEL, False, False),
        (For.MODERATORS, MODERATOR, False, True),
        (For.MODERATORS, OWNER, False, False),
        (For.MODERATORS, OWNER_IN_CHANNEL, False, False),
        (For.OWNERS, MODERATOR, False, False),
        (For.OWNERS, OWNER, False, True),
    ],
)
def test_the_rule(of: For, caller: Caller, *, changes: bool, allowed: bool) -> None:
    assert (refusal(of, caller, changes=changes) is None) == allowed


async def test_help_lists_only_what_the_caller_may_use(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord"), bot_owners="discord:1") as bot:
        for_bob = (await bot.give(at_channel("2"), "help")).text
        for_moderator = (await bot.give(at_channel("2"), "help", is_moderator=True)).text
        in_direct = (await bot.give(direct("2", platform="discord"), "help")).text
        for_owner = (await bot.give(direct("1", platform="discord"), "help")).text
    assert "/agent memory" in for_bob
    assert "/agent reset" not in for_bob
    assert "admin" not in for_bob
    assert "/agent admin mode [MODE]" in for_moderator
    assert "/agent reset PART" in for_moderator
    assert "admin allow" not in for_moderator
    assert "/agent reset PART" in in_direct
    assert "admin" not in in_direct
    assert "/agent admin allow PERSON" in for_owner


async def test_what_a_channel_s_members_may_not_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        for line in ("reset everything", "persona coach", "admin mode open", "admin inspect", "admin reset archive"):
            assert (await bot.give(at_channel("2"), line)).text == "In a channel that is for its moderators alone."
        assert "AI companion" in (await bot.give(at_channel("2"), "persona")).text
        assert (
            "owners of this bot" in (await bot.give(at_channel("2"), "admin allow discord:7", is_moderator=True)).text
        )
        assert "AI coach" in (await bot.give(at_channel("2"), "persona coach", is_moderator=True)).text


async def test_a_group_names_its_commands(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        told = (await bot.give(at_channel("2"), "admin", is_moderator=True)).text
        assert "`/agent admin mode`" in told
        assert "allow" not in told
        assert "There is no command `admin fly`" in (await bot.give(at_channel("2"), "Admin  fly")).text
        assert "none for you" in (await bot.give(at_channel("2"), "admin")).text


async def test_the_console_s_person_is_moderator_and_owner(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        assert "may use me now" in (await bot.give(direct("ada"), "admin allow discord:5")).text
        assert "give it in the channel" in (await bot.give(direct("ada"), "admin inspect")).text


async def test_platforms_are_told_of_all_commands_and_their_choices(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        specs = {spec.path: spec for spec in bot.app.intake("discord").commands}
    assert specs["admin", "mode"].choices == tuple(mode.value for mode in Mode)
    assert specs["reset",].choices == ("conversation", "core memory", "archive", "follow-ups", "everything")
    assert specs["timezone",].suggests
    assert specs["help",] == CommandSpec(("help",), "List the commands that you may give here")
    for spec in specs.values():
        assert len(spec.path) <= 2
        assert len(spec.choices) <= 25


async def test_time_zones_are_read_once_and_hold_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[int] = []

    def read() -> set[str]:
        readers.append(threading.get_ident())
        return {"Europe/Lisbon"}

    monkeypatch.setattr(timezone, "available_timezones", read)
    timezone.names_of_zones.cache_clear()
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        for typed in ("l", "li", "lis"):
            found = await bot.app.intake("discord").suggest(CommandCall(at_channel("2"), f"timezone {typed}"))
            assert list(found) == ["Europe/Lisbon"]
    timezone.names_of_zones.cache_clear()
    assert len(readers) == 1
    assert readers[0] != threading.get_ident()


async def test_arguments_are_suggested_to_whom_may_give_them(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:

        async def suggested(line: str, *, is_moderator: bool = False) -> tuple[str, ...]:
            return tuple(
                await bot.app.intake("discord").suggest(CommandCall(at_channel("2"), line, is_moderator=is_moderator))
            )

        assert (await suggested("timezone lisb")) == ("Europe/Lisbon",)
        assert len(await suggested("timezone ")) == 25
        assert await suggested("persona co") == ()
        assert await suggested("persona co", is_moderator=True) == ("coach",)
        assert await suggested("admin mode o", is_moderator=True) == ("open", "off", "mention")
        assert await suggested("reset core m", is_moderator=True) == ("core memory",)
        assert await suggested("fly to") == ()
        assert await suggested("help me") == ()


async def test_a_wrong_choice_names_the_right_ones(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        told = await bot.command("reset all")
        assert told == (
            "Usage: `/agent reset PART`, where PART is one of: conversation, core memory, archive, follow-ups, "
            "everything"
        )
        assert await bot.command("reset") == told


async def test_in_a_channel_one_finds_ones_own_words_and_the_channel_s_notes(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            await bot.write_at(at_channel("1"), "I hate olives")
            await bot.write_at(at_channel("2"), "Olives are fine")
            await bot.write_at(direct("2", platform="discord"), "My olives are a secret")
            assert (await bot.give(at_channel("2"), "remember Olives come on Friday")).text == "I will remember that."
            found = (await bot.give(at_channel("2"), "search olives")).text
            shown = (await bot.give(at_channel("1"), "memory")).text
            own = (await bot.give(direct("1", platform="discord"), "memory")).text
    assert "1 message" in found
    assert "Olives are fine" in found
    assert "hate" not in found
    assert "secret" not in found
    assert "Olives come on Friday" in shown
    assert "Friday" not in own
