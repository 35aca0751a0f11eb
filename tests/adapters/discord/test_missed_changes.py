"""What people delete and edit on Discord while the bot is down is followed at its next start, as far as it shows."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from memory.people.channels import Mode
from memory.ports import Kind
from tests.platforms.discord.served import QuickPlatform, Served, of_bot, serving
from tests.platforms.discord.things import Channel, Message, Permission
from tests.platforms.discord.world import World
from tests.platforms.serving import settled
from tests.words_left import places_of


def scope_of(world: World, place: Channel) -> str:
    if place.guild is None:
        return f"discord:dm:{world.ada.id}"
    return f"discord:channel:{world.guild.id}/{(place.parent or place).id}"


async def kept(world: World, served: Served, place: Channel) -> list[str | None]:
    """What people said, as it stands in the queue."""
    agent = await served.app.agents.get(scope_of(world, place))
    queue = await served.app.shelves.recall.queue(agent.id)
    return [message.text for message in queue if message.kind is Kind.USER_MESSAGE]


async def alerts(world: World, served: Served, place: Channel) -> list[str | None]:
    agent = await served.app.agents.get(scope_of(world, place))
    queue = await served.app.shelves.recall.queue(agent.id)
    return [message.text for message in queue if message.kind is Kind.SYSTEM_ALERT]


@pytest.fixture(params=["direct", "channel"])
def place(request: pytest.FixtureRequest, world: World) -> Channel:
    return world.dm(world.ada) if request.param == "direct" else world.general


async def talks(world: World, place: Channel, *texts: str) -> list[Message]:
    """Ada writes messages that are answered, each at a time of its own."""
    said = []
    for text in texts:
        world.clock.advance(1)
        said.append(await world.says(world.ada, place, f"{mention(world, place)}{text}"))
        await world.hears(place, after=said[-1])
    world.clock.advance(1)
    return said


def mention(world: World, place: Channel) -> str:
    return f"{world.bot.mention} " if place.guild is not None else ""


async def caught_up(world: World, served: Served, place: Channel) -> None:
    """Wait until the place was read."""
    client = served.platform._client
    assert client is not None
    await settled(world)
    async with client.in_order(place.id):
        pass


async def test_what_was_deleted_while_it_was_down_is_gone(world: World, tmp_path: Path, place: Channel) -> None:
    async with serving(world, tmp_path) as served:
        said = await talks(world, place, "one", "my secret is Zebedee", "three")
    await world.deletes(said[1])
    missed = await world.says(world.ada, place, f"{mention(world, place)}what do you know?")
    for _ in range(2):  # and once
        async with serving(world, tmp_path) as served:
            await world.hears(place, after=missed)
            await caught_up(world, served, place)
            assert await kept(world, served, place) == ["one", "three", "what do you know?"]
            (alert,) = await alerts(world, served, place)
            assert alert is not None
            assert "deleted" in alert
    asked = [json.loads(it["content"]) for it in served.model.requests[-1]["messages"] if it["role"] == "user"]
    assert "Zebedee" not in str([event["message"] for event in asked])


async def test_the_answer_to_what_was_missed_does_not_rest_on_what_was_deleted(world: World, tmp_path: Path) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path):
        said = await talks(world, place, "one", "my secret is Zebedee", "three")
    await world.deletes(said[1])
    missed = await world.says(world.ada, place, "what do you know?")
    async with serving(world, tmp_path) as served:
        await world.hears(place, after=missed)
        request = served.model.requests[0]["messages"]
    assert "Zebedee" not in str([message for message in request if message["role"] == "user"])


async def test_what_was_edited_while_it_was_down_says_what_it_says_now(
    world: World, tmp_path: Path, place: Channel
) -> None:
    async with serving(world, tmp_path) as served:
        said = await talks(world, place, "one", "it is called Zebedee", "three")
        await world.edits(said[0], f"{mention(world, place)}uno")
        await caught_up(world, served, place)
    await world.edits(said[1], f"{mention(world, place)}it is called Orlando")
    for _ in range(2):
        async with serving(world, tmp_path) as served:
            await caught_up(world, served, place)
            assert await kept(world, served, place) == ["uno", "it is called Orlando", "three"]
            assert len(await alerts(world, served, place)) == 2  # the first was told at once


@pytest.mark.parametrize("fault", ["down", "unreadable", "cut off", "no right", "empty"])
async def test_a_history_that_does_not_tell_takes_nothing(world: World, tmp_path: Path, fault: str) -> None:
    place = world.general
    async with serving(world, tmp_path):
        said = await talks(world, place, "one", "two", "three")
    await world.deletes(said[1])
    if fault == "down":
        world.faults.fail("GET /channels/*/messages", 503, times=99)
    elif fault == "unreadable":
        world.faults.fail("GET /channels/*/messages", 200, times=99)
    elif fault == "cut off":
        world.faults.lose_answer("GET /channels/*/messages", times=99)
    elif fault == "no right":
        await world.denies(place, Permission.READ_MESSAGE_HISTORY)
    else:
        await world.deletes(*place.messages.values())

    async def wait(seconds: float) -> None:
        """Let it pass."""

    async with serving(world, tmp_path, platform=QuickPlatform(world, wait=wait)) as served:
        await caught_up(world, served, place)
        assert await kept(world, served, place) == ["one", "two", "three"]
        assert await alerts(world, served, place) == []


async def test_what_a_history_does_not_cover_is_left_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path):
        said = await talks(world, place, "one", "two", "three", "four")
    await world.deletes(said[0])
    await world.deletes(said[2])
    monkeypatch.setattr("adapters.discord.catch_up.MOST_PER_PLACE", 5)  # from the answer to the second on
    async with serving(world, tmp_path) as served:
        await caught_up(world, served, place)
        assert await kept(world, served, place) == ["one", "two", "four"]


async def test_threads_and_their_channel_are_compared_each_by_itself(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await served.app.channels.choose(scope_of(world, world.general), Mode.THREAD, "", world.clock.now())
        starters = []
        for text in ("one", "two", "three"):
            world.clock.advance(1)
            starters.append(await world.says(world.ada, world.general, f"{world.bot.mention} {text}"))
            await world.until(lambda: starters[-1].thread is not None and of_bot(world, starters[-1].thread)[1:])
        thread = starters[1].thread
        assert thread is not None
        inside = await talks(world, thread, "in the thread", "deleted in the thread", "last in the thread")
        left = await kept(world, served, world.general)
    await world.deletes(inside[1])
    async with serving(world, tmp_path) as served:
        await caught_up(world, served, thread)
        await caught_up(world, served, world.general)
        assert await kept(world, served, world.general) == [text for text in left if text != "deleted in the thread"]
    await world.deletes(starters[1])
    async with serving(world, tmp_path) as served:
        await caught_up(world, served, world.general)
        assert "two" not in await kept(world, served, world.general)
        assert "in the thread" in await kept(world, served, world.general)


async def test_a_quote_of_what_was_deleted_or_edited_meanwhile_follows(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await talks(world, world.general, "one")
        quoted = []
        for text in ("Zebedee", "Quagga"):
            world.clock.advance(1)
            quoted.append(await world.says(world.ada, world.general, text))
            reply = await world.says(world.bob, world.general, "yes", reply_to=quoted[-1], mentions=[world.bot])
            await world.hears(world.general, after=reply)
        await talks(world, world.general, "three")
    await world.deletes(quoted[0])
    await world.edits(quoted[1], "Orlando")
    async with serving(world, tmp_path) as served:
        await caught_up(world, served, world.general)
        agent = await served.app.agents.get(scope_of(world, world.general))
        quotes = [queued.message.quote.text for queued in agent.queue if queued.message.quote is not None]
        assert quotes == ["Orlando"]


async def test_what_was_remembered_of_a_message_that_nobody_handed_in_goes_with_it(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path) as served:
        await world.until(lambda: world.state.commands.get(None))
        await talks(world, world.general, "one")
        message = await world.says(world.ada, world.general, "My cat is Zebedee.")
        await world.answered(await world.uses_on(world.ada, message, "Remember this"))
        await talks(world, world.general, "two")
    for _ in range(2):  # it stays as long as its message does
        async with serving(world, tmp_path) as served:
            await caught_up(world, served, world.general)
            agent = await served.app.agents.get(scope_of(world, world.general))
            assert "Zebedee" in agent.core.text("channel")
            assert "Zebedee" in str(await kept(world, served, world.general))
    await world.deletes(message)
    async with serving(world, tmp_path) as served:
        await caught_up(world, served, world.general)
        await served.app.changes.tidy()
        await served.app.database.truncate_log()
    assert places_of(tmp_path / "bot.db", ["zebedee"]) == []


async def test_what_was_shown_to_it_is_no_sign_of_how_far_it_has_heard(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await world.until(lambda: world.state.commands.get(None))
        old = await world.says(world.ada, world.general, "My cat is Zebedee.")
        await talks(world, world.general, "one")
        heard = await served.app.receiver.last_heard("discord", timedelta(days=1))
        await world.answered(await world.uses_on(world.ada, old, "Remember this"))
        assert await served.app.receiver.last_heard("discord", timedelta(days=1)) == heard
        mentioned = await world.says(world.ada, world.general, f"{world.bot.mention} again")
        await world.hears(world.general, after=mentioned)


async def test_what_was_shown_to_it_and_comes_after_all_is_answered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        await talks(world, world.general, "one")
    missed = await world.says(world.ada, world.general, f"{world.bot.mention} my cat is Zebedee")
    reading = world.faults.hold("GET /channels/*/messages")
    async with serving(world, tmp_path):
        await asyncio.wait_for(reading.arrived.wait(), 10)
        await world.answered(await world.uses_on(world.ada, missed, "Remember this"))
        reading.release()
        await world.hears(world.general, after=missed)


async def test_a_document_goes_also_if_the_conversation_was_forgotten_before(world: World, tmp_path: Path) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path) as served:
        await world.until(lambda: world.state.commands.get(None))
        await talks(world, place, "one")
        message = await world.says(world.ada, place, "read it", attachments=[("a.txt", b"Zebedee lives", "text/plain")])
        await world.hears(place, after=message)
        asked = await world.answered(await world.slash(world.ada, place, "agent reset", part="conversation"))
        assert asked.original is not None
        await world.answered(await world.clicks(world.ada, asked.original, "Yes, do it"))
        await talks(world, place, "two")
        await world.hears(place, holds=lambda it: "two" in it.content)  # not what came of the reset
        agent = await served.app.agents.get(scope_of(world, place))
        assert await served.app.shelves.archival.count_pieces(agent.id)
    await world.deletes(message)
    async with serving(world, tmp_path) as served:
        await caught_up(world, served, place)
        assert not await served.app.shelves.archival.count_pieces(agent.id)


@pytest.mark.parametrize("away", [False, True])
async def test_a_channel_of_another_name_is_no_edit_of_a_message_that_names_it(
    world: World, tmp_path: Path, *, away: bool
) -> None:
    named = world.channel("old-name")
    async with serving(world, tmp_path) as served:
        said = await talks(world, world.general, "one", f"look at <#{named.id}>", "three")
        await world.edits(said[1], f"{world.bot.mention} look into <#{named.id}>")
        await caught_up(world, served, world.general)
        told = await kept(world, served, world.general), await alerts(world, served, world.general)
    if away:
        world.guild.is_available = False
    else:
        named.name = "new-name"
    async with serving(world, tmp_path) as served:
        await caught_up(world, served, world.general)
        assert (await kept(world, served, world.general), await alerts(world, served, world.general)) == told
