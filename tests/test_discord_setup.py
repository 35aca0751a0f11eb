"""Setting up on Discord as an operator does it: real processes, in front of the fake Discord."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.testing import ScriptedServer, answer
from tests.command_line import LIMIT_S, CommandLine
from tests.platforms.discord.process import running, settings_for
from tests.platforms.discord.things import OF_EVERYONE, Intent, Permission
from tests.platforms.discord.world import World

PERMISSIONS = 309237746752
"""View Channels, Send Messages (and in threads), Create Public Threads, Attach Files, History, Add Reactions."""

CHECKS = 10
"""Those that are about no platform."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


@pytest.fixture
async def command_line(world: World, tmp_path: Path) -> AsyncIterator[CommandLine]:
    async with ScriptedServer(lambda _: answer("Hello, Ada!")) as model:
        command_line = CommandLine(tmp_path)
        command_line.settings |= settings_for(world, model.url) | {"LLM_TIER": "text"}
        yield command_line


def invitation(world: World) -> str:
    base = "https://discord.com/oauth2/authorize"
    return f"{base}?client_id={world.bot.id}&scope=bot+applications.commands&permissions={PERMISSIONS}"


async def examined(command_line: CommandLine, expected: int = 0) -> dict[str, str]:
    """What `doctor` says of Discord, by subject."""
    code, out, err = await command_line.run("doctor")
    assert (code, len(err)) == (expected, int(expected != 0)), (out, err)
    assert command_line.settings["DISCORD_TOKEN"] not in "".join(out + err)
    return {line[6:].partition(":")[0]: line for line in out[CHECKS:]}


async def test_the_token_is_asked_for_and_never_shown_and_the_bot_can_be_invited(world: World, tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    command_line.settings["DISCORD_API_URL"] = world.api
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    os.write(ours, b"1\nEurope/Lisbon\n\n2\n")
    process = await command_line.start("configure", stdin=theirs, has_terminal=False)
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_S):
        await process.stderr.readuntil(b" ")  # from here on nothing that is typed is shown
        os.write(ours, f"{world.token}\n".encode())
        out, err = await process.communicate()
    shown = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert world.token.encode() not in out + err + shown
    assert "ok    discord: DISCORD_TOKEN is the token of Memo, an application of Ada" in out.decode()
    assert "ok    discord intent: " in out.decode()
    assert out.decode().splitlines()[-2].endswith(f": {invitation(world)}")
    assert (tmp_path / ".env").read_text(encoding="utf-8").splitlines()[-2:] == [
        "BOT_PLATFORMS=discord",
        f"DISCORD_TOKEN={world.token}",
    ]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert not world.gateway.identified


async def test_from_the_settings_to_the_first_hello_and_all_is_well(world: World, command_line: CommandLine) -> None:
    code, out, _ = await command_line.run("configure", "--yes")
    assert (code, out[-1]) == (0, "Now let it serve: make run")
    assert out[-2].endswith(f": {invitation(world)}")
    assert (await examined(command_line))["discord commands"].startswith("warn")
    async with running(world, command_line) as log:
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        answer = await world.hears(world.dm(world.ada), after=asked)
    assert answer.content.startswith("Hello, Ada!")
    assert world.token not in log.read_text(encoding="utf-8")
    found = await examined(command_line)
    assert list(found) == ["discord", "discord intent", "discord permissions", "discord commands"]
    assert [line[:4] for line in found.values()] == ["ok  "] * 4


async def test_a_wrong_token_is_one_line_wherever_it_is_used(world: World, command_line: CommandLine) -> None:
    command_line.settings["DISCORD_TOKEN"] = "wrong-token"
    told = "DISCORD_TOKEN: Discord does not know this token."
    found = await examined(command_line, 69)
    assert list(found) == ["discord"]
    assert found["discord"].startswith(f"fail  discord: {told}")
    code, out, err = await command_line.run("configure", "--yes")
    assert (code, out[-1].startswith(f"fail  discord: {told}")) == (69, True)
    assert err[-1] == "The bot cannot be served like this; mend it, and see `python -m bot doctor`."
    assert "wrong-token" not in "".join(out + err)
    code, _, err = await command_line.run("run")
    assert (code, err[-1].startswith(f"discord: {told}")) == (69, True)


async def test_what_is_missing_is_named(world: World, command_line: CommandLine) -> None:
    world.state.granted &= ~Intent.MESSAGE_CONTENT
    world.guild.bot_permissions = OF_EVERYONE & ~Permission.ATTACH_FILES
    found = await examined(command_line)
    assert found["discord intent"].startswith("warn  discord intent: Message Content is switched off")
    lacks = "warn  discord permissions: Book club lacks Attach Files. "
    assert found["discord permissions"].startswith(lacks)
    assert found["discord permissions"].endswith(invitation(world))
    world.guild.bot_permissions = OF_EVERYONE & ~Permission.SEND_MESSAGES
    found = await examined(command_line, 69)
    assert found["discord permissions"].startswith("fail  discord permissions: Book club lacks Send Messages. ")


async def test_a_discord_that_is_not_there_is_told(command_line: CommandLine, unused_tcp_port: int) -> None:
    command_line.settings["DISCORD_API_URL"] = f"http://127.0.0.1:{unused_tcp_port}/api/v10"
    found = await examined(command_line, 69)
    assert found["discord"].startswith("fail  discord: cannot be reached: ")


async def test_a_token_that_can_be_none_is_a_setting_that_cannot_be_used(command_line: CommandLine) -> None:
    command_line.settings["DISCORD_TOKEN"] = "Bot abc…"
    code, out, err = await command_line.run("run")
    assert (code, out, len(err)) == (78, [], 1)
    assert err[0].startswith("DISCORD_TOKEN: should be the token alone")
    assert "abc" not in err[0]
