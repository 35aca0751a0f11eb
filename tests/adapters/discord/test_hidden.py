"""Without the Message Content intent much is told of messages, but not what they say; memory loses nothing by that."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from memory.people.channels import Mode
from memory.ports import Kind
from tests.platforms.discord.served import Served, of_bot, serving
from tests.platforms.discord.things import Channel, Intent, Message
from tests.platforms.discord.world import World
from tests.platforms.serving import settled


def scope_of(world: World, place: Channel | None = None) -> str:
    return f"discord:channel:{world.guild.id}/{(place or world.general).id}"


async def kept(served: Served, world: World, place: Channel | None = None) -> list[str | None]:
    """What people said and the agent was told, as it stands in the queue."""
    agent = await served.app.agents.get(scope_of(world, place))
    queue = await served.app.shelves.recall.queue(agent.id)
    return [message.text for message in queue if message.kind in (Kind.USER_MESSAGE, Kind.SYSTEM_ALERT)]


async def quotes(served: Served, world: World) -> list[str]:
    agent = await served.app.agents.get(scope_of(world))
    return [queued.message.quote.text for queued in agent.queue if queued.message.quote is not None]


async def followed(world: World, served: Served, place: Channel) -> None:
    """Wait until what happened in a place was handed in."""
    client = served.platform._client
    assert client is not None
    await settled(world)
    async with client.in_order(place.id):
        pass


async def asks(world: World, place: Channel, text: str, reply_to: Message | None = None) -> Message:
    """Ada mentions the bot there, and is answered."""
    message = await world.says(world.ada, place, text, mentions=[world.bot], reply_to=reply_to)
    await world.hears(place, after=message)
    world.clock.advance(1)
    return message


@asynccontextmanager
async def serving_without(world: World, tmp_path: Path) -> AsyncIterator[Served]:
    world.state.granted &= ~Intent.MESSAGE_CONTENT
    async with serving(world, tmp_path) as served:
        yield served


async def test_a_pin_or_a_preview_of_what_was_heard_before_changes_nothing(world: World, tmp_path: Path) -> None:
    place = world.general
    async with serving(world, tmp_path) as served:
        await served.app.channels.choose(scope_of(world), Mode.LISTEN, "", world.clock.now())
        said = await world.says(world.ada, place, "the meeting is at nine")
        world.clock.advance(1)
        await world.edits(said, "the meeting is at ten")
        await asks(world, place, "sure?", reply_to=said)
        await followed(world, served, place)
        before = await kept(served, world)
        assert "the meeting is at ten" in before
    async with serving_without(world, tmp_path) as served:
        await world.unfurls(said, "pinned")  # told with the time of the edit, and without the words
        await followed(world, served, place)
        assert await kept(served, world) == before
        assert await quotes(served, world) == ["the meeting is at ten"]


async def test_an_edit_that_takes_the_mention_away_is_not_shown_and_takes_nothing(world: World, tmp_path: Path) -> None:
    place = world.general
    async with serving_without(world, tmp_path) as served:
        said = await asks(world, place, "the meeting is at nine")
        await asks(world, place, "sure?", reply_to=said)
        await world.edits(said, "the meeting is at ten")
        await followed(world, served, place)
        assert await kept(served, world) == ["the meeting is at nine", "sure?"]
        assert await quotes(served, world) == ["the meeting is at nine"]
        await world.edits(said, f"{world.bot.mention} the meeting is at eleven")
        await followed(world, served, place)
        assert (await kept(served, world))[:2] == ["the meeting is at eleven", "sure?"]
        assert await quotes(served, world) == ["the meeting is at eleven"]


async def test_the_title_of_a_post_does_not_take_the_place_of_its_words(world: World, tmp_path: Path) -> None:
    async with serving_without(world, tmp_path) as served:
        post, said = await world.posts(world.ada, world.ideas, "Meetings", f"{world.bot.mention} at nine")
        await world.hears(post, after=said)
        await world.edits(said, "at ten")
        await followed(world, served, post)
        assert await kept(served, world, world.ideas) == ["Meetings\nat nine"]


async def test_what_does_not_mention_it_in_its_threads_is_as_if_it_had_not_been_written(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    thread = await world.starts_thread(world.ada, world.general, "Tea")
    async with serving_without(world, tmp_path) as served:
        await asks(world, thread, "hi")
        for said in range(3):
            await world.says(world.bob, thread, f"chat {said}")
        await world.says(world.bob, thread, "", attachments=[("a.txt", b"hello", "text/plain")])
        await world.says(world.bob, thread, "no ping", reply_to=of_bot(world, thread)[0], pings_reply=False)
        await followed(world, served, thread)
        assert len(of_bot(world, thread)) == 1
        asked = await world.slash(world.ada, thread, "agent status")
        await world.answered(asked)
        assert asked.original is not None
        assert "Put aside" not in asked.original.content
        assert not [it for it in caplog.records if it.levelno >= logging.WARNING and "put aside" in it.getMessage()]
