"""What people wrote, edited and deleted on Slack while the bot was down is taken up when it is there again, once."""

import asyncio
from pathlib import Path

import pytest

from adapters.testing import Reply, Request
from tests.adapters.slack.test_changes import found, scope_of, shown
from tests.adapters.slack.test_commands import gives
from tests.platforms.serving import echo, settled
from tests.platforms.slack.served import of_bot, serving
from tests.platforms.slack.things import Channel, Kind, Message
from tests.platforms.slack.world import World


@pytest.fixture(params=["direct", "channel"])
def place(request: pytest.FixtureRequest, world: World) -> Channel:
    return world.dm(world.ada) if request.param == "direct" else world.general


async def asked(world: World, place: Channel, text: str, *, thread: Message | None = None) -> Message:
    """Ada writes to the bot there and is answered; returns what she wrote. What was missed is not told again."""
    mentions = [world.bot] if place.kind is not Kind.IM else []
    message = await world.says(world.ada, place, text, mentions=mentions, thread=thread)
    await world.hears(place, after=message)
    return message


async def test_what_was_missed_is_answered_once_however_often_it_is_told(
    world: World, tmp_path: Path, place: Channel
) -> None:
    mentions = [world.bot] if place.kind is not Kind.IM else []
    async with serving(world, tmp_path):
        first = await asked(world, place, "hello")
    missed = await world.says(world.ada, place, "are you there?", mentions=mentions)
    async with serving(world, tmp_path):
        await world.hears(place, after=missed, holds=lambda it: "are you there?" in it.text)
        await world.retries()
        await settled(world)
        await asked(world, place, "good")
    said = [it.text.splitlines()[0] for it in of_bot(world, place)]
    assert said == ["You said: hello", "You said: are you there?", "You said: good"]
    assert first.ts < missed.ts


@pytest.mark.parametrize(("days", "is_direct"), [(3, False), (8, True)])
async def test_what_was_missed_in_a_place_that_was_quiet_for_days_is_answered(
    world: World, tmp_path: Path, days: int, is_direct: bool
) -> None:
    place, mentions = (world.dm(world.ada), []) if is_direct else (world.general, [world.bot])
    async with serving(world, tmp_path):
        await asked(world, place, "hello")
    world.clock.advance(days * 86_400)
    await world.says(world.ada, place, "are you there?", mentions=mentions)
    async with serving(world, tmp_path):
        await world.hears(place, holds=lambda it: "are you there?" in it.text)
        await settled(world)
    assert len(of_bot(world, place)) == 2


async def test_a_first_direct_message_that_was_missed_is_answered_once(world: World, tmp_path: Path) -> None:
    direct = world.dm(world.bob)
    await world.says(world.bob, direct, "long ago")
    world.clock.advance(2 * 86_400)
    async with serving(world, tmp_path):
        await asked(world, world.dm(world.ada), "hello")
    await world.says(world.bob, direct, "!agent remember the tea is green")
    missed = await world.says(world.bob, direct, "are you there?")
    for _ in range(2):
        async with serving(world, tmp_path) as served:
            await world.hears(direct, after=missed)
            await world.until(lambda: len(world.calls_of("conversations.history")) >= 2)
            await settled(world)
            assert "long ago" not in str(served.model.requests)
            assert "the tea is green" not in str(served.model.requests)
    assert [it.text.splitlines()[0] for it in of_bot(world, direct)] == ["You said: are you there?"]


@pytest.mark.parametrize("line", ["forget zebra", "erase-me erase me", "pause"])
async def test_what_was_taken_away_does_not_come_back_from_a_conversation_that_is_known_no_more(
    world: World, tmp_path: Path, line: str
) -> None:
    direct = world.dm(world.ada)
    async with serving(world, tmp_path):
        if line == "pause":
            await gives(world, f"/agent {line}", where=direct)
        await asked(world, direct, "zebra")
        if line != "pause":
            given = await world.answered(await world.slash(world.ada, direct, f"/agent {line}"))
            if line != "erase-me erase me":
                await world.answered(await world.clicks(world.ada, given.answers[0], "Yes, do it"))
    told = len(of_bot(world, direct))
    async with serving(world, tmp_path) as served:
        await settled(world)
        await world.until(lambda: world.calls_of("conversations.list"))
        await settled(world)
        await asked(world, direct, "what do you know?")
        assert "zebra" not in str(served.model.requests)
    assert len(of_bot(world, direct)) == told + 1


async def test_without_the_scope_for_it_a_first_message_is_missed_and_nothing_breaks(
    world: World, tmp_path: Path
) -> None:
    world.state.scopes -= {"im:read"}
    await world.says(world.bob, world.dm(world.bob), "are you there?")
    async with serving(world, tmp_path):
        await world.until(lambda: world.calls_of("conversations.list"))
        await asked(world, world.dm(world.ada), "hello")
    assert not of_bot(world, world.dm(world.bob))


async def test_what_was_missed_in_threads_is_answered_there(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        known = await asked(world, world.general, "hello")
        await asked(world, world.general, "in a thread", thread=known)
        other = await world.says(world.bob, world.general, "not for you")
    missed = await world.says(world.ada, world.general, "known thread", thread=known)
    fresh = await world.says(world.ada, world.general, "new thread", thread=other, mentions=[world.bot])
    async with serving(world, tmp_path):
        await world.hears(world.general, after=missed, thread=known)
        await world.hears(world.general, after=fresh, thread=other)
        await settled(world)
    assert not [it for it in of_bot(world, world.general) if "not for you" in it.text]


async def test_where_only_a_thread_was_heard_its_channel_is_read_too(world: World, tmp_path: Path) -> None:
    first = await world.says(world.bob, world.general, "not for you")
    async with serving(world, tmp_path):
        await asked(world, world.general, "hello", thread=first)
    missed = await world.says(world.ada, world.general, "and here?", mentions=[world.bot])
    async with serving(world, tmp_path):
        answer = await world.hears(world.general, after=missed)
        assert answer.text.startswith("You said: and here?")
        await settled(world)
    assert len(of_bot(world, world.general)) == 2


async def test_a_command_that_was_missed_is_neither_run_nor_answered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await asked(world, world.dm(world.ada), "hello")
    await world.says(world.ada, world.dm(world.ada), "!agent remember the tea is green")
    async with serving(world, tmp_path) as served:
        await settled(world)
        await asked(world, world.dm(world.ada), "well?")
        assert "the tea is green" not in str(served.model.requests)


async def test_what_was_edited_and_deleted_meanwhile_is_followed(world: World, tmp_path: Path, place: Channel) -> None:
    async with serving(world, tmp_path):
        await asked(world, place, "hello")
        edited = await asked(world, place, "the cat is called Zebedee")
        deleted = await asked(world, place, "the dog is called Rex")
        below = await asked(world, place, "the mouse is called Mia", thread=edited)
        await asked(world, place, "that is all", thread=edited)
        await asked(world, place, "that is all")
    await world.edits(edited, "the cat is called Orlando")
    await world.deletes(deleted, below)
    async with serving(world, tmp_path) as served:
        await asked(world, place, "what are they called?")
        await settled(world)
        await asked(world, place, "and again?")
        assert "Orlando" in shown(served)
        for gone in ("Zebedee", "Rex", "Mia"):
            assert gone not in shown(served)
            assert gone not in await found(served, scope_of(world, place), f"called {gone}")


async def test_a_history_that_cannot_be_read_holds_up_nobody(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await asked(world, world.general, "hello")
        await asked(world, world.dm(world.ada), "hello")
    world.faults.refuse("conversations.history", "not_in_channel")
    world.faults.limit("conversations.history", 120)
    missed = [
        await world.says(world.ada, world.general, "general", mentions=[world.bot]),
        await world.says(world.ada, world.dm(world.ada), "direct"),
    ]
    async with serving(world, tmp_path):
        await world.until(lambda: len(of_bot(world, world.general)) + len(of_bot(world, world.dm(world.ada))) == 3)
        await world.retries()
        for message in missed:
            await world.hears(message.channel, after=message)


@pytest.fixture
def ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.GRACE_S", 0.0)


async def left(world: World, data_dir: Path, place: Channel, *texts: str) -> list[Message]:
    """Ada is answered once, and writes more; the bot ends over the answer to the first of that."""
    at_work = asyncio.Event()
    mentions = [world.bot] if place.kind is not Kind.IM else []

    async def think(request: Request) -> Reply:
        if texts[0] in str(request["messages"][-1]):
            at_work.set()
            await asyncio.Event().wait()
        return echo(request)

    async with serving(world, data_dir, think):
        await asked(world, place, "hello")
        written = []
        for text in texts:
            written.append(await world.says(world.ada, place, text, mentions=mentions))
            await asyncio.wait_for(at_work.wait(), 10)
        await world.acknowledged()
    return written


@pytest.mark.usefixtures("ends_at_once")
async def test_what_waited_for_its_answer_and_was_deleted_or_edited_is_answered_as_it_is_now(
    world: World, tmp_path: Path, place: Channel
) -> None:
    under_way, deleted, edited, _ = await left(world, tmp_path, place, "at work", "Zebedee", "Quagga", "last")
    await world.deletes(deleted)
    await world.edits(edited, "Orlando")
    async with serving(world, tmp_path) as served:
        await world.hears(place, after=under_way, holds=lambda it: "last" in it.text)
        assert "Zebedee" not in shown(served)
        assert "Quagga" not in shown(served)
        assert "Orlando" in shown(served)


@pytest.mark.usefixtures("ends_at_once")
async def test_what_waits_is_not_held_for_ever(world: World, tmp_path: Path, place: Channel) -> None:
    first, *_ = await left(world, tmp_path, place, "one", "two")
    world.faults.fail("conversations.history", 503, times=99)
    async with serving(world, tmp_path):
        await world.hears(place, after=first, holds=lambda it: "two" in it.text)
