"""The agent reacts to messages on Discord; whatever becomes of the reaction, what it says is not held up."""

from pathlib import Path

import pytest

from adapters.ports.messages import Address
from adapters.testing import Reply, Request, answer
from memory.people.channels import Mode
from tests.platforms.discord.served import of_bot, serving
from tests.platforms.discord.things import Permission
from tests.platforms.discord.world import World
from tests.platforms.serving import Think, echo, settled

REACT = "PUT /channels/*/messages/*/reactions/*/@me"


def reacting(emoji: str) -> Think:
    """A model that reacts to the first message that somebody writes and says that it did, and echoes all others."""

    def think(request: Request) -> Reply:
        if "please react" in str(request["messages"][-1]["content"]):
            return answer(None, ("react", {"emoji": emoji}), ("send_message", {"message": "Look above."}))
        return echo(request)

    return think


def put(world: World) -> list[int]:
    """How Discord answered to the reactions, in order."""
    return [it.status for it in world.requests if "/reactions/" in it.route]


async def test_a_reaction_stands_at_the_message_that_woke_the_agent(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, reacting("👍")):
        message = await world.says(world.ada, world.general, "please react", mentions=[world.bot])
        await world.hears(world.general, after=message)
    assert message.reactions == {"👍": [world.bot]}


@pytest.mark.parametrize("emoji", ["👩‍👩‍👧‍👦", "❤️", "🇵🇹", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"])
async def test_emojis_of_several_parts_arrive_whole(world: World, tmp_path: Path, emoji: str) -> None:
    async with serving(world, tmp_path, reacting(emoji)):
        message = await world.says(world.ada, world.dm(world.ada), "please react")
        await world.hears(world.dm(world.ada), after=message)
    assert message.reactions == {emoji: [world.bot]}


async def test_one_that_stands_there_already_is_as_good(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, reacting("👍")):
        hold = world.faults.hold(REACT)
        message = await world.says(world.ada, world.dm(world.ada), "please react")
        await hold.arrived.wait()
        await world.reacts(world.bot, message, "👍")
        await world.reacts(world.bob, message, "👍")
        hold.release()
        await world.hears(world.dm(world.ada), after=message)
    assert message.reactions == {"👍": [world.bot, world.bob]}
    assert put(world) == [204]


@pytest.mark.parametrize(
    "emoji", [":thumbsup:", "thumbsup", "<:own:123>", "<a:own:x>", "../..", "%2F", "a\u0000b", "👍👍"]
)
async def test_one_that_discord_does_not_know_is_given_up_and_the_reply_comes(
    world: World, tmp_path: Path, emoji: str
) -> None:
    async with serving(world, tmp_path, reacting(emoji)):
        message = await world.says(world.ada, world.dm(world.ada), "please react")
        said = await world.hears(world.dm(world.ada), after=message)
        await settled(world)
    assert said.content.startswith("Look above.")
    assert message.reactions in ({}, {emoji: [world.bot]})
    assert len(put(world)) <= 1


async def test_at_a_message_that_was_deleted_meanwhile_it_is_given_up(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, reacting("👍")) as served:
        hold = world.faults.hold(REACT)
        message = await world.says(world.ada, world.dm(world.ada), "please react")
        await hold.arrived.wait()
        await world.deletes(message)
        hold.release()
        asked = await world.says(world.ada, world.dm(world.ada), "are you there?")
        await world.hears(world.dm(world.ada), holds=lambda it: "are you there?" in it.content)
        assert asked in world.dm(world.ada).messages.values()
        address = Address("discord", str(world.dm(world.ada).id))
        await served.app.outbox.settled(address)
        assert await served.app.outbox._store.addresses() == ()
    assert put(world) == [404]


async def test_where_it_may_not_react_it_still_speaks(world: World, tmp_path: Path) -> None:
    quiet = world.channel("quiet", denied=Permission.ADD_REACTIONS)
    async with serving(world, tmp_path, reacting("👍")):
        message = await world.says(world.ada, quiet, "please react", mentions=[world.bot])
        said = await world.hears(quiet, after=message)
    assert said.content.startswith("Look above.")
    assert put(world) == [403]


@pytest.mark.parametrize("fault", ["fail", "fail_after", "lose_answer", "lose_request", "limit"])
async def test_one_that_fails_is_tried_again_before_what_was_said_after_it(
    world: World, tmp_path: Path, fault: str
) -> None:
    async with serving(world, tmp_path, reacting("👍")):
        match fault:
            case "fail" | "fail_after":
                getattr(world.faults, fault)(REACT, 503)
            case "limit":
                world.faults.limit(REACT, 0.01, has_via=False)
            case _:
                getattr(world.faults, fault)(REACT)
        message = await world.says(world.ada, world.dm(world.ada), "please react")
        await world.hears(world.dm(world.ada), after=message)
        assert message.reactions == {"👍": [world.bot]}
    assert [it.content.split("\n")[0] for it in of_bot(world, world.dm(world.ada))] == ["Look above."]


async def test_in_thread_mode_it_reacts_where_the_message_stands(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, reacting("👍")) as served:
        scope = f"discord:channel:{world.guild.id}/{world.general.id}"
        await served.app.channels.choose(scope, Mode.THREAD, "", world.clock.now())
        message = await world.says(world.ada, world.general, "please react", mentions=[world.bot])
        await world.until(lambda: message.thread is not None)
        assert message.thread is not None
        await world.hears(message.thread, holds=lambda it: it.content)
    assert message.reactions == {"👍": [world.bot]}


async def test_the_first_message_of_a_post_is_reacted_to_in_the_post(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, reacting("👍")):
        post, first = await world.posts(world.ada, world.ideas, "An idea", f"{world.bot.mention} please react")
        await world.hears(post, after=first)
    assert first.reactions == {"👍": [world.bot]}
