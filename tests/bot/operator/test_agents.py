"""`agents`: a table for people and programs, also while the bot runs."""

from typing import Any

import pytest

from bot.operator.agents import list_agents
from config.settings import Settings


async def test_each_agent_is_a_line_with_aligned_columns(
    settings: Settings, talked: None, capsys: pytest.CaptureFixture[str]
) -> None:
    await list_agents(settings)
    out, err = capsys.readouterr()
    header, bob, ada = out.splitlines()
    assert header.split("  ")[0] == "SCOPE"
    assert ada.split()[:4] == ["console:dm:ada", "ada", "6", "1"]
    assert bob.split()[:4] == ["console:dm:bob", "bob", "6", "1"]
    assert int(ada.split()[4]) > 10
    assert header.index("LAST ACTIVE") == ada.index("2026-03-01 12:00 UTC") == bob.index("2026-03-01 12:00 UTC")
    assert err == ""


async def test_it_reads_beside_a_running_bot(settings: Settings, talk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with talk() as bot:
        await bot.say("Hello")
        await list_agents(settings)
        assert len(capsys.readouterr().out.splitlines()) == 2
        await bot.say("Are you there?", person="bob")
        await list_agents(settings)
        assert len(capsys.readouterr().out.splitlines()) == 3


async def test_of_nobody_there_is_only_the_header_and_nothing_is_made(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await list_agents(settings)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err == "There are no agents yet.\n"
    assert not settings.bot_data_dir.exists()
