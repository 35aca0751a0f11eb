"""Slash commands on Discord: listed once, private, and run as everywhere."""

from pathlib import Path

import pytest

from memory.people.channels import Mode
from tests.platforms.discord.message_routes import SUPPRESS_EMBEDS
from tests.platforms.discord.served import Served, of_bot, serving
from tests.platforms.discord.things import Interaction, Message, Permission
from tests.platforms.discord.world import World
from tests.platforms.serving import settled
from tests.words_left import places_of

SYNCS = "PUT /applications/*/commands"


def syncs(world: World) -> int:
    return sum(it.route.startswith("PUT") and it.route.endswith("/commands") for it in world.requests)


async def listed(world: World, served: Served) -> None:
    await world.until(lambda: world.state.commands.get(None))


def text_of(asked: Interaction) -> str:
    assert asked.original is not None
    return "\n".join(message.content for message in (asked.original, *asked.followups))


async def test_they_are_listed_at_the_first_start_and_not_again(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        asked = await world.answered(await world.slash(world.ada, world.dm(world.ada), "agent help"))
        assert "/agent remember" in text_of(asked)
    assert syncs(world) == 1
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        await world.hears(world.dm(world.ada), after=asked)
    assert syncs(world) == 1
    (root, menu) = sorted(world.state.commands[None].values(), key=lambda it: it["type"])
    assert (root["name"], menu["name"]) == ("agent", "Remember this")
    assert sorted(root["contexts"]) == [0, 1, 2]
    assert sorted(root["integration_types"]) == [0, 1]


async def test_a_link_in_what_is_shown_is_not_fetched_for_a_preview(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        note = "https://example.org/?q=secret"
        await world.answered(await world.slash(world.ada, world.general, "agent remember", text=note))
        shown = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
    assert note in text_of(shown)
    assert shown.original is not None
    assert all(message.flags & SUPPRESS_EMBEDS for message in (shown.original, *shown.followups))


async def test_an_answer_is_seen_by_nobody_else(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        asked = await world.slash(world.ada, world.general, "agent remember", text="tea is at four")
        await world.answered(asked)
        shown = await world.answered(await world.slash(world.bob, world.general, "agent memory"))
    assert "remember" in text_of(asked)
    assert "tea is at four" in text_of(shown)
    assert "remember" not in world.transcript(world.general, world.person("Zoe")).replace("/agent remember", "")


async def test_what_is_remembered_of_a_direct_message_stays_there(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        await world.answered(await world.slash(world.ada, world.dm(world.ada), "agent remember", text="a secret"))
        own = await world.answered(await world.slash(world.ada, world.dm(world.ada), "agent memory"))
        here = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
        other = await world.answered(await world.slash(world.bob, world.dm(world.bob), "agent memory"))
    assert "a secret" in text_of(own)
    assert "a secret" not in text_of(here) + text_of(other)


async def test_moderators_alone_change_the_mode_and_listening_is_announced(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        refused = await world.answered(await world.slash(world.bob, world.general, "agent admin mode", mode="listen"))
        done = await world.answered(await world.slash(world.ada, world.general, "agent admin mode", mode="listen"))
        announced = await world.hears(world.general, holds=lambda it: it.visible_to is None)
        await world.says(world.bob, world.general, "the meeting is on Friday")
        asked = await world.says(world.ada, world.general, "when is it?", mentions=[world.bot])
        await world.hears(world.general, after=asked)
    assert "moderator" in text_of(refused).lower() or "manage" in text_of(refused).lower()
    assert "listen" in text_of(done)
    assert announced.visible_to is None
    assert "the meeting is on Friday" in str(served.model.requests[-1])


async def test_listening_that_begins_in_a_thread_is_announced_in_its_channel(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        thread = await world.starts_thread(world.ada, world.general, "Tea")
        await world.answered(await world.slash(world.ada, thread, "agent admin mode", mode="listen"))
        post, _ = await world.posts(world.ada, world.ideas, "Idea", "What if?")
        await world.answered(await world.slash(world.ada, post, "agent admin mode", mode="listen"))
    for place, count in ((world.general, 1), (thread, 0), (post, 1)):
        assert len([it for it in of_bot(world, place) if it.visible_to is None]) == count


async def test_listening_that_begins_in_a_private_thread_is_announced_there_alone(world: World, tmp_path: Path) -> None:
    thread = await world.starts_thread(world.ada, world.general, "Secret", is_private=True)
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        await world.says(world.ada, thread, "come in", mentions=[world.bot])
        await world.hears(thread)
        await world.answered(await world.slash(world.ada, thread, "agent admin mode", mode="listen"))
    announced = [it for it in of_bot(world, thread) if "I read everything" in it.content and it.visible_to is None]
    assert len(announced) == 1
    assert not of_bot(world, world.general)


async def test_where_it_may_not_write_it_does_not_listen(world: World, tmp_path: Path) -> None:
    hidden = world.channel("hidden", denied=Permission.SEND_MESSAGES)
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        answer = await world.answered(await world.slash(world.ada, hidden, "agent admin mode", mode="listen"))
        mode = await served.app.channels.mode(f"discord:channel:{world.guild.id}/{hidden.id}")
    assert "Nothing was changed" in text_of(answer)
    assert mode is Mode.MENTION


async def test_a_reset_is_confirmed_by_a_button(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        place = world.dm(world.ada)
        await world.answered(await world.slash(world.ada, place, "agent remember", text="tea is at four"))
        preview = await world.answered(await world.slash(world.ada, place, "agent reset", part="core memory"))
        clicked = await world.clicks(world.ada, _with_buttons(preview), "Yes, do it")
        await world.until(lambda: clicked.followups or clicked.original)
        shown = await world.answered(await world.slash(world.ada, place, "agent memory"))
    assert "tea is at four" not in text_of(shown)


async def test_who_is_no_moderator_any_more_confirms_nothing(world: World, tmp_path: Path) -> None:
    world.guild.admins.add(world.bob)
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        await world.answered(await world.slash(world.ada, world.general, "agent remember", text="tea is at four"))
        preview = await world.answered(await world.slash(world.bob, world.general, "agent reset", part="core memory"))
        world.guild.admins.discard(world.bob)
        clicked = await world.clicks(world.bob, _with_buttons(preview), "Yes, do it")
        await world.until(lambda: clicked.followups)
        shown = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
        assert clicked.followups[0].content == ("In a channel that is for its moderators alone. Nothing was changed.")
        assert clicked.followups[0].visible_to is world.bob
        assert "tea is at four" in text_of(shown)
        world.guild.admins.add(world.bob)
        preview = await world.answered(await world.slash(world.bob, world.general, "agent reset", part="core memory"))
        clicked = await world.clicks(world.bob, _with_buttons(preview), "Yes, do it")
        await world.until(lambda: clicked.followups)
        assert "Done" in clicked.followups[0].content


async def test_who_is_shut_out_meanwhile_confirms_nothing(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, bot_owners=f"discord:{world.ada.id}") as served:
        await listed(world, served)
        place = world.dm(world.bob)
        await world.answered(await world.slash(world.bob, place, "agent remember", text="tea is at four"))
        preview = await world.answered(await world.slash(world.bob, place, "agent reset", part="core memory"))
        await world.answered(
            await world.slash(world.ada, world.dm(world.ada), "agent admin deny", person=f"discord:{world.bob.id}")
        )
        clicked = await world.clicks(world.bob, _with_buttons(preview), "Yes, do it")
        await world.until(lambda: clicked.followups)
        agent = await served.app.agents.get(f"discord:dm:{world.bob.id}")
    assert clicked.followups[0].content.startswith("I am not open to you.")
    assert clicked.followups[0].content.endswith("Nothing was changed.")
    assert "tea is at four" in str(agent.core)


async def test_a_message_is_remembered_from_its_menu(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        message = await world.says(world.bob, world.general, "the key is under the mat")
        await world.answered(await world.uses_on(world.ada, message, "Remember this"))
        shown = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
    assert "the key is under the mat" in text_of(shown)


@pytest.mark.parametrize("is_heard", [True, False])
async def test_what_is_remembered_of_a_message_names_its_author_and_goes_with_it(
    world: World, tmp_path: Path, is_heard: bool
) -> None:
    world.bob.name = "Ada (1)"
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        mode = Mode.LISTEN if is_heard else Mode.MENTION
        scope = f"discord:channel:{world.guild.id}/{world.general.id}"
        await served.app.channels.choose(scope, mode, "", world.clock.now())
        message = await world.says(world.bob, world.general, "the key is under the mat")
        own = await world.says(world.ada, world.general, "the kettle is in the attic")
        await settled(world)
        for it in (message, own):
            await world.answered(await world.uses_on(world.ada, it, "Remember this"))
        await world.answered(await world.slash(world.ada, world.general, "agent remember", text="tea is at four"))
        before = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
        await world.deletes(message, own)
        await settled(world)
        after = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
        found = await world.answered(await world.slash(world.bob, world.general, "agent search", query="key"))
    assert f"({world.bob.id}): the key is under the mat" in text_of(before)
    assert "Ada (1)" not in text_of(before)
    assert "attic" in text_of(before)
    assert [word in text_of(after) for word in ("the mat", "attic", "tea is at four")] == [False, False, True]
    assert "the mat" not in text_of(found)


@pytest.mark.parametrize("admission", ["open", "allowlist"])
async def test_nothing_is_remembered_of_a_message_of_somebody_who_is_not_let_in(
    world: World, tmp_path: Path, admission: str
) -> None:
    settings = {"bot_admission": admission, "bot_owners": f"discord:{world.ada.id}"}
    async with serving(world, tmp_path, **settings) as served:
        await listed(world, served)
        if admission == "open":
            denied = await world.slash(world.ada, world.general, "agent admin deny", person=f"discord:{world.bob.id}")
            await world.answered(denied)
        message = await world.says(world.bob, world.general, "the key is under the mat")
        asked = await world.answered(await world.uses_on(world.ada, message, "Remember this"))
        shown = await world.answered(await world.slash(world.ada, world.general, "agent memory"))
    assert "not let in" in text_of(asked)
    assert "Nothing was changed." in text_of(asked)
    assert "the mat" not in text_of(shown)
    assert places_of(tmp_path / "bot.db", ["under the mat"]) == []


async def test_what_the_bot_said_can_be_remembered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        asked = await world.says(world.ada, world.dm(world.ada), "tea is at four")
        answer = await world.hears(world.dm(world.ada), after=asked)
        await world.answered(await world.uses_on(world.ada, answer, "Remember this"))
        shown = await world.answered(await world.slash(world.ada, world.dm(world.ada), "agent memory"))
    assert f"Memo ({world.bot.id}): You said: tea is at four" in text_of(shown)


async def test_time_zones_are_suggested(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await listed(world, served)
        found = await world.autocomplete(world.ada, world.dm(world.ada), "agent timezone", "zone", "lisb")
    assert found[0] == "Europe/Lisbon"


def _with_buttons(asked: Interaction) -> Message:
    assert asked.original is not None
    return next(it for it in (*asked.followups[::-1], asked.original) if it.components)
