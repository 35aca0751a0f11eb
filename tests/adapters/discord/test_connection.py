"""What goes wrong between the bot and Discord, and that nothing is lost or said twice over it."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from adapters.discord.websocket import Websocket
from adapters.ports.errors import CannotTell, PlatformUnavailable, ServiceMissing
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, InboundMessage
from adapters.ports.platform import Sought
from memory.people.channels import Mode
from tests.platforms.discord.served import QuickPlatform, of_bot, serving
from tests.platforms.discord.things import Channel, Intent, Permission
from tests.platforms.discord.world import World
from tests.platforms.serving import settled

POST = "POST /channels/*/messages"


async def nobody(*given: object) -> object:
    raise AssertionError("nothing should come in")


NOTHING = Intake(nobody, nobody)  # type: ignore[arg-type]


# ── tokens and intents ───────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_token_is_for_the_operator(world: World) -> None:
    platform = QuickPlatform(world)
    platform._token = "wrong"
    with pytest.raises(ServiceMissing, match="DISCORD_TOKEN"):
        await platform.run(NOTHING)
    assert not platform.is_connected


async def test_without_the_intent_it_still_answers_mentions_and_direct_messages(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.state.granted &= ~Intent.MESSAGE_CONTENT
    async with serving(world, tmp_path) as served:
        assert not served.platform.reads_content
        asked = await world.says(world.ada, world.general, "can you read this?", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
        direct = await world.says(world.ada, world.dm(world.ada), "and this?")
        second = await world.hears(world.dm(world.ada), after=direct)
        reply = await world.says(world.ada, world.general, "a reply", reply_to=answer)
        third = await world.hears(world.general, after=reply)
    assert "can you read this?" in answer.content
    assert "and this?" in second.content
    assert "a reply" in third.content
    assert caplog.text.count("Message Content intent") == 1


@pytest.mark.parametrize("mode", ["listen", "open"])
async def test_without_the_intent_a_mode_that_reads_everything_is_refused_with_the_reason(
    world: World, tmp_path: Path, mode: str
) -> None:
    world.state.granted &= ~Intent.MESSAGE_CONTENT
    async with serving(world, tmp_path) as served:
        await world.until(lambda: world.state.commands.get(None))
        asked = await world.answered(await world.slash(world.ada, world.general, "agent admin mode", mode=mode))
        shown = await world.answered(await world.slash(world.ada, world.general, "agent admin mode"))
        thread = await world.answered(await world.slash(world.ada, world.general, "agent admin mode", mode="thread"))
        findings = {finding.about: finding for finding in await served.platform.examine(served.app.commands.specs)}
    assert asked.original is not None
    assert "On Discord that is the message content intent" in asked.original.content
    assert "Nothing was changed." in asked.original.content
    assert shown.original is not None
    assert shown.original.content.startswith("Mode: **mention**")
    assert thread.original is not None
    assert thread.original.content.startswith("The mode is now **thread**")
    assert "the modes listen and open are refused" in findings["discord intent"].told
    assert not of_bot(world, world.general)[3:]  # three private answers, and nothing announced


@pytest.mark.parametrize("code", [4004, 4014])
async def test_why_discord_closed_a_connection_is_known_although_the_line_is_gone(world: World, code: int) -> None:
    async with aiohttp.ClientSession(ws_response_class=Websocket) as session:
        socket = await session.ws_connect(world.gateway_url, autoclose=False)  # as the library does
        await socket.receive()
        world.gateway.close(code)
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, code)
        line = socket._conn
        assert line is not None
        assert line.transport is not None
        line.transport.abort()
        await socket.close()
    assert socket.close_code == code


async def test_while_discord_cannot_be_reached_the_supervisor_is_told(world: World) -> None:
    world.faults.fail("GET /users/@me", 503, times=99)
    with pytest.raises(PlatformUnavailable):
        await QuickPlatform(world).run(NOTHING)


async def test_it_ends_when_it_is_cancelled_even_while_the_gateway_refuses_it(world: World) -> None:
    world.gateway.is_open = False
    platform = QuickPlatform(world)
    running = asyncio.create_task(platform.run(NOTHING))
    await world.until(lambda: any("gateway" in request.route for request in world.requests))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running], timeout=5)
    assert running.done()


# ── the gateway ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("end", ["close", "reconnect", "invalid", "fatal", "unreadable"])
async def test_a_connection_that_ends_comes_back_and_nothing_is_missed(world: World, tmp_path: Path, end: str) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.dm(world.ada), "before")
        await world.hears(world.dm(world.ada), after=asked)
        match end:
            case "close":
                world.gateway.close(4000)
            case "reconnect":
                world.gateway.ask_to_reconnect()
            case "invalid":
                world.gateway.invalidate()
            case "fatal":
                world.gateway.resumes = False
                world.gateway.close(4003)
            case "unreadable":
                world.gateway.send_text("{no JSON")
                await world.until(lambda: not world.gateway.is_connected)
        meanwhile = await world.says(world.ada, world.dm(world.ada), "meanwhile")
        await world.until(lambda: of_bot(world, world.dm(world.ada))[1:])
        asked = await world.says(world.ada, world.dm(world.ada), "after")
        await world.hears(world.dm(world.ada), after=asked)
        await asyncio.sleep(0)
    answers = [it.content for it in of_bot(world, world.dm(world.ada))]
    assert [any(word in it for it in answers) for word in ("before", "meanwhile", "after")] == [True] * 3
    assert sum("meanwhile" in it for it in answers) == 1
    assert meanwhile.content == "meanwhile"


def on_two_shards(world: World) -> Channel:
    """Have the bot open two shards; returns a channel of a guild of which the other one tells."""
    world.shards = 2
    other = world.state.add_guild("Other", world.ada, world.bob)
    while other.id >> 22 & 1 == world.guild.id >> 22 & 1:
        world.clock.advance(0.001)
        other = world.state.add_guild("Other", world.ada, world.bob)
    return world.channel("there", other)


async def test_a_shard_that_is_away_holds_up_no_reply_of_the_others(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = on_two_shards(world)
    async with serving(world, tmp_path):
        world.gateway.is_open = False
        (away,) = (it for it in world.gateway.connections if it.session is not None and it.session.takes(there.guild))
        away.cut()
        await world.until(lambda: len(world.gateway.connections) == 1)
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
    assert answer.content.startswith("You said: hello")
    (away_for_now,) = (it for it in caplog.records if "Attempting a reconnect" in it.getMessage())
    assert not away_for_now.exc_info
    assert "503" in away_for_now.getMessage()


async def test_a_shard_whose_session_ends_comes_back_by_itself_and_nothing_is_missed(
    world: World, tmp_path: Path
) -> None:
    there = on_two_shards(world)
    async with serving(world, tmp_path):
        for place in (there, world.general):
            await world.hears(place, after=await world.says(world.ada, place, "before", mentions=[world.bot]))
        for round_ in ("one", "two"):  # after the second all shards were new, one after the other
            place = there if round_ == "one" else world.general
            world.gateway.invalidate(guild=place.guild)
            meanwhile = await world.says(world.ada, place, f"missed {round_}", mentions=[world.bot])
            await world.hears(place, after=meanwhile)
            after = await world.says(world.ada, place, f"after {round_}", mentions=[world.bot])
            await world.hears(place, after=after)
    for place, round_ in ((there, "one"), (world.general, "two")):
        answers = [it.content.split("\n")[0].removeprefix("You said: ") for it in of_bot(world, place)]
        assert answers == ["before", f"missed {round_}", f"after {round_}"]


async def test_after_a_restart_what_was_written_meanwhile_is_answered_once(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        for channel, mentions in ((world.dm(world.ada), []), (world.general, [world.bot])):
            asked = await world.says(world.ada, channel, "before", mentions=mentions)
            await world.hears(channel, after=asked)
    await world.says(world.ada, world.general, "nobody is meant")
    missed = await world.says(world.bob, world.general, "missed in the channel", mentions=[world.bot])
    direct = await world.says(world.ada, world.dm(world.ada), "missed directly")
    for _ in range(2):
        async with serving(world, tmp_path) as served:
            first = await world.hears(world.general, after=missed)
            second = await world.hears(world.dm(world.ada), after=direct)
    assert "missed in the channel" in first.content
    assert "missed directly" in second.content
    assert len(of_bot(world, world.general)) == len(of_bot(world, world.dm(world.ada))) == 2
    assert "nobody is meant" not in str(served.model.requests)


async def test_a_place_in_which_nobody_spoke_for_days_is_looked_through_as_well(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.bob, world.general, "before", mentions=[world.bot])
        await world.hears(world.general, after=asked)
    world.clock.advance(3 * 24 * 3600)
    await world.says(world.bob, world.general, "missed long ago", mentions=[world.bot])
    await world.says(world.bob, world.general, "nobody is meant")
    world.clock.advance(25 * 3600)
    missed = await world.says(world.bob, world.general, "missed", mentions=[world.bot])
    async with serving(world, tmp_path) as served:
        answer = await world.hears(world.general, after=missed)
        await world.until(lambda: world.state.commands.get(None))
        status = await world.answered(await world.slash(world.ada, world.general, "agent status"))
    assert answer.content.startswith("You said: missed")
    assert len(of_bot(world, world.general)) == 3
    assert "long ago" not in str(served.model.requests)
    assert status.original is not None
    assert status.original.content.count("it came more than a day after it was written") == 1


def answers_in(world: World, thread: Channel | None) -> list[str]:
    """What the bot has said in a thread, if there is one, beside that it has opened it."""
    return [message.content for message in of_bot(world, thread) if message.content] if thread is not None else []


async def test_where_each_mention_opens_a_thread_those_in_the_channel_are_not_missed(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path) as served:
        scope = f"discord:channel:{world.guild.id}/{world.general.id}"
        await served.app.channels.choose(scope, Mode.THREAD, "", world.clock.now())
        asked = await world.says(world.ada, world.general, "before", mentions=[world.bot])
        await world.until(lambda: answers_in(world, asked.thread))
        assert asked.thread is not None
        again = await world.says(world.ada, asked.thread, "in the thread")
        await world.hears(asked.thread, after=again)
    missed = await world.says(world.bob, world.general, "missed", mentions=[world.bot])
    in_thread = await world.says(world.ada, asked.thread, "missed in the thread")
    async with serving(world, tmp_path) as served:
        await world.until(lambda: answers_in(world, missed.thread))
        await world.hears(asked.thread, after=in_thread)
    assert len(served.model.requests) == 2


async def test_what_was_said_in_a_channel_of_which_only_a_thread_was_heard_is_not_missed(
    world: World, tmp_path: Path
) -> None:
    thread = await world.starts_thread(world.ada, world.general, "Tea")
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, thread, "before", mentions=[world.bot])
        await world.hears(thread, after=asked)
    missed = await world.says(world.bob, world.general, "missed", mentions=[world.bot])
    async with serving(world, tmp_path):
        answer = await world.hears(world.general, after=missed)
    assert "missed" in answer.content


async def test_what_is_asked_in_threads_and_posts_that_were_opened_meanwhile_is_answered(
    world: World, tmp_path: Path
) -> None:
    quiet = await world.starts_thread(world.ada, world.general, "Nobody asks")
    await world.says(world.ada, quiet, "nothing is asked")
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "before", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        post, asked = await world.posts(world.ada, world.ideas, "One", f"{world.bot.mention} before")
        await world.hears(post, after=asked)
    thread = await world.starts_thread(world.ada, world.general, "Tea")
    in_thread = await world.says(world.ada, thread, "which tea?", mentions=[world.bot])
    post, in_post = await world.posts(world.ada, world.ideas, "Two", f"{world.bot.mention} which idea?")
    read = len(world.requests)
    async with serving(world, tmp_path) as served:
        assert "which tea?" in (await world.hears(thread, after=in_thread)).content
        assert "which idea?" in (await world.hears(post, after=in_post)).content
    assert len(served.model.requests) == 2
    assert f"GET /channels/{quiet.id}/messages" not in [request.route for request in world.requests[read:]]


@pytest.mark.parametrize("failures", [1, 4])
async def test_what_was_missed_is_read_although_discord_fails_at_first_and_before_what_is_said_now(
    world: World, tmp_path: Path, failures: int
) -> None:
    pauses: list[float] = []
    may_go_on = asyncio.Event()

    async def wait(seconds: float) -> None:
        pauses.append(seconds)
        world.stir()
        await may_go_on.wait()

    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "before", mentions=[world.bot])
        await world.hears(world.general, after=asked)
    await world.says(world.bob, world.general, "missed", mentions=[world.bot])
    world.faults.fail("GET /channels/*/messages", 503, times=failures)
    async with serving(world, tmp_path, platform=QuickPlatform(world, wait=wait)):
        await world.until(lambda: pauses)
        await world.says(world.ada, world.general, "now", mentions=[world.bot])
        asked = await world.says(world.ada, world.dm(world.ada), "elsewhere")
        await world.hears(world.dm(world.ada), after=asked)
        assert len(of_bot(world, world.general)) == 1
        may_go_on.set()
        await world.until(lambda: len(of_bot(world, world.general)) == 3)
    answers = [message.content for message in of_bot(world, world.general)]
    assert [word in answer for word, answer in zip(("before", "missed", "now"), answers, strict=True)] == [True] * 3
    assert pauses == [1, 10, 30, 60][:failures]


async def test_people_have_their_names_of_the_server_in_what_was_missed(world: World, tmp_path: Path) -> None:
    world.guild.nicks[world.bob.id] = "Bobby"
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "before", mentions=[world.bot])
        await world.hears(world.general, after=asked)
    missed = await world.says(world.bob, world.general, "missed", mentions=[world.bot])
    async with serving(world, tmp_path) as served:
        await world.hears(world.general, after=missed)
    assert f"Bobby ({world.bob.id})" in str(served.model.requests[-1])


async def test_where_discord_goes_on_failing_what_is_said_now_does_not_wait_for_ever(
    world: World, tmp_path: Path
) -> None:
    async def wait(seconds: float) -> None:
        """Let it pass."""

    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "before", mentions=[world.bot])
        await world.hears(world.general, after=asked)
    world.faults.fail("GET /channels/*/messages", 503, times=99)
    async with serving(world, tmp_path, platform=QuickPlatform(world, wait=wait)):
        asked = await world.says(world.ada, world.general, "now", mentions=[world.bot])
        await world.hears(world.general, after=asked)


async def test_a_message_that_cannot_be_kept_at_once_is_kept_later_and_before_the_next(world: World) -> None:
    """Discord tells it once, so the database's trouble must not cost it."""
    pauses: list[float] = []
    heard: list[str] = []
    faults = [OSError("disk full"), PlatformUnavailable("gone"), LookupError()]

    async def wait(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def receive(message: InboundMessage) -> object:
        if faults:
            raise faults.pop()
        heard.append(message.text)
        world.stir()
        return None

    platform = QuickPlatform(world, wait=wait)
    running = asyncio.create_task(platform.run(Intake(receive, nobody)))  # type: ignore[arg-type]
    await world.until(lambda: platform.is_connected)
    for text in ("one", "two", "three"):
        await world.says(world.ada, world.dm(world.ada), text)
    await world.until(lambda: len(heard) == 3)
    running.cancel()
    await asyncio.wait([running])
    assert heard == ["one", "two", "three"]
    assert pauses == [1, 10, 30]


async def test_a_message_that_can_never_be_kept_holds_up_its_channel_for_a_while_and_no_other(world: World) -> None:
    heard: list[str] = []
    may_go_on = asyncio.Event()

    async def wait(seconds: float) -> None:
        await may_go_on.wait()

    async def receive(message: InboundMessage) -> object:
        if message.text == "poison":
            raise LookupError
        heard.append(message.text)
        world.stir()
        return None

    platform = QuickPlatform(world, wait=wait)
    running = asyncio.create_task(platform.run(Intake(receive, nobody)))  # type: ignore[arg-type]
    await world.until(lambda: platform.is_connected)
    await world.says(world.ada, world.dm(world.ada), "poison")
    await world.says(world.ada, world.dm(world.ada), "behind it")
    await world.says(world.bob, world.dm(world.bob), "elsewhere")
    await world.until(lambda: heard)
    assert heard == ["elsewhere"]
    may_go_on.set()
    await world.until(lambda: len(heard) == 2)
    running.cancel()
    await asyncio.wait([running])
    assert heard == ["elsewhere", "behind it"]


# ── posting ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["fail", "fail_after", "lose_answer", "lose_request", "limit"])
async def test_a_reply_that_fails_is_posted_once_all_the_same(world: World, tmp_path: Path, fault: str) -> None:
    async with serving(world, tmp_path):
        match fault:
            case "fail" | "fail_after":
                getattr(world.faults, fault)(POST, 503)
            case "limit":
                world.faults.limit(POST, 0.01, has_via=False)
            case _:
                getattr(world.faults, fault)(POST)
        await world.says(world.ada, world.dm(world.ada), "hello")
        await world.until(lambda: of_bot(world, world.dm(world.ada)))
        await world.says(world.ada, world.dm(world.ada), "more")
        await world.until(lambda: of_bot(world, world.dm(world.ada))[1:])
    said = [it.content.split("\n")[0] for it in of_bot(world, world.dm(world.ada))]
    assert said == ["You said: hello", "You said: more"]


async def test_a_reply_that_finds_the_token_reset_goes_out_with_the_next_one(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        world.faults.fail(POST, 401, {"code": 0, "message": "401: Unauthorized"})
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        answer = await world.hears(world.dm(world.ada), after=asked)
    assert answer.content.startswith("You said: hello")


async def test_what_may_be_posted_is_found_by_what_it_says(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        address = Address("discord", str(world.general.id))
        since = world.clock.now()
        known = await served.platform.send(address, "Twice the same.", "key1")
        sought = Sought("Twice the same.", since, frozenset({known}))
        assert await served.platform.find_sent(address, "key2", sought) is None
        second = await served.platform.send(address, "Twice the same.", "key2")
        assert await served.platform.find_sent(address, "key2", sought) == second
        assert second != known
        await world.denies(world.general, Permission.READ_MESSAGE_HISTORY)
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        await world.hears(world.dm(world.ada), after=asked)  # the library has heard of it, too
        with pytest.raises(CannotTell):
            await served.platform.find_sent(address, "key2", sought)


async def test_where_it_may_not_write_the_owner_is_told_once(world: World, tmp_path: Path) -> None:
    hidden = world.channel("hidden", denied=Permission.SEND_MESSAGES)
    for _ in range(2):
        async with serving(world, tmp_path):
            for text in ("hello", "hello again"):
                await world.says(world.bob, hidden, text, mentions=[world.bot])
            await world.until(lambda: of_bot(world, world.dm(world.guild.owner)))
            asked = await world.says(world.ada, world.general, "still there?", mentions=[world.bot])
            await world.hears(world.general, after=asked)
            await settled(world)
    told = of_bot(world, world.dm(world.guild.owner))
    assert len(told) == 1
    assert "hidden" in told[0].content or str(hidden.id) in told[0].content
