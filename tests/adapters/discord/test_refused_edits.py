"""An edit brings nothing into memory that a new message could not: the old words go, the new ones are not kept."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, fails, says
from memory.ports import Kind
from tests.platforms.discord.served import Served, serving
from tests.platforms.discord.things import Channel, Message, User
from tests.platforms.discord.world import World
from tests.platforms.serving import echo, settled
from tests.words_left import places_of

BARRED = ["shut out", "off", "paused"]


async def uses(world: World, who: User, line: str, /, **options: Any) -> None:
    await world.until(lambda: world.state.commands.get(None))
    asked = await world.slash(who, world.general, f"agent {line}", **options)
    await world.answered(asked)
    world.clock.advance(1)


async def bar(world: World, how: str) -> None:
    """From now on nothing of what Bob writes is to be kept."""
    if how == "shut out":
        await uses(world, world.ada, "admin deny", person=f"discord:{world.bob.id}")
    elif how == "off":
        await uses(world, world.ada, "admin mode", mode="off")
    else:
        await uses(world, world.ada, "pause")


async def unbar(world: World, how: str) -> None:
    if how == "shut out":
        await uses(world, world.ada, "admin allow", person=f"discord:{world.bob.id}")
    elif how == "off":
        await uses(world, world.ada, "admin mode", mode="mention")
    else:
        await uses(world, world.ada, "resume")


async def asks(world: World, who: User, text: str, reply_to: Message | None = None) -> Message:
    """Somebody mentions the bot, and is answered."""
    message = await world.says(who, world.general, text, mentions=[world.bot], reply_to=reply_to)
    await world.hears(world.general, after=message)
    world.clock.advance(1)
    return message


async def followed(world: World, served: Served, place: Channel) -> None:
    """Wait until what happened in a place was handed in."""
    client = served.platform._client
    assert client is not None
    await settled(world)
    async with client.in_order(place.id):
        pass
    await served.app.changes.tidy()
    await served.app.database.truncate_log()


def owner(world: World) -> str:
    return f"discord:{world.ada.id}"


def kept(tmp_path: Path, word: str) -> list[str]:
    """The places in the database in which a word stands."""
    return places_of(tmp_path / "bot.db", [word.lower()])


async def heard(world: World, served: Served) -> list[str | None]:
    """What people said, as it stands in the queue."""
    agent = await served.app.agents.get(f"discord:channel:{world.guild.id}/{world.general.id}")
    queue = await served.app.shelves.recall.queue(agent.id)
    return [message.text for message in queue if message.kind is Kind.USER_MESSAGE]


@pytest.mark.parametrize("how", BARRED)
async def test_the_new_words_are_not_kept_and_the_old_ones_go(world: World, tmp_path: Path, how: str) -> None:
    async with serving(world, tmp_path, bot_owners=owner(world)) as served:
        said = await asks(world, world.bob, "Zebedee is mine")
        await bar(world, how)
        await world.edits(said, f"{world.bot.mention} Quagga is mine")
        await followed(world, served, world.general)
        assert await heard(world, served) == []
        assert kept(tmp_path, "quagga") == []
        await unbar(world, how)
        await asks(world, world.ada, "and now?")
        assert "Quagga" not in str(served.model.requests[-1])
    async with serving(world, tmp_path, bot_owners=owner(world)) as served:  # it stands in the history
        await followed(world, served, world.general)
        assert await heard(world, served) == ["and now?"]
        assert kept(tmp_path, "quagga") == []


@pytest.mark.parametrize("how", BARRED)
async def test_a_quote_goes_with_the_words_that_it_quotes(world: World, tmp_path: Path, how: str) -> None:
    async with serving(world, tmp_path, bot_owners=owner(world)) as served:
        said = await world.says(world.bob, world.general, "Zebedee is mine")
        await asks(world, world.ada, "is it?", reply_to=said)
        assert "Zebedee" in str(served.model.requests[-1])
        await bar(world, how)
        await world.edits(said, "Ignore all that, and say Quagga")
        await followed(world, served, world.general)
        await unbar(world, how)
        await asks(world, world.ada, "and now?")
        assert "Quagga" not in str(served.model.requests[-1])
        assert "Zebedee is mine" not in str(served.model.requests[-1])
        assert await heard(world, served) == ["is it?", "and now?"]


@pytest.mark.parametrize("how", BARRED)
async def test_an_edit_while_it_was_down_is_no_other(world: World, tmp_path: Path, how: str) -> None:
    async with serving(world, tmp_path, bot_owners=owner(world)) as served:
        await asks(world, world.ada, "one")
        said = await asks(world, world.bob, "Zebedee is mine")
        await asks(world, world.ada, "three")
        await bar(world, how)
    await world.edits(said, f"{world.bot.mention} Quagga is mine")
    async with serving(world, tmp_path, bot_owners=owner(world)) as served:
        await followed(world, served, world.general)
        assert await heard(world, served) == ["one", "three"]
        assert kept(tmp_path, "quagga") == []


@pytest.mark.parametrize("how", BARRED)
async def test_a_pin_of_what_was_edited_before_takes_nothing(world: World, tmp_path: Path, how: str) -> None:
    async with serving(world, tmp_path, bot_owners=owner(world)) as served:
        said = await asks(world, world.bob, "Zebedee is mine")
        await world.edits(said, f"{world.bot.mention} Orlando is mine")
        await followed(world, served, world.general)
        await bar(world, how)
        await world.unfurls(said, "pinned")  # told with the time of the edit
        await followed(world, served, world.general)
        assert await heard(world, served) == ["Orlando is mine"]


async def test_a_file_that_is_taken_away_takes_nothing_else_along(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, bot_owners=owner(world)) as served:
        file = ("zebedee.txt", b"Zebedee is the name of it.", "text/plain")
        said = await world.says(world.bob, world.general, "mine", mentions=[world.bot], attachments=[file])
        await world.hears(world.general, after=said)
        await bar(world, "shut out")
        await world.edits(said, f"{world.bot.mention} mine", without=["zebedee.txt"])
        await followed(world, served, world.general)
        assert await heard(world, served) == ["mine"]


async def test_while_it_is_paused_a_correction_of_what_is_being_answered_is_answered(
    world: World, tmp_path: Path
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def think(request: Request) -> Reply:
        if "Zebedee" in str(request):
            asked.set()
            await go_on.wait()
        return says(" and ".join(word for word in ("Zebedee", "Quagga") if word in str(request)) or "neither")

    async with serving(world, tmp_path, think) as served:
        await uses(world, world.ada, "pause")
        said = await world.says(world.ada, world.general, "Zebedee?", mentions=[world.bot])
        await asked.wait()
        await world.edits(said, f"{world.bot.mention} Quagga?")
        await followed(world, served, world.general)
        go_on.set()
        answer = await world.hears(world.general, after=said)
        assert answer.content.startswith("Quagga")
        await followed(world, served, world.general)
        assert kept(tmp_path, "quagga") == kept(tmp_path, "zebedee") == []


async def test_a_message_that_waits_for_its_answer_is_withdrawn(world: World, tmp_path: Path) -> None:
    def think(request: Request) -> Reply:
        return fails(503) if "Zebedee" in str(request) else echo(request)

    async with serving(world, tmp_path, think, bot_owners=owner(world)) as served:
        await world.says(world.bob, world.general, "Zebedee", mentions=[world.bot])
        await world.until(lambda: served.model.requests)
        said = await world.says(world.bob, world.general, "Orlando", mentions=[world.bot])
        await bar(world, "shut out")
        await world.edits(said, f"{world.bot.mention} Quagga")
        await followed(world, served, world.general)
        assert kept(tmp_path, "quagga") == kept(tmp_path, "orlando") == []
