"""What the bot may not do on a server: it answers as well as it can, and the owner is told what is missing."""

from pathlib import Path

import pytest

from adapters.ports.messages import Address
from adapters.ports.platform import Sought
from adapters.testing import says
from memory.people.channels import Mode
from tests.platforms.discord.served import Served, of_bot, serving
from tests.platforms.discord.things import Channel, Kind, Permission
from tests.platforms.discord.world import World
from tests.platforms.serving import settled


async def test_where_it_may_not_read_the_history_it_answers_without_a_reference(world: World, tmp_path: Path) -> None:
    closed = world.channel("closed", denied=Permission.READ_MESSAGE_HISTORY)
    async with serving(world, tmp_path):
        for text in ("hello", "hello again"):
            asked = await world.says(world.bob, closed, text, mentions=[world.bot])
            answer = await world.hears(closed, after=asked)
            assert answer.content.startswith(f"You said: {text}")
            assert answer.reply_to is None
        await settled(world)
    (told,) = of_bot(world, world.dm(world.guild.owner))
    assert f"<#{closed.id}>" in told.content
    assert "Read Message History" in told.content
    assert "Send Messages" not in told.content


# ── the mode thread, where no thread can be opened ───────────────────────────────────────────────────

LONG = "\n\n".join(f"Paragraph {number}: " + "word " * 80 for number in range(8))


async def opens_threads(world: World, served: Served, place: Channel) -> None:
    scope = f"discord:channel:{world.guild.id}/{place.id}"
    await served.app.channels.choose(scope, Mode.THREAD, "", world.clock.now())


async def test_where_there_are_no_threads_it_answers_in_the_channel(world: World, tmp_path: Path) -> None:
    voice = world.channel("voice", kind=Kind.VOICE)
    private = await world.starts_thread(world.ada, world.general, "Secret", is_private=True)
    async with serving(world, tmp_path) as served:
        for place in (voice, private):
            await opens_threads(world, served, place)
            asked = await world.says(world.bob, place, "hello", mentions=[world.bot])
            answer = await world.hears(place, after=asked)
            assert answer.content.startswith("You said: hello")
            assert answer.reply_to is asked
        await settled(world)
    assert not of_bot(world, world.dm(world.guild.owner))


@pytest.mark.parametrize(
    ("denied", "name"),
    [
        (Permission.CREATE_PUBLIC_THREADS, "Create Public Threads"),
        (Permission.SEND_MESSAGES_IN_THREADS, "Send Messages in Threads"),
    ],
)
async def test_where_it_may_not_open_threads_the_whole_answer_comes_in_the_channel_and_the_owner_is_told(
    world: World, tmp_path: Path, denied: Permission, name: str
) -> None:
    closed = world.channel("closed", denied=denied)
    async with serving(world, tmp_path, lambda request: says(LONG)) as served:
        await opens_threads(world, served, closed)
        for text in ("hello", "hello again"):
            asked = await world.says(world.bob, closed, text, mentions=[world.bot])
            await world.hears(closed, after=asked, holds=lambda it: "Paragraph 7" in it.content)
        await settled(world)
    said = of_bot(world, closed)
    assert "\n\n".join(it.content for it in said).count("Paragraph") == 16
    assert asked in [it.reply_to for it in said]
    assert asked.thread is None
    (told,) = of_bot(world, world.dm(world.guild.owner))
    assert f"<#{closed.id}>" in told.content
    assert name in told.content


async def test_a_right_that_the_library_has_not_heard_of_losing_costs_no_answer(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await opens_threads(world, served, world.general)
        world.general.denied_to_bot = Permission.CREATE_PUBLIC_THREADS
        asked = await world.says(world.bob, world.general, "hello", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
    assert answer.reply_to is asked


async def test_where_there_are_too_many_threads_all_parts_of_an_answer_come_in_the_channel(
    world: World, tmp_path: Path
) -> None:
    refusal = {"code": 160006, "message": "Maximum number of active threads reached"}
    world.faults.fail("POST /channels/*/messages/*/threads", 400, refusal)
    async with serving(world, tmp_path, lambda request: says(LONG)) as served:
        await opens_threads(world, served, world.general)
        asked = await world.says(world.bob, world.general, "hello", mentions=[world.bot])
        await world.hears(world.general, after=asked, holds=lambda it: "Paragraph 7" in it.content)
    assert "\n\n".join(it.content for it in of_bot(world, world.general)).count("Paragraph") == 8


async def test_what_was_to_open_a_thread_and_stands_in_the_channel_is_found_there(world: World, tmp_path: Path) -> None:
    voice = world.channel("voice", kind=Kind.VOICE)
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.bob, voice, "not for you")
        address = Address("discord", str(voice.id), str(asked.id))
        since = world.clock.now()
        posted = await served.platform.send(address, "Here.", "key", reply_to=str(asked.id))
        assert await served.platform.find_sent(address, "key", Sought("Here.", since)) == posted


async def test_a_thread_that_is_gone_is_not_opened_anew_for_a_reply_that_waits(world: World, tmp_path: Path) -> None:
    first = await world.says(world.bob, world.general, "start")
    async with serving(world, tmp_path):
        thread = await world.starts_thread(world.ada, world.general, "Tea", at=first)
        post = world.faults.hold("POST /channels/*/messages")
        await world.says(world.bob, thread, "are you there?", mentions=[world.bot])
        await post.arrived.wait()
        await world.deletes_channel(thread)
        first.thread = None
        post.release()
        await settled(world)
    assert not [it for it in world.guild.channels.values() if it.is_thread]
    assert not of_bot(world, world.general)
