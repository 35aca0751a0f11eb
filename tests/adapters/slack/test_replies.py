"""A reply stands on Slack once, whatever becomes of the request that posts it, and waits where that is asked for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.ports.errors import CannotTell, DeliveryRefused, PlatformUnavailable
from adapters.ports.intake import Intake, ToldOnce
from adapters.ports.messages import Address, InboundMessage, Origin, Person
from adapters.ports.platform import Sought
from adapters.slack.blocks import parts_for_slack
from adapters.slack.platform import SlackPlatform
from tests.platforms.faults import Limit
from tests.platforms.slack.served import QuickPlatform, of_bot
from tests.platforms.slack.world import World


@asynccontextmanager
async def connected(
    world: World, platform: SlackPlatform, told_once: ToldOnce | None = None
) -> AsyncIterator[SlackPlatform]:
    async def receive(message: InboundMessage) -> Awaitable[None]:
        raise AssertionError

    is_there = asyncio.Event()
    intake = Intake(receive, receive, connected=lambda name: is_there.set())  # type: ignore[arg-type]
    intake = intake if told_once is None else replace(intake, told_once=told_once)
    serving = asyncio.create_task(platform.run(intake))
    try:
        await is_there.wait()
        yield platform
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@pytest.fixture
async def platform(world: World) -> AsyncIterator[SlackPlatform]:
    async with connected(world, QuickPlatform(world)) as platform:
        yield platform


def at(world: World) -> Address:
    return Address("slack", world.general.id)


async def test_a_lost_answer_is_not_posted_again_by_itself(world: World, platform: SlackPlatform) -> None:
    world.faults.lose_answer("chat.postMessage")
    with pytest.raises(PlatformUnavailable) as raised:
        await platform.send(at(world), "hello", "key1")
    assert raised.value.may_be_posted
    assert len(of_bot(world, world.general)) == 1
    since = datetime.now(UTC) - timedelta(minutes=10)
    found = await platform.find_sent(at(world), "key1", Sought("hello", since))
    assert found == of_bot(world, world.general)[0].ts
    assert await platform.find_sent(at(world), "key2", Sought("hello", since)) is None


async def test_a_lost_reply_in_a_thread_is_found_in_the_thread(world: World, platform: SlackPlatform) -> None:
    first = await world.says(world.bob, world.general, "hello", subtype="channel_topic")
    address = Address("slack", world.general.id, first.ts)
    for number in range(150):
        await platform.send(address, f"reply {number}", f"key{number}")
    assert await platform.find_sent(address, "key149") == of_bot(world, world.general)[-1].ts
    assert await platform.find_sent(at(world), "key149") is None
    assert await platform.find_sent(Address("slack", world.general.id, "1.000001"), "key1") is None


@pytest.mark.parametrize("is_refused", [False, True])
async def test_an_answer_to_a_message_that_is_gone_stands_in_the_channel_once(
    world: World, platform: SlackPlatform, is_refused: bool
) -> None:
    world.state.refuses_orphans = is_refused
    gone = Address("slack", world.general.id, "1772366400.000100")
    if is_refused:
        await platform.send(gone, "hello", "key1")
    else:
        world.faults.lose_answer("chat.postMessage")
        with pytest.raises(PlatformUnavailable):
            await platform.send(gone, "hello", "key1")
    (said,) = of_bot(world, world.general)
    assert said.thread_ts is None
    assert await platform.find_sent(gone, "key1") == said.ts


async def test_where_there_are_no_threads_an_answer_stands_in_the_channel(
    world: World, platform: SlackPlatform
) -> None:
    first = await world.says(world.ada, world.general, "hello", subtype="channel_topic")
    world.faults.refuse("chat.postMessage", "restricted_action_non_threadable_channel")
    await platform.send(Address("slack", world.general.id, first.ts), "hello", "key1")
    assert [it.thread_ts for it in of_bot(world, world.general)] == [None]


async def test_the_key_of_somebody_elses_message_is_not_ours(world: World, platform: SlackPlatform) -> None:
    metadata = {"event_type": "reply", "event_payload": {"key": "key1"}}
    world.state.post(world.general, world.bob, "hello", metadata=metadata, subtype="channel_topic")
    assert await platform.find_sent(at(world), "key1") is None


async def test_a_history_that_may_not_be_read_tells_nothing(world: World, platform: SlackPlatform) -> None:
    world.state.scopes -= {"channels:history"}
    with pytest.raises(CannotTell):
        await platform.find_sent(at(world), "key1")


async def test_a_rate_limit_is_waited_for_as_long_as_slack_asks(world: World, platform: SlackPlatform) -> None:
    world.faults.limit("chat.postMessage", 7)
    before = world.clock.now()
    await platform.send(at(world), "hello", "key1")
    assert (world.clock.now() - before).total_seconds() >= 7
    assert len(of_bot(world, world.general)) == 1


async def test_a_long_rate_limit_is_left_to_whoever_asked(world: World, platform: SlackPlatform) -> None:
    world.faults.limit("chat.postMessage", 120)
    with pytest.raises(PlatformUnavailable) as raised:
        await platform.send(at(world), "hello", "key1")
    assert (raised.value.retry_after, raised.value.may_be_posted) == (120.0, False)
    assert not of_bot(world, world.general)


async def test_no_more_than_a_message_a_second_is_posted_in_a_channel(world: World) -> None:
    world.faults.limits["chat.postMessage"] = Limit(1, 1)

    async with connected(world, QuickPlatform(world, now=lambda: world.clock.now().timestamp())) as platform:
        await asyncio.gather(*(platform.send(at(world), f"{number}", f"key{number}") for number in range(4)))
    assert [it.blocks[0]["text"] for it in of_bot(world, world.general)] == ["0", "1", "2", "3"]
    assert [call.status for call in world.calls_of("chat.postMessage")] == [200] * 4


async def test_what_it_says_of_its_own_keeps_the_pace_too(world: World) -> None:
    world.faults.limits["chat.postMessage"] = Limit(1, 1)
    direct = Origin(Address("slack", world.dm(world.ada).id), Person(world.ada.id, "Ada"), is_direct=True, space="T")
    async with connected(world, QuickPlatform(world, now=lambda: world.clock.now().timestamp())) as platform:
        await platform.notify(direct, "word " * 8000)
    assert len(of_bot(world, world.dm(world.ada))) == 4
    assert [call.status for call in world.calls_of("chat.postMessage")] == [200] * 4


@pytest.mark.parametrize(
    ("status", "is_posted"),
    [(500, False), (502, False), (503, True)],
)
async def test_a_server_error_may_be_a_posted_message(
    world: World, platform: SlackPlatform, status: int, is_posted: bool
) -> None:
    (world.faults.fail_after if is_posted else world.faults.fail)("chat.postMessage", status)
    with pytest.raises(PlatformUnavailable) as raised:
        await platform.send(at(world), "hello", "key1")
    assert raised.value.may_be_posted
    assert len(of_bot(world, world.general)) == is_posted


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived", "something_new"])
async def test_what_slack_refuses_is_not_tried_again(world: World, platform: SlackPlatform, error: str) -> None:
    world.faults.refuse("chat.postMessage", error)
    with pytest.raises(DeliveryRefused, match=error):
        await platform.send(at(world), "hello", "key1")


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "account_inactive"])
async def test_a_token_that_was_revoked_loses_no_reply(world: World, platform: SlackPlatform, error: str) -> None:
    world.faults.refuse("chat.postMessage", error)
    with pytest.raises(PlatformUnavailable, match=error) as raised:
        await platform.send(at(world), "hello", "key1")
    assert not raised.value.may_be_posted


@pytest.mark.parametrize(
    ("emoji", "name"),
    [("👍", "+1"), ("👍🏽", "+1"), ("❤️", "heart"), (":tada:", "tada"), ("Eyes", "eyes"), ("🦊", "fox_face")],
)
async def test_a_message_is_reacted_to_once(world: World, platform: SlackPlatform, emoji: str, name: str) -> None:
    message = await world.says(world.ada, world.general, "hello", subtype="channel_topic")
    for _ in range(2):
        await platform.react(at(world), message.ts, emoji)
    assert list(message.reactions) == [name]


CODE = "Here it is:\n```python\n" + "\n".join(f"print({number})  # <!channel>" for number in range(5000)) + "\n```"
"""More than five messages of it."""


async def test_long_code_is_sent_as_a_file(world: World, platform: SlackPlatform) -> None:
    first = await world.says(world.ada, world.general, "hello", subtype="channel_topic")
    (part,) = platform.parts_of(CODE)
    await platform.send(Address("slack", world.general.id, first.ts), part, "key1")
    (said,) = of_bot(world, world.general)
    assert (said.text, said.thread_ts, said.pings_all) == ("Here it is:", first.ts, False)
    (file,) = said.files
    assert file.name == "answer-key1.py"
    assert file.content.decode().splitlines()[-1] == "print(4999)  # <!channel>"


async def test_a_file_of_which_nobody_heard_that_it_was_sent_is_found(world: World, platform: SlackPlatform) -> None:
    world.faults.lose_answer("files.completeUploadExternal")
    with pytest.raises(PlatformUnavailable) as raised:
        await platform.send(at(world), CODE, "key1")
    assert raised.value.may_be_posted
    assert await platform.find_sent(at(world), "key1") == of_bot(world, world.general)[0].ts
    assert await platform.find_sent(at(world), "key2") is None


@pytest.mark.parametrize("lacks", ["scope", "room"])
async def test_code_that_cannot_be_a_file_is_sent_in_parts(world: World, lacks: str) -> None:
    if lacks == "scope":
        world.state.scopes -= {"files:write"}
    else:
        world.faults.refuse("files.getUploadURLExternal", "storage_limit_reached")
    async with connected(world, QuickPlatform(world)) as platform:
        for number, part in enumerate(platform.parts_of(CODE)):
            await platform.send(at(world), part, f"key{number}")
    said = of_bot(world, world.general)
    assert len(said) > 5
    assert "print(4999)" in said[-1].text
    assert not any(it.pings_all for it in said)


@pytest.mark.parametrize("what", ["limit", "lost answer", "lost request"])
async def test_of_code_in_parts_none_is_lost_and_none_said_twice(world: World, what: str) -> None:
    async with connected(world, QuickPlatform(world)) as platform:
        world.faults.refuse("files.getUploadURLExternal", "storage_limit_reached")
        world.faults.hold("chat.postMessage").release()  # the first part arrives
        befall = {
            "limit": lambda: world.faults.limit("chat.postMessage", 120),
            "lost answer": lambda: world.faults.lose_answer("chat.postMessage"),
            "lost request": lambda: world.faults.lose_request("chat.postMessage"),
        }
        befall[what]()
        with pytest.raises(PlatformUnavailable) as raised:
            await platform.send(at(world), CODE, "key1")
        assert raised.value.may_be_posted
        sought = Sought(CODE, world.clock.now() - timedelta(minutes=10))
        assert await platform.find_sent(at(world), "key1", sought) is None
        world.faults.limit("chat.postMessage", 120)
        with pytest.raises(PlatformUnavailable) as raised:
            await platform.send(at(world), CODE, "key1")
        assert raised.value.may_be_posted  # some of it is there, whatever became of this try
        assert await platform.find_sent(at(world), "key1", sought) is None
        await platform.send(at(world), CODE, "key1")
        said = of_bot(world, world.general)
        assert [it.blocks[0]["text"] for it in said] == list(parts_for_slack(CODE))
        assert await platform.find_sent(at(world), "key1", sought) == said[0].ts
    assert not said[0].files


async def test_the_owner_is_told_once_where_the_bot_may_not_write(world: World) -> None:
    told = set[str]()

    async def told_once(key: str) -> bool:
        is_new = key not in told
        told.add(key)
        return is_new

    team = world.state.workspace.id
    owners = [f"slack:{team}/{world.ada.id}", f"slack:T0OTHER/{world.bob.id}", "discord:1"]
    closed = world.channel("closed", world.ada)
    async with connected(world, QuickPlatform(world, moderators=owners), told_once) as platform:
        for number in range(2):
            with pytest.raises(DeliveryRefused, match="not_in_channel: I am not in it; invite me"):
                await platform.send(Address("slack", closed.id), "hello", f"key{number}")
        world.faults.refuse("chat.postMessage", "something_new")
        with pytest.raises(DeliveryRefused):
            await platform.send(at(world), "hello", "key3")
    (said,) = of_bot(world, world.dm(world.ada))
    assert said.text == f"I was spoken to in <#{closed.id}>, and cannot answer there: I am not in it; invite me."
    assert not of_bot(world, world.dm(world.bob))


async def test_who_is_not_in_the_channel_is_told_directly(world: World, platform: SlackPlatform) -> None:
    far = world.state.add_user("Far")
    await platform.notify(Origin(at(world), Person(far.id, "Far"), is_direct=False, space="T"), "The model is down.")
    assert "The model is down." in world.transcript(world.dm(far))
    assert not world.transcript(world.general)


async def test_without_a_connection_nothing_is_posted(world: World) -> None:
    platform = QuickPlatform(world)
    with pytest.raises(PlatformUnavailable) as raised:
        await platform.send(at(world), "hello", "key1")
    assert not raised.value.may_be_posted
    async with platform.working(at(world)):
        pass
