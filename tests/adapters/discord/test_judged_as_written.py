"""What is read from a history was judged when it was written: no later mode or admission makes another thing of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.platforms.discord.served import Served, of_bot, serving
from tests.platforms.discord.things import Channel, Message, User
from tests.platforms.discord.world import World
from tests.platforms.serving import settled
from tests.words_left import places_of


async def uses(world: World, who: User, place: Channel, line: str, /, **options: Any) -> str:
    """Somebody uses a slash command; returns the answer."""
    await world.until(lambda: world.state.commands.get(None))
    asked = await world.slash(who, place, f"agent {line}", **options)
    await world.answered(asked)
    assert asked.original is not None
    world.clock.advance(1)
    return asked.original.content


async def asks(world: World, text: str) -> Message:
    """Ada mentions the bot, and is answered."""
    message = await world.says(world.ada, world.general, text, mentions=[world.bot])
    await world.hears(world.general, after=message)
    world.clock.advance(1)
    return message


async def talks(world: World, person: User, text: str, *, mentions: bool = False) -> Message:
    message = await world.says(person, world.general, text, mentions=[world.bot] if mentions else [])
    world.clock.advance(1)
    return message


async def followed(world: World, served: Served, place: Channel) -> None:
    """Wait until what happened in a place was handed in, and taken note of."""
    client = served.platform._client
    assert client is not None
    await settled(world)
    async with client.in_order(place.id):
        pass
    await served.app.lanes.submit(f"discord:channel:{world.guild.id}/{world.general.id}", _nothing)


async def _nothing() -> None:
    """It comes behind all that an agent has to do."""


async def begins_anew(world: World) -> None:
    """Discord ends the session, and gives another."""
    world.gateway.resumes = False
    world.gateway.close(4009)
    await world.until(lambda: not world.gateway.is_connected)
    await world.until(lambda: world.gateway.is_connected)


def answers(world: World) -> list[str]:
    return [message.content for message in of_bot(world, world.general)]


def kept(tmp_path: Path, word: str) -> list[str]:
    """The tables in which a word stands."""
    return places_of(tmp_path / "bot.db", [word.lower()])


@pytest.mark.parametrize("mode", ["listen", "open"])
@pytest.mark.parametrize("how", ["restart", "new session"])
async def test_what_was_said_before_it_was_announced_that_all_is_read_is_not_read_later(
    world: World, tmp_path: Path, mode: str, how: str
) -> None:
    async with serving(world, tmp_path) as served:
        await asks(world, "hi")
        await talks(world, world.bob, "between us: my salary is Zebedee")
        await uses(world, world.ada, world.general, "admin mode", mode=mode)
        await followed(world, served, world.general)
        said = len(answers(world))
        if how == "new session":
            await begins_anew(world)
            await followed(world, served, world.general)
            assert len(answers(world)) == said
            assert kept(tmp_path, "zebedee") == []
    world.clock.advance(60)
    await talks(world, world.bob, "Quagga is no secret any more")
    async with serving(world, tmp_path) as served:
        await followed(world, served, world.general)
        assert kept(tmp_path, "zebedee") == []
        assert kept(tmp_path, "quagga") != []
        assert "Zebedee" not in str(answers(world)[said:])


async def test_what_was_written_while_it_was_off_stays_unread(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await asks(world, "hi")
        await uses(world, world.ada, world.general, "admin mode", mode="off")
        await talks(world, world.ada, "Zebedee, while it is off", mentions=True)
        await followed(world, served, world.general)
        await uses(world, world.ada, world.general, "admin mode", mode="mention")
        await uses(world, world.ada, world.general, "admin mode", mode="listen")
        await followed(world, served, world.general)
        said = len(answers(world))
    missed = await talks(world, world.bob, "and while it was down?", mentions=True)
    async with serving(world, tmp_path) as served:
        await world.hears(world.general, after=missed)
        await followed(world, served, world.general)
        (answer,) = answers(world)[said:]
        assert answer.startswith("You said: and while it was down?")
        assert kept(tmp_path, "zebedee") == []


async def test_a_mention_that_was_missed_is_answered_although_the_mode_is_changed_at_once(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path):
        await asks(world, "hi")
    await talks(world, world.bob, "Zebedee, in passing")
    missed = await talks(world, world.bob, "are you there?", mentions=True)
    hold = world.faults.hold("GET /channels/*/messages")
    async with serving(world, tmp_path) as served:
        await hold.arrived.wait()
        await uses(world, world.ada, world.general, "admin mode", mode="listen")
        hold.release()
        await world.hears(world.general, after=missed, holds=lambda it: "are you there?" in it.content)
        await followed(world, served, world.general)
        assert kept(tmp_path, "zebedee") == []


@pytest.mark.parametrize("before", ["allowlist", "pairing"])
async def test_what_was_written_under_a_stricter_setting_stays_unread(
    world: World, tmp_path: Path, before: str
) -> None:
    settings = {"bot_owners": f"discord:{world.ada.id}"}
    async with serving(world, tmp_path, bot_admission=before, **settings) as served:
        await asks(world, "hi")
        await talks(world, world.bob, "Zebedee, from outside", mentions=True)
        await followed(world, served, world.general)
        said = len(answers(world))
    world.clock.advance(1)
    for text in ("am I let in?", "and now?"):  # at the start with the other setting, and at each after it
        async with serving(world, tmp_path, bot_admission="open", **settings) as served:
            asked = await talks(world, world.bob, text, mentions=True)
            await world.hears(world.general, after=asked)
            await followed(world, served, world.general)
        assert kept(tmp_path, "zebedee") == []
    missed = await talks(world, world.bob, "while it was down", mentions=True)
    async with serving(world, tmp_path, bot_admission="open", **settings):
        await world.hears(world.general, after=missed)
    assert len(answers(world)[said:]) == 3


@pytest.mark.parametrize("admission", ["open", "allowlist"])
async def test_what_somebody_wrote_while_they_were_shut_out_stays_unread(
    world: World, tmp_path: Path, admission: str
) -> None:
    settings = {"bot_owners": f"discord:{world.ada.id}", "bot_admission": admission}
    async with serving(world, tmp_path, **settings) as served:
        await asks(world, "hi")
        if admission == "open":
            await uses(world, world.ada, world.general, "admin deny", person=f"discord:{world.bob.id}")
        await talks(world, world.bob, "Zebedee, from outside", mentions=True)
        await followed(world, served, world.general)
        await uses(world, world.ada, world.general, "admin allow", person=f"discord:{world.bob.id}")
        said = len(answers(world))
    missed = await talks(world, world.bob, "am I let in?", mentions=True)
    async with serving(world, tmp_path, **settings) as served:
        await world.hears(world.general, after=missed)
        await followed(world, served, world.general)
        (answer,) = answers(world)[said:]
        assert answer.startswith("You said: am I let in?")
        assert kept(tmp_path, "zebedee") == []
