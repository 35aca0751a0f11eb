"""What goes wrong in the fake Discord goes wrong for discord.py as the real one does."""

import asyncio

import aiohttp
import discord
import pytest

from tests.platforms.discord.echo_bot import Bot, running
from tests.platforms.discord.things import Intent
from tests.platforms.discord.world import World
from tests.platforms.faults import Limit

# ── what goes wrong with requests ────────────────────────────────────────────────────────────────────

POST = "POST /channels/*/messages"


async def test_a_rate_limit_is_waited_for(world: World, bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    channel = bot.get_channel(world.general.id)
    world.faults.limit(POST, 0.01)
    world.faults.limit(POST, 0.01, is_global=True)
    await channel.send("at last")
    world.faults.limit(POST, 0.01, has_via=False)
    with pytest.raises(discord.HTTPException) as banned:
        await channel.send("not at all")

    assert banned.value.status == 429
    assert [it.status for it in world.requests if it.route.startswith("POST")] == [429, 429, 200, 429]
    assert world.transcript(world.general) == "Memo: at last"


async def test_limits_are_kept_by_the_library_itself(world: World, bot: Bot) -> None:
    world.faults.limits[POST] = Limit(count=2, per_s=0.05)
    for text in "abcde":
        await bot.get_channel(world.general.id).send(text)

    assert [it.status for it in world.requests if it.route.startswith("POST")] == [200] * 5


async def test_an_answer_may_be_lost_or_late(world: World, bot: Bot) -> None:
    channel = bot.get_channel(world.general.id)
    world.faults.lose_answer(POST)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await channel.send("posted", nonce="k")
    hold = world.faults.hold(POST)
    sending = asyncio.create_task(channel.send("later"))
    await hold.arrived.wait()
    assert not sending.done()
    hold.release()
    await sending
    world.faults.fail(POST, 503)
    with pytest.raises(discord.DiscordServerError):
        await channel.send("never")

    assert (await channel.send("posted", nonce="k")).content == "posted"
    assert world.transcript(world.general) == "Memo: posted\nMemo: later"


async def test_what_failed_may_have_been_done(world: World, bot: Bot) -> None:
    channel = bot.get_channel(world.general.id)
    world.faults.fail_after(POST, 503)
    with pytest.raises(discord.DiscordServerError):
        await channel.send("done", nonce="k")
    world.faults.lose_request(POST)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await channel.send("not done")
    world.faults.fail("PATCH /channels/*/messages/*", 403, {"message": "Missing Permissions", "code": 50013})
    message = await channel.send("done", nonce="k")
    with pytest.raises(discord.Forbidden):
        await message.edit(content="changed")

    assert world.transcript(world.general) == "Memo: done"


async def test_a_route_that_is_not_here_is_noted(world: World, bot: Bot) -> None:
    with pytest.raises(discord.NotFound):
        await bot.get_guild(world.guild.id).fetch_emojis()

    assert world.unknown_routes == [f"GET /guilds/{world.guild.id}/emojis"]
    world.unknown_routes.clear()


async def test_a_wrong_token_is_refused(world: World) -> None:
    async with Bot(world) as bot:
        with pytest.raises(discord.LoginFailure):
            await bot.start("wrong")


# ── what goes wrong with the connection ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("end", ["cut", "close", "reconnect", "resumable"])
async def test_a_session_is_taken_up_again_and_nothing_is_missed(world: World, bot: Bot, end: str) -> None:
    await world.says(world.ada, world.general, "before")
    await world.until(lambda: bot.heard("message"))
    match end:
        case "cut":
            world.gateway.cut()
        case "close":
            world.gateway.close(4000)
        case "reconnect":
            world.gateway.ask_to_reconnect()
        case "resumable":
            world.gateway.invalidate(resumable=True)
    if end != "cut":  # what goes into a line that is cut is lost, though nobody has noticed yet
        await world.until(lambda: not world.gateway.is_connected)
    await world.says(world.ada, world.general, "meanwhile")
    await world.until(lambda: len(bot.heard("message")) == 2)

    assert world.gateway.resumed == 1
    assert [message.content for message in bot.heard("message")] == ["before", "meanwhile"]
    assert len(world.gateway.identified) == 1


async def test_a_session_that_is_not_valid_begins_anew(world: World, bot: Bot) -> None:
    world.gateway.invalidate()
    await world.until(lambda: len(world.gateway.identified) == 2)
    world.gateway.resumes = False
    world.gateway.cut()
    await world.until(lambda: len(world.gateway.identified) == 3)
    asked = await world.says(world.ada, world.general, "still there?", mentions=[world.bot])

    await world.hears(world.general, after=asked)
    assert world.gateway.resumed == 0


async def test_intents_that_are_not_granted_end_it(world: World) -> None:
    world.state.granted = Intent.NONE
    async with Bot(world) as bot:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await bot.start(world.token)


async def test_a_token_that_is_withdrawn_ends_it(world: World) -> None:
    async with Bot(world) as bot:
        task = asyncio.create_task(bot.start(world.token))
        await world.connected()
        world.gateway.close(4004)
        with pytest.raises(discord.ConnectionClosed) as closed:
            await task
        assert closed.value.code == 4004


async def test_signs_of_life_that_are_not_answered_end_the_connection(world: World) -> None:
    world.gateway.heartbeat_s = 0.02
    bot = Bot(world)
    bot._connection.heartbeat_timeout = 0.1
    async with running(world, bot):
        await world.until(lambda: world.gateway.heartbeats > 2)
        world.gateway.acknowledges = False
        await world.until(lambda: world.gateway.resumed)


async def test_unknown_events_are_passed_over(world: World, bot: Bot) -> None:
    world.state.emit("SOMETHING_NEW", {"id": "1"})
    world.gateway.send_text('{"op": 99, "d": null, "s": null, "t": null}')
    await world.says(world.ada, world.general, "and on")

    await world.until(lambda: bot.heard("message"))


async def test_an_event_that_lacks_a_field_ends_the_client(world: World) -> None:
    async with Bot(world) as bot:
        task = asyncio.create_task(bot.start(world.token))
        await world.connected()
        world.state.emit("MESSAGE_CREATE", {"channel_id": str(world.general.id)}, guild=world.guild)
        with pytest.raises(KeyError):
            await task


async def test_several_shards_share_the_guilds(world: World) -> None:
    world.shards = 2
    async with running(world) as bot:
        assert bot.shard_count == 2
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        await world.says(world.ada, world.dm(world.ada), "hello")
        await world.until(lambda: len(bot.heard("message")) == 3)
