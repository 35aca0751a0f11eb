"""People edit and delete what they wrote on Discord, and the whole bot follows."""

import asyncio
import json
from pathlib import Path

import pytest

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.intake import Intake
from adapters.ports.messages import InboundMessage, MessageChange
from adapters.testing import Reply, Request, answer, says
from memory.people.channels import Mode
from memory.portable.dump import dump
from memory.portable.load import load
from memory.ports import Kind
from tests.platforms.discord.served import QuickPlatform, Served, of_bot, serving
from tests.platforms.discord.things import Channel, Permission
from tests.platforms.discord.world import World
from tests.platforms.serving import settled
from tests.words_left import places_of


async def asked(world: World, channel: Channel, text: str) -> str:
    """Ada writes to the bot there and is answered; returns the answer."""
    mentions = [world.bot] if channel.guild is not None else []
    message = await world.says(world.ada, channel, text, mentions=mentions)
    return (await world.hears(channel, after=message)).content


def scope_of(world: World, channel: Channel) -> str:
    if channel.guild is None:
        return f"discord:dm:{channel.recipient.id}" if channel.recipient else ""
    return f"discord:channel:{channel.guild.id}/{channel.id}"


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


def mention(world: World, place: Channel) -> str:
    return f"{world.bot.mention} " if place.guild is not None else ""


async def followed(world: World, served: Served, place: Channel) -> None:
    """Wait until the events of a place so far were handed in: edits and deletions answer nobody."""
    client = served.platform._client
    assert client is not None
    await settled(world)
    async with client.in_order(place.id):
        pass


async def test_an_edited_message_says_the_new_text_everywhere(world: World, tmp_path: Path, place: Channel) -> None:
    async with serving(world, tmp_path) as served:
        message = await world.says(world.ada, place, f"{mention(world, place)}the cat is called Zebedee")
        await world.hears(place, after=message)
        await world.edits(message, f"{mention(world, place)}the cat is called Orlando")
        await followed(world, served, place)
        turns = len(served.model.requests)
        await asked(world, place, "what is it called?")
        assert len(served.model.requests) == turns + 1  # the edit began no turn
        assert "Orlando" in shown(served)
        assert "Zebedee" not in shown(served)
        (alert,) = alerts(served)
        assert "edited" in alert
        assert "Zebedee" not in alert
        scope = scope_of(world, place)
        assert "Orlando" in await found(served, scope, "Orlando")
        assert "Zebedee" not in await found(served, scope, "Zebedee")


async def test_a_deleted_message_is_found_nowhere_and_the_agent_is_told_which(
    world: World, tmp_path: Path, place: Channel
) -> None:
    async with serving(world, tmp_path) as served:
        message = await world.says(world.ada, place, f"{mention(world, place)}my secret is Zebedee")
        await world.hears(place, after=message)
        await world.deletes(message)
        await followed(world, served, place)
        turns = len(served.model.requests)
        await asked(world, place, "what do you know?")
        assert len(served.model.requests) == turns + 1
        assert "Zebedee" not in shown(served)
        (alert,) = alerts(served)
        assert "deleted" in alert
        assert any(part.isdecimal() for part in alert.split())
        assert "Zebedee" not in await found(served, scope_of(world, place), "Zebedee")


async def test_many_messages_that_are_deleted_at_once_are_gone_at_once(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        messages = []
        for word in ("Zebedee", "Orlando", "Mathilda"):
            messages.append(await world.says(world.ada, world.general, word, mentions=[world.bot]))
            await world.hears(world.general, after=messages[-1])
        kept = await world.says(world.bob, world.general, "Ermintrude", mentions=[world.bot])
        await world.hears(world.general, after=kept)
        unseen = await world.says(world.bob, world.general, "nobody is meant")
        await world.deletes(*messages, unseen)
        await followed(world, served, world.general)
        await asked(world, world.general, "what is left?")
        assert [word in shown(served) for word in ("Zebedee", "Orlando", "Mathilda", "Ermintrude")] == [
            *[False] * 3,
            True,
        ]
        assert len(alerts(served)) == 1


async def test_what_was_never_seen_may_be_edited_and_deleted(world: World, tmp_path: Path) -> None:
    before = await world.says(world.ada, world.dm(world.ada), "written before there was a bot")
    async with serving(world, tmp_path) as served:
        await asked(world, world.general, "hello")
        aside = await world.says(world.bob, world.general, "nobody is meant")
        await world.edits(before, "and edited")
        await world.edits(aside, "nobody is meant, still")
        await world.deletes(before)
        await world.deletes(aside)
        await followed(world, served, world.general)
        await asked(world, world.general, "are you there?")
        assert alerts(served) == []
        assert "still" not in shown(served)


async def test_the_preview_of_a_link_and_a_pin_are_no_edits(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        message = await world.says(world.ada, world.dm(world.ada), "see https://example.com")
        await world.hears(world.dm(world.ada), after=message)
        await world.unfurls(message, "An example")
        await world.edits(message, "see https://example.com/")
        await world.unfurls(message, "Another example")  # told with the time of the edit before
        await followed(world, served, world.dm(world.ada))
        await asked(world, world.dm(world.ada), "seen it?")
        assert len(alerts(served)) == 1
        assert "An example" not in shown(served)


async def test_what_the_bot_said_may_be_deleted_by_a_moderator(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        message = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        answer = await world.hears(world.general, after=message)
        await world.deletes(answer)
        await followed(world, served, world.general)
        again = await world.says(world.ada, world.general, "and again", reply_to=answer, mentions=[world.bot])
        assert "and again" in (await world.hears(world.general, after=again)).content
        assert alerts(served) == []


async def test_an_edit_while_the_answer_is_being_made_is_answered_as_it_stands_then(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path) as served:
        hold = world.faults.hold("POST /channels/*/messages")
        message = await world.says(world.ada, world.dm(world.ada), "the first wording")
        await hold.arrived.wait()  # the answer is under way: it stays as it is
        await world.edits(message, "the second wording")
        hold.release()
        answer = await world.hears(world.dm(world.ada), after=message)
        await asked(world, world.dm(world.ada), "and now?")
        assert "the first wording" in answer.content
        assert "the first wording" not in shown(served)
        assert len(alerts(served)) == 1


async def test_changes_in_a_place_that_the_bot_may_not_see_any_more_do_no_harm(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        message = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        await world.hears(world.general, after=message)
        gone = {"ids": [str(message.id)], "channel_id": str(world.state.new_id()), "guild_id": str(world.guild.id)}
        world.state.emit("MESSAGE_DELETE_BULK", gone, guild=world.guild)
        await world.denies(world.general, Permission.VIEW_CHANNEL)
        world.state.emit(
            "MESSAGE_DELETE",
            {"id": str(message.id), "channel_id": str(world.general.id), "guild_id": str(world.guild.id)},
            guild=world.guild,
        )
        await followed(world, served, world.general)
        await asked(world, world.dm(world.ada), "are you there?")


async def test_a_copy_that_was_imported_elsewhere_follows_nothing(world: World, tmp_path: Path) -> None:
    direct, elsewhere = world.dm(world.ada), world.dm(world.bob)
    async with serving(world, tmp_path) as served:
        said = await world.says(world.ada, direct, "the cat is called Zebedee")
        await world.hears(direct, after=said)
        reply = await world.says(world.ada, direct, "and she is mine", reply_to=said)
        await world.hears(direct, after=reply)
        agent = await served.app.agents.get(scope_of(world, direct))
        async with served.app.stores.database.read() as connection:
            records = [record async for record in dump(connection, agent.id)]
        async with served.app.stores.database.write() as transaction:
            await load(transaction, scope_of(world, elsewhere), records)
        await world.edits(said, "my secret is Quagga")
        await world.edits(reply, "and Mathilda is another")
        await followed(world, served, direct)
        await world.hears(elsewhere, after=await world.says(world.bob, elsewhere, "what do you know?"))
        assert [word in shown(served) for word in ("Zebedee", "Quagga", "Mathilda")] == [True, False, False]
        assert alerts(served) == []
        await asked(world, direct, "what do you know?")
        assert [word in shown(served) for word in ("Zebedee", "Quagga", "Mathilda")] == [False, True, True]


@pytest.mark.parametrize("where", ["direct", "thread"])
async def test_a_change_in_a_place_that_the_library_has_forgotten_is_followed_without_asking_discord(
    world: World, tmp_path: Path, where: str
) -> None:
    direct = world.dm(world.ada)
    place = direct if where == "direct" else await world.starts_thread(world.ada, world.general, "Tea")
    async with serving(world, tmp_path) as served:
        deleted, edited = [
            await world.says(world.ada, place, f"{mention(world, place)}{text}") for text in ("Zebedee", "Orlando")
        ]
        await world.until(lambda: len(of_bot(world, place)) >= 2)
    if place.is_thread:
        await world.archives(place)
    async with serving(world, tmp_path) as served:
        await settled(world)  # it has read what it missed
        world.faults.fail("GET /channels/*", 503, times=99)
        await world.deletes(deleted)
        await world.edits(edited, f"{mention(world, place)}Mathilda")
        await followed(world, served, place)
        await asked(world, place, "what do you know?")
        assert [word in shown(served) for word in ("Zebedee", "Orlando", "Mathilda")] == [False, False, True]


async def test_a_change_that_cannot_be_kept_at_once_is_kept_later_and_before_what_comes_next(world: World) -> None:
    heard: list[str | None] = []
    pauses: list[float] = []
    faults = [OSError("disk full"), OSError("disk full")]

    async def wait(seconds: float) -> None:
        pauses.append(seconds)

    async def receive(message: InboundMessage) -> object:
        heard.append(message.text)
        world.stir()
        return None

    async def command(call: CommandCall) -> CommandReply:
        raise AssertionError("nobody gives one")

    async def change(change: MessageChange) -> None:
        if faults:
            raise faults.pop()
        heard.append(change.text)

    platform = QuickPlatform(world, wait=wait)
    running = asyncio.create_task(platform.run(Intake(receive, command, change)))  # type: ignore[arg-type]
    await world.until(lambda: platform.is_connected)
    message = await world.says(world.ada, world.dm(world.ada), "one")
    await world.until(lambda: heard)
    await world.edits(message, "two")
    await world.deletes(message)
    await world.says(world.ada, world.dm(world.ada), "three")
    await world.until(lambda: len(heard) == 4)
    running.cancel()
    await asyncio.wait([running])
    assert heard == ["one", "two", None, "three"]
    assert pauses == [1, 10]


@pytest.mark.parametrize("mode", [Mode.MENTION, Mode.LISTEN])
async def test_what_was_remembered_of_a_quote_goes_with_the_original(world: World, tmp_path: Path, mode: Mode) -> None:
    def think(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] != "user" or "remember" not in last["content"]:
            return says("I will.")
        line = {"label": "channel", "content": "Ada's cat is called Zebedee", "request_heartbeat": True}
        note = {"content": "Zebedee is Ada's cat", "request_heartbeat": True}
        return answer(None, ("core_memory_append", line), ("archival_memory_insert", note))

    place = world.general
    async with serving(world, tmp_path, think) as served:
        await served.app.stores.channels.choose(scope_of(world, place), mode, "", world.clock.now())
        original = await world.says(world.ada, place, "My cat is Zebedee.")
        reply = await world.says(world.bob, place, "remember that please", reply_to=original, mentions=[world.bot])
        await world.hears(place, after=reply)
        agent = await served.app.agents.get(scope_of(world, place))
        assert "Zebedee" in agent.core.text("channel")
        await world.deletes(original)
        await followed(world, served, place)
        await served.app.changes.tidy()
        await served.app.stores.database.truncate_log()
        assert places_of(tmp_path / "bot.db", ["zebedee"]) == []
