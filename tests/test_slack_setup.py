"""Setting up on Slack as an operator does it: real processes, in front of the fake Slack, and of Discord beside it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.slack.manifest import EVENTS, USED_FOR
from adapters.testing import ScriptedServer, answer
from tests.command_line import LIMIT_S, CommandLine
from tests.platforms.discord import process as discord_process
from tests.platforms.discord.world import World as DiscordWorld
from tests.platforms.serving import echo
from tests.platforms.slack.process import running, settings_for
from tests.platforms.slack.world import World

CHECKS = 10
"""Those that are about no platform."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        world.state.scopes, world.state.subscriptions = frozenset(USED_FOR), frozenset(EVENTS)
        yield world


async def test_the_tokens_are_asked_for_and_never_shown(world: World, tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    command_line.settings["SLACK_API_URL"] = world.api
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    os.write(ours, b"1\nEurope/Lisbon\n\n3\n")
    process = await command_line.start("configure", stdin=theirs, has_terminal=False)
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_S):
        for token in (world.token, world.app_token):
            await process.stderr.readuntil(b" ")  # from here on nothing that is typed is shown
            os.write(ours, f"{token}\n".encode())
        out, err = await process.communicate()
    shown = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert world.token.encode() not in out + err + shown
    assert world.app_token.encode() not in out + err + shown
    assert "ok    slack: SLACK_BOT_TOKEN is the token of memo in Book club" in out.decode()
    assert (tmp_path / ".env").read_text(encoding="utf-8").splitlines()[-3:] == [
        "BOT_PLATFORMS=slack",
        f"SLACK_BOT_TOKEN={world.token}",
        f"SLACK_APP_TOKEN={world.app_token}",
    ]


async def test_doctor_says_what_is_missing_on_slack(world: World, tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: answer("Hello!")) as model:
        command_line = CommandLine(tmp_path)
        command_line.settings |= settings_for(world, model.url) | {"LLM_TIER": "text"}
        code, out, _ = await command_line.run("doctor")
        assert code == 0, out
        assert [line[:5].strip() for line in out[CHECKS:]] == ["ok"] * 4
        world.state.scopes -= {"chat:write"}
        code, out, err = await command_line.run("doctor")
        assert (code, len(err)) == (69, 1)
        assert "fail  slack scopes: missing: chat:write" in "\n".join(out)


async def test_one_process_serves_discord_and_slack(world: World, tmp_path: Path) -> None:
    async with DiscordWorld() as discord, ScriptedServer(echo) as model:
        command_line = CommandLine(tmp_path)
        command_line.settings |= discord_process.settings_for(discord, model.url) | settings_for(world, model.url)
        command_line.settings |= {"BOT_PLATFORMS": "discord,slack", "EMBEDDING_MODEL": "letters"}
        async with running(world, command_line) as log:
            await discord.until(lambda: discord.gateway.is_connected, within_s=LIMIT_S)
            on_slack = await world.says(world.ada, world.dm(world.ada), "hello from Slack")
            on_discord = await discord.says(discord.ada, discord.dm(discord.ada), "hello from Discord")
            answer_there = await discord.hears(discord.dm(discord.ada), after=on_discord, within_s=LIMIT_S)
            answer_here = await world.hears(world.dm(world.ada), after=on_slack, within_s=LIMIT_S)
            assert answer_there.content.startswith("You said: hello from Discord")
            assert answer_here.text.startswith("You said: hello from Slack")
            told = await world.answered(await world.slash(world.ada, world.general, "/agent status"))
            assert told.answers
        assert "hello from" not in log.read_text(encoding="utf-8")
    assert not any("Discord" in str(it) and "Slack" in str(it["messages"][1:]) for it in model.requests)
