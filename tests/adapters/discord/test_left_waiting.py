"""What waits at a start is answered as it stands on Discord by then, once its histories were compared."""

import asyncio
from pathlib import Path

import pytest

from adapters.testing import Reply, Request
from memory.turns.outbox import OutboxStore
from tests.platforms.discord.served import QuickPlatform, Served, of_bot, serving
from tests.platforms.discord.things import Channel, Message
from tests.platforms.discord.world import World
from tests.platforms.serving import echo, settled

HISTORY = "GET /channels/*/messages"


@pytest.fixture
def place(world: World) -> Channel:
    return world.dm(world.ada)


@pytest.fixture(autouse=True)
def ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.GRACE_S", 0.0)


def shown(served: Served) -> str:
    """What the model was shown that people wrote."""
    return str([it["content"] for asked in served.model.requests for it in asked["messages"] if it["role"] == "user"])


def answers(world: World, place: Channel) -> list[str]:
    """The first lines of what the bot has said, after its first answer."""
    return [it.content.split("\n")[0] for it in of_bot(world, place)][1:]


async def followed(world: World, served: Served, place: Channel) -> None:
    """Wait until the bot has done what there was to do in a place."""
    client = served.platform._client
    assert client is not None
    await settled(world)
    async with client.in_order(place.id):
        pass


async def left(world: World, data_dir: Path, place: Channel, *texts: str) -> list[Message]:
    """Ada writes a message that is answered, and then others; the bot ends over the answer to the first of these."""
    asked = asyncio.Event()

    async def think(request: Request) -> Reply:
        if texts[0] in str(request["messages"][-1]):
            asked.set()
            await asyncio.Event().wait()
        return echo(request)

    async with serving(world, data_dir, think) as served:
        first = await world.says(world.ada, place, "hello")
        await world.hears(place, after=first)
        written = []
        for text in texts:
            world.clock.advance(1)
            written.append(await world.says(world.ada, place, text))
            await asyncio.wait_for(asked.wait(), 10)
        await followed(world, served, place)
    world.clock.advance(1)
    return written


async def test_a_message_that_waits_and_was_deleted_is_not_answered(
    world: World, tmp_path: Path, place: Channel
) -> None:
    _, waiting, _ = await left(world, tmp_path, place, "at work", "Zebedee", "Quagga")
    await world.deletes(waiting)
    async with serving(world, tmp_path) as served:
        await world.hears(place, holds=lambda it: "Quagga" in it.content)
        assert "Zebedee" not in shown(served)
        assert answers(world, place) == ["You said: at work", "You said: Quagga"]


async def test_a_turn_that_was_under_way_about_a_deleted_message_ends(
    world: World, tmp_path: Path, place: Channel
) -> None:
    under_way, _ = await left(world, tmp_path, place, "Zebedee", "Quagga")
    await world.deletes(under_way)
    async with serving(world, tmp_path) as served:
        await world.hears(place, holds=lambda it: "Quagga" in it.content)
        assert "Zebedee" not in shown(served)
        assert answers(world, place) == ["You said: Quagga"]


async def test_what_was_edited_is_answered_as_it_is_now(world: World, tmp_path: Path, place: Channel) -> None:
    under_way, waiting, _ = await left(world, tmp_path, place, "Zebedee", "Zebedee, too", "last")
    await world.edits(under_way, "Quagga")
    await world.edits(waiting, "Orlando")
    async with serving(world, tmp_path) as served:
        await world.hears(place, holds=lambda it: "last" in it.content)
        assert "Zebedee" not in shown(served)
        assert {"Quagga", "Orlando", "last"} <= set(shown(served).replace('"', " ").split())


async def test_what_is_written_meanwhile_comes_after_what_waits(world: World, tmp_path: Path, place: Channel) -> None:
    await left(world, tmp_path, place, "one", "two")
    reading = world.faults.hold(HISTORY)
    async with serving(world, tmp_path) as served:
        await asyncio.wait_for(reading.arrived.wait(), 10)
        await world.says(world.bob, world.dm(world.bob), "somebody else")
        await world.hears(world.dm(world.bob), holds=lambda it: "somebody else" in it.content)
        await world.says(world.ada, place, "three")
        await settled(world)
        assert answers(world, place) == []
        assert '"one"' not in shown(served)
        reading.release()
        await world.hears(place, holds=lambda it: "three" in it.content)
        assert answers(world, place)[:1] == ["You said: one"]
        assert shown(served).index('"two"') < shown(served).index('"three"')


@pytest.mark.parametrize("fault", ["down", "no such place", "places unknown", "slow"])
async def test_nothing_is_held_for_ever(
    world: World, tmp_path: Path, place: Channel, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left(world, tmp_path, place, "one", "two")
    if fault == "down":
        world.faults.fail(HISTORY, 503, times=99)
    elif fault == "no such place":
        world.faults.fail(HISTORY, 404, times=99)
    elif fault == "slow":
        monkeypatch.setattr("adapters.discord.platform.LONGEST_HELD_S", 0.01)
        world.faults.hold(HISTORY, times=99)

    async def wait(seconds: float) -> None:
        """Let it pass."""

    async def broken(self: object, platform: str, within: object) -> object:
        raise OSError("no such place")

    if fault == "places unknown":
        monkeypatch.setattr("bot.inbound.receive.Receiver.last_heard", broken)
    async with serving(world, tmp_path, platform=QuickPlatform(world, wait=wait)):
        await world.hears(place, holds=lambda it: "two" in it.content)
        assert answers(world, place) == ["You said: one", "You said: two"]


async def test_what_is_quoted_in_what_waits_and_was_deleted_is_not_shown(world: World, tmp_path: Path) -> None:
    asked, place = asyncio.Event(), world.general

    async def think(request: Request) -> Reply:
        if "at work" in str(request["messages"][-1]):
            asked.set()
            await asyncio.Event().wait()
        return echo(request)

    async with serving(world, tmp_path, think) as served:
        await world.hears(place, after=await world.says(world.bob, place, "hello", mentions=[world.bot]))
        world.clock.advance(1)
        original = await world.says(world.ada, place, "My cat is Zebedee.")  # which the bot does not hear
        for text in ("at work", "what of that?", "last"):
            world.clock.advance(1)
            reply_to = None if text == "at work" else original
            await world.says(world.bob, place, text, reply_to=reply_to, mentions=[world.bot])
            await asyncio.wait_for(asked.wait(), 10)
        await followed(world, served, place)
    await world.deletes(original)
    async with serving(world, tmp_path) as served:
        await world.hears(place, holds=lambda it: "last" in it.content)
        assert "Zebedee" not in shown(served)


async def test_a_reply_that_was_left_is_not_said_if_what_it_answers_is_gone(
    world: World, tmp_path: Path, place: Channel
) -> None:
    async with serving(world, tmp_path) as served:
        await world.hears(place, after=await world.says(world.ada, place, "hello"))
        post = world.faults.hold("POST /channels/*/messages")
        await world.says(world.ada, place, "one")
        await asyncio.wait_for(post.arrived.wait(), 10)
        world.clock.advance(1)
        gone = await world.says(world.ada, place, "Zebedee")
        world.clock.advance(1)
        await world.says(world.ada, place, "last")
        while len(await OutboxStore(served.app.database).open_of("discord", str(place.id), None)) < 3:
            await settled(world)
    post.drop()
    await world.deletes(gone)
    reading = world.faults.hold(HISTORY)
    async with serving(world, tmp_path):
        await asyncio.wait_for(reading.arrived.wait(), 10)
        await settled(world)
        assert answers(world, place) == []
        reading.release()
        await world.hears(place, holds=lambda it: "last" in it.content)
        assert answers(world, place) == ["You said: one", "You said: last"]
