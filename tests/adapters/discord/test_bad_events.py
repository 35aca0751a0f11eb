"""Events, frames and answers that Discord would not send: the bot lives, and answers the next hello."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Address
from adapters.ports.platform import Sought
from tests.adapters.discord.bad_input import hello, tried
from tests.platforms.discord.errors import Json
from tests.platforms.discord.served import of_bot, serving
from tests.platforms.discord.world import World
from tests.platforms.serving import settled


def message_event(world: World, **more: Any) -> Json:
    """A message of Ada's in the channel, as the gateway tells it."""
    author = {"id": str(world.ada.id), "username": "ada", "global_name": "Ada", "avatar": None, "discriminator": "0"}
    return {
        "id": str(world.state.new_id()),
        "channel_id": str(world.general.id),
        "guild_id": str(world.guild.id),
        "type": 0,
        "author": author,
        "content": "hi",
        "timestamp": world.clock.now().isoformat(),
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [{"id": str(world.bot.id), "username": "memo", "avatar": None, "discriminator": "0"}],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
    } | more


EVENTS: dict[str, tuple[str, Any]] = {
    "an unknown event": ("SOMETHING_NEW", {"id": "1"}),
    "an unknown event without a body": ("SOMETHING_NEW", None),
    "a message that is nothing": ("MESSAGE_CREATE", None),
    "a message that is a list": ("MESSAGE_CREATE", []),
    "a message without fields": ("MESSAGE_CREATE", {}),
    "a message of a channel that is none": ("MESSAGE_CREATE", {"channel_id": "x", "id": "y"}),
    "an edit without fields": ("MESSAGE_UPDATE", {}),
    "an edit that says only which": ("MESSAGE_UPDATE", {"id": "1", "channel_id": "2"}),
    "a deletion without fields": ("MESSAGE_DELETE", {}),
    "a deletion of an unknown channel": ("MESSAGE_DELETE", {"id": "1", "channel_id": "2", "guild_id": None}),
    "a bulk deletion without ids": ("MESSAGE_DELETE_BULK", {"channel_id": "2"}),
    "a bulk deletion of nothing": ("MESSAGE_DELETE_BULK", {"channel_id": "2", "ids": []}),
    "a reaction without fields": ("MESSAGE_REACTION_ADD", {}),
    "a guild without fields": ("GUILD_CREATE", {}),
    "the end of an unknown guild": ("GUILD_DELETE", {"id": "1"}),
    "a channel without fields": ("CHANNEL_CREATE", {"id": "1"}),
    "a channel of an unknown kind": ("CHANNEL_CREATE", {"id": "1", "type": 99, "guild_id": "2", "name": "new"}),
    "a thread without fields": ("THREAD_CREATE", {}),
    "an interaction without fields": ("INTERACTION_CREATE", {}),
    "an interaction of an unknown kind": (
        "INTERACTION_CREATE",
        {"id": "1", "application_id": "1", "type": 77, "token": "t", "version": 9, "channel_id": "1", "data": {}},
    ),
}


async def test_an_event_that_cannot_be_read_is_passed_over(world: World, tmp_path: Path) -> None:
    async with tried(world, tmp_path):
        for what, (event, body) in EVENTS.items():
            world.state.emit(event, body)
            await hello(world, what)


BROKEN_FIELDS: dict[str, Json] = {
    "no author": {"author": None},
    "an author without an id": {"author": {"username": "ada"}},
    "a guild that is null": {"guild_id": None},
    "a member that is null": {"member": None},
    "a member without fields": {"member": {}},
    "mentions that are null": {"mentions": None},
    "no content": {"content": None},
    "a content that is a number": {"content": 7},
    "a type that is text": {"type": "hello"},
    "a time that is none": {"timestamp": "yesterday"},
    "attachments without fields": {"attachments": [{}]},
    "an attachment without a name": {
        "attachments": [{"id": "1", "filename": None, "size": 1, "url": "", "proxy_url": ""}]
    },
    "an embed that is a list": {"embeds": [[]]},
    "a reference to nothing": {"message_reference": {}, "referenced_message": None, "type": 19},
    "stickers without fields": {"sticker_items": [{}]},
    "components of an unknown kind": {"components": [{"type": 99, "id": 1}]},
    "components without a kind": {"components": [{}]},
    "a poll without fields": {"poll": {}},
    "snapshots without fields": {"message_snapshots": [{}]},
    "reactions of nonsense": {"reactions": [{"emoji": {"id": "x:", "name": ""}, "count": 1, "me": False}]},
    "an id that is none": {"id": "first"},
}


async def test_a_message_with_a_broken_field_harms_no_other(world: World, tmp_path: Path) -> None:
    async with tried(world, tmp_path):
        for what, fields in BROKEN_FIELDS.items():
            world.state.emit("MESSAGE_CREATE", message_event(world, **fields), guild=world.guild)
            world.state.emit("MESSAGE_UPDATE", message_event(world, **fields), guild=world.guild)
            await hello(world, what)


@pytest.mark.parametrize("frame", ["{no JSON", "[]", "null", '{"op": 0, "t": "READY", "d": {}, "s": 3}', '{"op": 0}'])
async def test_a_frame_that_ends_the_connection_brings_a_new_one(world: World, tmp_path: Path, frame: str) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.dm(world.ada), "before")
        await world.hears(world.dm(world.ada), after=asked)
        world.gateway.send_text(frame)
        await world.says(world.ada, world.dm(world.ada), "meanwhile")
        await world.hears(world.dm(world.ada), holds=lambda it: "meanwhile" in it.content)
        await settled(world)
    assert sum("meanwhile" in it.content for it in of_bot(world, world.dm(world.ada))) == 1


async def test_a_message_that_cannot_be_read_hides_none_of_those_that_were_missed(world: World, tmp_path: Path) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, place, "before")
        await world.hears(place, after=asked)
    await world.says(world.ada, place, "one")
    broken = world.state.post(place, world.ada, "two", more={"reactions": [{}]})
    await world.says(world.ada, place, "three", reply_to=broken)  # so it cannot be read either
    await world.says(world.ada, place, "four")
    async with serving(world, tmp_path):
        await world.hears(place, holds=lambda it: "four" in it.content)
    said = "\n".join(it.content for it in of_bot(world, place))
    assert [word in said for word in ("one", "two", "three", "four")] == [True, False, False, True]


async def test_commands_that_discord_does_not_take_keep_nobody_from_being_answered(
    world: World, tmp_path: Path
) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, place, "before")
        await world.hears(place, after=asked)
    await world.says(world.ada, place, "missed")
    world.state.commands[None].clear()
    world.faults.fail("PUT /applications/*/commands", 400, {"code": 50035, "message": "Invalid Form Body"})
    async with serving(world, tmp_path):
        await world.hears(place, holds=lambda it: "missed" in it.content)


async def test_what_was_missed_comes_before_what_is_new(world: World, tmp_path: Path) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, place, "before")
        await world.hears(place, after=asked)
    await world.says(world.ada, place, "missed")

    async def right_after_the_session_began() -> None:
        await world.connected()
        await world.says(world.ada, place, "the newest")

    writing = asyncio.create_task(right_after_the_session_began())
    async with serving(world, tmp_path) as served:
        await writing
        await world.hears(place, holds=lambda it: "the newest" in it.content)
        told = json.dumps(served.model.requests[-1]["messages"])
    assert 0 < told.find("missed") < told.find("the newest")


UNREADABLE = {"components": [{}], "reactions": [{}], "sticker_items": [{}]}


async def test_a_posted_reply_whose_answer_cannot_be_read_is_not_in_doubt(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = world.dm(world.ada)
    async with tried(world, tmp_path):
        asked = world.state.post(place, world.ada, "hello")
        asked.more = UNREADABLE  # what replies to it shows it, in the answer to the post and in the event
        await world.hears(place, after=asked)
    assert sum("hello\n" in f"{it.content}\n" for it in of_bot(world, place)) == 1
    assert [it.getMessage() for it in caplog.records if it.levelno >= logging.ERROR] == []


async def test_a_reply_is_found_behind_much_and_behind_what_cannot_be_read(world: World, tmp_path: Path) -> None:
    async with tried(world, tmp_path) as served:
        address, since = Address("discord", str(world.general.id)), world.clock.now()
        for number in range(120):  # Discord tells a hundred at a time
            world.state.post(world.general, world.bob, f"message {number}", more=UNREADABLE if number % 7 == 0 else {})
        posted = await served.platform.send(address, "Here I am.", "key")
        world.state.post(world.general, world.bob, "the last", more=UNREADABLE)
        assert await served.platform.find_sent(address, "key", Sought("Here I am.", since)) == posted
