"""What is looked at on Discord before anything goes wrong there: token, intent, permissions, commands."""

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from discord import Permissions

from adapters.discord.permissions import NEEDED, USED_FOR
from adapters.ports.checkup import Finding
from adapters.ports.commands import CommandSpec
from adapters.testing import Reply, answer
from tests.platforms.discord.payloads import application
from tests.platforms.discord.served import QuickPlatform, serving
from tests.platforms.discord.things import OF_EVERYONE, Channel, Intent, Permission
from tests.platforms.discord.world import World

HELP = CommandSpec(("help",), "List what there is")


def reacts_and_sends_code() -> Reply:
    """A model's answer that needs whatever the bot may need."""
    code = "```python\n" + "print('hello')\n" * 1000 + "```"
    reaction = ("react", {"emoji": "👍", "request_heartbeat": False})
    return answer(None, reaction, ("send_message", {"message": code, "request_heartbeat": False}))


async def found(world: World, commands: Sequence[CommandSpec] = ()) -> dict[str, Finding]:
    return {finding.about: finding for finding in await QuickPlatform(world).examine(commands)}


async def test_all_is_well_and_nothing_was_changed(world: World) -> None:
    findings = await found(world)
    assert {finding.verdict for finding in findings.values()} == {"ok"}
    assert list(findings) == ["discord", "discord intent", "discord permissions", "discord commands"]
    assert findings["discord"].told == "DISCORD_TOKEN is the token of Memo, an application of Ada"
    assert {request.route.split()[0] for request in world.requests} == {"GET"}
    assert not world.gateway.identified


async def test_it_is_invited_with_what_it_needs_and_no_more(world: World) -> None:
    account = await QuickPlatform(world).account()
    base = f"https://discord.com/oauth2/authorize?client_id={world.bot.id}&scope=bot+applications.commands"
    number = (1 << 6) + (1 << 10) + (1 << 11) + (1 << 15) + (1 << 16) + (1 << 35) + (1 << 38)
    assert account.invitation == f"{base}&permissions={number}"
    assert Permissions(number) == NEEDED
    assert [finding.verdict for finding in account.findings] == ["ok", "ok"]


async def test_what_it_is_invited_with_is_what_it_uses(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = {Permission.VIEW_CHANNEL}
    require = world.state.require

    def noting(channel: Channel, *needed: Permission) -> None:
        used.update(needed)
        require(channel, *needed)

    monkeypatch.setattr(world.state, "require", noting)
    world.guild.bot_permissions = Permission(NEEDED.value)
    async with serving(world, tmp_path, lambda _: reacts_and_sends_code()):
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        reply = await world.hears(world.general, after=asked)
        await world.until(lambda: asked.reactions)
        world.state.start_thread(world.general, "aside", world.ada, reply)
        assert reply.thread is not None
        again = await world.says(world.ada, reply.thread, "and here?", mentions=[world.bot])
        await world.hears(reply.thread, after=again)
        await world.until(lambda: world.state.commands[None])
        mode = await world.slash(world.ada, world.general, "agent admin mode", mode="thread")
        await world.answered(mode)
        third = await world.says(world.bob, world.general, "in a thread, please", mentions=[world.bot])
        await world.until(lambda: third.thread is not None and third.thread.messages)
    assert reply.attachments
    assert not [request for request in world.requests if request.status == 403]
    assert sum(used) == NEEDED.value


@pytest.mark.parametrize("name", USED_FOR)
async def test_a_permission_that_is_missing_is_named_with_its_server(world: World, name: str) -> None:
    world.state.add_guild("Chess\nclub", world.bob)
    world.guild.bot_permissions = OF_EVERYONE & ~Permission(getattr(Permissions, name).flag)
    finding = (await found(world))["discord permissions"]
    assert finding.verdict == "warn"
    assert finding.told.startswith("Book club lacks ")
    assert "Chess" not in finding.told
    assert "client_id=" in finding.told


async def test_where_it_can_answer_in_no_server_that_has_to_be_mended(world: World) -> None:
    world.guild.bot_permissions = OF_EVERYONE & ~Permission.SEND_MESSAGES & ~Permission.VIEW_CHANNEL
    finding = (await found(world))["discord permissions"]
    assert finding.verdict == "fail"
    assert finding.told.startswith("Book club lacks View Channels, Send Messages. ")
    world.guild.bot_permissions = Permission.ADMINISTRATOR
    assert (await found(world))["discord permissions"].verdict == "ok"


async def test_of_many_servers_each_is_looked_at_and_a_few_are_named(world: World) -> None:
    for number in range(300):
        world.state.add_guild(f"Club {number}\u202e\n", world.bob).bot_permissions &= ~Permission.ADD_REACTIONS
    finding = (await found(world))["discord permissions"]
    assert "Club 0 lacks Add Reactions; " in finding.told
    assert "; and 295 more. " in finding.told
    assert finding.told.isprintable()


async def test_in_no_server_yet_it_has_to_be_invited(world: World) -> None:
    await world.kicks(world.guild)
    finding = (await found(world))["discord permissions"]
    assert (finding.verdict, "invite it: https://discord.com/" in finding.told) == ("warn", True)


async def test_an_intent_that_is_switched_off_is_told_with_what_it_costs(world: World) -> None:
    world.state.granted &= ~Intent.MESSAGE_CONTENT
    finding = (await found(world))["discord intent"]
    assert finding.verdict == "warn"
    assert "the modes listen and open are refused" in finding.told


async def test_commands_that_discord_does_not_know_are_told_of_and_not_sent(world: World, tmp_path: Path) -> None:
    finding = (await found(world, [HELP]))["discord commands"]
    assert (finding.verdict, "(agent)" in finding.told) == ("warn", True)
    assert world.state.commands[None] == {}
    async with serving(world, tmp_path) as served:
        await world.until(lambda: world.state.commands[None])
        specs = served.app.commands.specs
    assert (await found(world, specs))["discord commands"].verdict == "ok"
    assert "(agent)" in (await found(world, specs[1:]))["discord commands"].told
    assert "(Remember this, agent)" in (await found(world))["discord commands"].told


async def test_what_keeps_people_out_is_told(world: World) -> None:
    body = application(world.bot, world.ada, world.state.granted)
    body |= {"bot_require_code_grant": True, "interactions_endpoint_url": "https://example.org/"}
    world.faults.fail("GET /oauth2/applications/@me", 200, body)
    findings = await found(world)
    failed = {about for about, finding in findings.items() if finding.verdict == "fail"}
    assert failed == {"discord invitation", "discord interactions"}


async def test_a_wrong_token_is_told_and_not_shown(world: World) -> None:
    platform = QuickPlatform(world)
    platform._token = "another-token"
    (finding,) = await platform.examine([HELP])
    assert (finding.verdict, finding.about) == ("fail", "discord")
    assert "DISCORD_TOKEN: Discord does not know this token" in finding.told
    assert "another-token" not in finding.told
    assert (await platform.account()).findings == (finding,)
    assert (await platform.account()).invitation is None


async def test_what_does_not_answer_is_told_after_what_did(world: World) -> None:
    world.faults.fail("GET /users/@me/guilds", 503)
    findings = await found(world)
    assert [finding.verdict for finding in findings.values()] == ["fail", "ok"]  # the same subject twice
    assert "cannot be reached: Discord answered 503" in findings["discord"].told
    world.faults.fail("GET /users/@me", 404, {"message": "404: Not Found", "code": 0})
    assert "does not answer what it is asked" in (await found(world))["discord"].told


async def test_where_nobody_answers_that_is_told(world: World) -> None:
    platform = QuickPlatform(world)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    world.state.url = f"http://127.0.0.1:{port}"
    platform = QuickPlatform(world)
    (finding,) = await platform.examine([HELP])
    assert finding.told.startswith("cannot be reached: ")
