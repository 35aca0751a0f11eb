"""What a person replies to on Discord is shown to the agent, and follows what becomes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Request
from memory.people.channels import Mode
from tests.platforms.discord.served import Served, serving
from tests.platforms.discord.things import Channel, Message
from tests.platforms.discord.world import World
from tests.platforms.serving import settled


def replied_to(request: Request) -> dict[str, Any] | None:
    """What the newest event that the model is shown is a reply to."""
    last = next(message for message in reversed(request["messages"]) if message["role"] == "user")
    told: dict[str, Any] | None = json.loads(last["content"]).get("replying_to")
    return told


def events(served: Served) -> list[dict[str, Any]]:
    return [json.loads(it["content"]) for it in served.model.requests[-1]["messages"] if it["role"] == "user"]


def scope_of(world: World, channel: Channel) -> str:
    return f"discord:channel:{world.guild.id}/{channel.id}"


async def replies(world: World, said: Message, text: str) -> Message:
    """Bob replies to a message in its place, and is answered."""
    mentions = [world.bot] if said.channel.guild is not None else []
    reply = await world.says(world.bob, said.channel, text, reply_to=said, mentions=mentions)
    await world.hears(said.channel, after=reply)
    return reply


async def test_the_agent_is_shown_what_a_person_replies_to(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        said = await world.says(world.ada, world.general, f"The cat is Zebedee.\n{'And so on. ' * 100}")
        await replies(world, said, "is that so?")
        (request,) = served.model.requests
        told = replied_to(request)
        assert told is not None
        assert told["from"] == f"Ada ({world.ada.id})"
        assert told["message_id"] == str(said.id)
        assert told["text"].startswith("The cat is Zebedee. And so on.")
        assert len(told["text"]) == 200
        agent = await served.app.agents.get(scope_of(world, world.general))
        recall = served.app.shelves.recall
        assert await recall.search(agent.id, "Zebedee") == ()
        found = await recall.get(agent.id, await recall.search(agent.id, "is that so"))
        assert "is that so?" in [message.text for message in found]


async def test_of_a_message_without_words_the_agent_is_shown_what_its_boxes_say(world: World, tmp_path: Path) -> None:
    robot = world.person("Robot", is_bot=True)
    box = {
        "type": "rich",
        "title": "Weather",
        "description": "It rains.",
        "fields": [{"name": "Wind", "value": "9 km/h"}],
    }
    async with serving(world, tmp_path) as served:
        await replies(world, world.state.post(world.general, robot, "", embeds=[box]), "shall I go out?")
        told = replied_to(served.model.requests[-1])
        assert told is not None
        assert told["text"] == "Weather It rains. Wind: 9 km/h"
        await replies(world, world.state.post(world.general, robot, "See https://example.org", embeds=[box]), "and?")
        told = replied_to(served.model.requests[-1])
        assert told is not None
        assert told["text"] == "See https://example.org"


async def test_what_the_agent_said_is_its_own(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.bob, world.dm(world.bob), "hello")
        answer = await world.hears(world.dm(world.bob), after=asked)
        await replies(world, answer, "what do you mean?")
        told = replied_to(served.model.requests[-1])
        assert told is not None
        assert (told["from"], told["message_id"]) == ("you", str(answer.id))
        assert told["text"].startswith("You said: hello")


async def test_a_file_without_a_word_is_named(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        file = ("plan.txt", b"secret words", "text/plain")
        said = await world.says(world.ada, world.general, "", attachments=[file])
        await replies(world, said, "have you seen that?")
        told = replied_to(served.model.requests[-1])
        assert told is not None
        assert told["text"] == "[file: plan.txt]"


async def test_what_is_gone_already_is_not_shown(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        said = await world.says(world.ada, world.general, "Zebedee")
        await world.deletes(said)
        await replies(world, said, "what was that?")
        assert replied_to(served.model.requests[-1]) is None
        assert "Zebedee" not in str(served.model.requests)


async def test_a_message_of_another_place_is_not_shown(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        said = await world.says(world.ada, world.dm(world.ada), "Zebedee")
        await world.hears(world.dm(world.ada), after=said)
        calls = len(served.model.requests)
        reply = await world.says(world.bob, world.general, "aha", reply_to=said, mentions=[world.bot])
        await world.hears(world.general, after=reply)
        assert len(served.model.requests) == calls + 1
        assert "Zebedee" not in str(served.model.requests[-1])


async def followed(world: World, served: Served) -> None:
    """Wait until the edits and deletions in the channel so far were handed in."""
    client = served.platform._client
    assert client is not None
    await settled(world)
    async with client.in_order(world.general.id):
        pass


async def test_what_was_quoted_is_gone_when_it_is_deleted_and_the_agent_is_told(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        said = await world.says(world.ada, world.general, "Zebedee is in Quito")
        await replies(world, said, "where is it?")
        assert "Zebedee" in str(served.model.requests)
        await world.deletes(said)
        await followed(world, served)
        async with served.app.database.read() as connection:
            rows = (await connection.exec_driver_sql("SELECT replying_to, quote FROM messages")).all()
            rows += (await connection.exec_driver_sql("SELECT replying_to, quote FROM inbox")).all()
        assert {tuple(row) for row in rows} == {(None, None)}
        await world.says(world.bob, world.general, "and now?", mentions=[world.bot])
        await world.until(lambda: "and now?" in str(served.model.requests[-1]["messages"][-1]))
        people = [event for event in events(served) if event["type"] == "user_message"]
        assert [event["message"] for event in people] == ["where is it?", "and now?"]
        assert "replying_to" not in people[0]
        (alert,) = [event["message"] for event in events(served) if event["type"] == "system_alert"]
        assert alert.startswith("What message ")
        assert "deleted" in alert
        assert "Zebedee" not in alert


async def test_what_was_quoted_says_what_it_says_now(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        said = await world.says(world.ada, world.general, "Zebedee is in Quito")
        await replies(world, said, "where is it?")
        await world.edits(said, "Orlando is in Quito")
        await followed(world, served)
        asked = await world.says(world.bob, world.general, "and now?", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        quotes = [event["replying_to"]["text"] for event in events(served) if "replying_to" in event]
        assert quotes == ["Orlando is in Quito"]
        assert len([event for event in events(served) if event["type"] == "system_alert"]) == 1


async def test_what_the_agent_heard_itself_is_changed_and_told_once(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await served.app.channels.choose(scope_of(world, world.general), Mode.LISTEN, "", world.clock.now())
        said = await world.says(world.ada, world.general, "Zebedee is in Quito")
        await replies(world, said, "where is it?")
        await world.deletes(said)
        await followed(world, served)
        asked = await world.says(world.bob, world.general, "and now?", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        (alert,) = [event["message"] for event in events(served) if event["type"] == "system_alert"]
        assert alert.startswith("Message ")
        shown = str([message for message in served.model.requests[-1]["messages"] if message["role"] == "user"])
        assert "Zebedee" not in shown


@pytest.mark.parametrize("edit", ["no words", "words", "no words again"])
async def test_what_names_a_file_follows_it(world: World, tmp_path: Path, edit: str) -> None:
    async with serving(world, tmp_path) as served:
        file = ("plan.txt", b"secret words", "text/plain")
        said = await world.says(world.ada, world.general, "", attachments=[file])
        await replies(world, said, "have you seen that?")
        for text in {"no words": [""], "words": ["look"], "no words again": ["look", ""]}[edit]:
            world.clock.advance(1)
            await world.edits(said, text)
        await settled(world)
        await replies(world, await world.says(world.ada, world.general, "and now?"), "well?")
        quoted = [event["replying_to"]["text"] for event in events(served) if "replying_to" in event]
        assert quoted[0] == ("look" if edit == "words" else "[file: plan.txt]")


@pytest.mark.parametrize(
    "unreadable",
    [
        {"author": None},
        {"poll": {"question": {"text": "Q?"}, "answers": [], "expiry": None, "allow_multiselect": False}},
    ],
)
@pytest.mark.parametrize("missed", [False, True])
async def test_a_reply_is_read_also_if_what_it_replies_to_cannot_be(
    world: World, tmp_path: Path, unreadable: dict[str, Any], *, missed: bool
) -> None:
    async with serving(world, tmp_path):
        hello = await world.says(world.bob, world.general, "hello", mentions=[world.bot])
        await world.hears(world.general, after=hello)
    said = await world.says(world.ada, world.general, "Zebedee")
    said.more = unreadable
    reply = await world.says(world.bob, world.general, "why?", reply_to=said, mentions=[world.bot]) if missed else None
    async with serving(world, tmp_path) as served:
        if reply is None:
            reply = await world.says(world.bob, world.general, "why?", reply_to=said, mentions=[world.bot])
        await world.hears(world.general, after=reply)
        assert replied_to(served.model.requests[-1]) is None
        world.clock.advance(1)
        await world.edits(reply, f"{world.bot.mention} why not?")
        await settled(world)
        assert "why not?" in str(
            await served.app.shelves.recall.queue((await served.app.agents.get(scope_of(world, world.general))).id)
        )
