"""People edit and delete what they wrote on Slack, and the whole bot follows."""

import json
from pathlib import Path

import pytest

from memory.ports import Kind
from tests.platforms.slack.served import Served, of_bot, serving
from tests.platforms.slack.things import Channel, Message
from tests.platforms.slack.things import Kind as ChannelKind
from tests.platforms.slack.world import World


def scope_of(world: World, channel: Channel) -> str:
    team = world.state.workspace.id
    return f"slack:dm:{team}/{channel.person.id}" if channel.person else f"slack:channel:{team}/{channel.id}"


async def asked(world: World, place: Channel, text: str, *, thread: Message | None = None) -> Message:
    """Ada writes to the bot there and is answered; returns what she wrote."""
    mentions = [world.bot] if place.kind is not ChannelKind.IM else []
    message = await world.says(world.ada, place, text, mentions=mentions, thread=thread)
    await world.hears(place, after=message)
    await world.acknowledged()
    return message


async def found(served: Served, scope: str, query: str) -> str:
    """All that a search in recall storage finds of people's messages and alerts."""
    agent = await served.app.agents.get(scope)
    recall = served.app.shelves.recall
    hits = await recall.get(agent.id, await recall.search(agent.id, query))
    return "\n".join(message.text or "" for message in hits if message.kind is not Kind.ASSISTANT)


def shown(served: Served) -> str:
    """What the model was shown last, but for what it said itself."""
    return str([message for message in served.model.requests[-1]["messages"] if message["role"] != "assistant"])


def alerts(served: Served) -> list[str]:
    """The alerts in the last request."""
    events = [json.loads(it["content"]) for it in served.model.requests[-1]["messages"] if it["role"] == "user"]
    return [event["message"] for event in events if event["type"] == "system_alert"]


@pytest.fixture(params=["direct", "channel"])
def place(request: pytest.FixtureRequest, world: World) -> Channel:
    return world.dm(world.ada) if request.param == "direct" else world.general


async def test_an_edited_message_says_the_new_text_everywhere(world: World, tmp_path: Path, place: Channel) -> None:
    async with serving(world, tmp_path) as served:
        message = await asked(world, place, "the cat is called Zebedee")
        turns = len(served.model.requests)
        await world.edits(message, "the cat is called Orlando")
        await world.acknowledged()
        await asked(world, place, "what is it called?")
        assert len(served.model.requests) == turns + 1  # the edit began no turn
        assert "Orlando" in shown(served)
        assert "Zebedee" not in shown(served)
        assert "Orlando" in await found(served, scope_of(world, place), "cat called")


@pytest.mark.parametrize("is_answered_below", [False, True])
async def test_a_deleted_message_is_found_nowhere_and_the_agent_is_told(
    world: World, tmp_path: Path, place: Channel, is_answered_below: bool
) -> None:
    """One to which others replied Slack leaves standing, as a message of its own."""
    async with serving(world, tmp_path) as served:
        message = await asked(world, place, "the cat is called Zebedee")
        if is_answered_below:
            await asked(world, place, "sweet", thread=message)
        await world.deletes(message)
        await world.acknowledged()
        await asked(world, place, "what is it called?")
        assert "Zebedee" not in shown(served)
        assert len([it for it in alerts(served) if "deleted" in it]) == 1
        assert "Zebedee" not in await found(served, scope_of(world, place), "cat called")


async def test_what_stands_in_a_thread_is_changed_as_well(world: World, tmp_path: Path, place: Channel) -> None:
    async with serving(world, tmp_path) as served:
        first = await asked(world, place, "about the cat")
        inside = await asked(world, place, "it is called Zebedee", thread=first)
        other = await asked(world, place, "it is grey", thread=first)
        await world.edits(inside, "it is called Orlando")
        await world.deletes(other)
        await world.acknowledged()
        await asked(world, place, "what is it called?")
        assert "Orlando" in shown(served)
        assert "Zebedee" not in shown(served)
        assert "grey" not in shown(served)


async def test_what_slack_itself_changes_is_no_edit(world: World, tmp_path: Path, place: Channel) -> None:
    async with serving(world, tmp_path) as served:
        message = await asked(world, place, "see https://example.org")
        await world.unfurls(message, "A page")
        await world.acknowledged()
        await asked(world, place, "well?")
        assert not alerts(served)


async def test_what_was_never_seen_may_be_edited_and_deleted(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        unseen = await world.says(world.bob, world.general, "not for you")
        await world.edits(unseen, "not for you either")
        await world.deletes(unseen)
        await asked(world, world.general, "hello")
        assert "not for you" not in str(served.model.requests)
        assert not alerts(served)


async def test_what_the_bot_said_may_be_deleted(world: World, tmp_path: Path, place: Channel) -> None:
    async with serving(world, tmp_path) as served:
        await asked(world, place, "hello")
        world.state.delete(of_bot(world, place)[0])
        await world.acknowledged()
        await asked(world, place, "again")
        assert not alerts(served)


async def test_a_mention_that_an_edit_adds_is_answered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        message = await world.says(world.ada, world.general, "what is up?")
        await world.edits(message, "what is up?", mentions=[world.bot])
        answer = await world.hears(world.general)
    assert "what is up?" in answer.text
