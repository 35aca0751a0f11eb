"""Commands on Slack: private, the same as everywhere, by those who may."""

import asyncio
from pathlib import Path

import pytest

from adapters.testing import Reply, Request
from memory.people.channels import Mode
from tests.platforms.serving import echo, settled
from tests.platforms.slack.served import LONG_S, QuickPlatform, of_bot, serving
from tests.platforms.slack.things import Channel, Interaction, Kind, Message
from tests.platforms.slack.world import World


def text_of(asked: Interaction) -> str:
    return "\n".join(block["text"] for it in asked.answers for block in it.blocks if block["type"] == "markdown")


async def gives(world: World, line: str, *, who: object = None, where: Channel | None = None) -> str:
    """What somebody is told who gives a command."""
    asked = await world.slash(who or world.ada, where or world.general, line)  # type: ignore[arg-type]
    await world.answered(asked)
    return text_of(asked)


async def types(
    world: World, line: str, *, thread: Message | None = None, where: Channel | None = None, calls_it: bool = False
) -> str:
    """What Ada is told who types a command."""
    place = where or world.general
    asked = await world.says(world.ada, place, line, thread=thread, mentions=[world.bot] if calls_it else [])
    told = await world.hears(place, after=asked, holds=lambda it: it.visible_to is world.ada)
    assert told.thread_ts == asked.thread_ts
    return str(told.blocks[0]["text"])


@pytest.mark.parametrize("over_http", [False, True])
async def test_an_answer_is_seen_by_nobody_else(world: World, tmp_path: Path, over_http: bool) -> None:
    async with serving(world, tmp_path, platform=QuickPlatform(world, over_http=over_http)):
        asked = await world.slash(world.ada, world.general, "/agent help")
        await world.answered(asked)
        await settled(world)
    assert "/agent remember" in text_of(asked)
    assert [it.visible_to for it in asked.answers] == [world.ada]
    assert not of_bot(world, world.general)
    assert asked.delivery is not None
    assert not asked.delivery.answer


async def test_what_is_remembered_is_shown_word_for_word(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        assert "I will remember" in await gives(world, "/agent remember 1 &lt; 2 &amp; tea at <https://a.example>")
        assert "1 < 2 & tea at https://a.example" in await gives(world, "/agent memory")
        assert "1 < 2" not in await gives(world, "/agent memory", where=world.dm(world.ada))
        assert "no command `memroy`" in await gives(world, "/agent memroy")


async def test_links_and_mentions_in_what_is_shown_are_dead(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent remember &lt;!channel&gt; https://example.org/?q=secret")
        shown = await world.answered(await world.slash(world.ada, world.general, "/agent memory"))
    assert "\u2060!channel" in text_of(shown)
    assert not any(it.pings_all for it in shown.answers)
    assert all(call.args["unfurl_links"] is False for call in world.responses)


async def test_in_threads_commands_are_typed(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        first = await world.says(world.ada, world.general, "Tea")
        assert "I will remember" in await types(world, "!agent remember the tea is green", thread=first)
        assert "the tea is green" in await types(world, "!agent memory", thread=first, calls_it=True)
        assert "/agent remember" in await types(world, "!agent", where=world.dm(world.ada))
        await settled(world)
    assert not of_bot(world, world.general)
    assert not [it for it in served.model.requests if "!agent" in str(it)]
    assert len([it for it in world.general.messages.values() if it.visible_to]) == 2


async def test_a_typed_command_that_is_told_again_after_a_restart_is_done_once(world: World, tmp_path: Path) -> None:
    dm = world.dm(world.ada)
    async with serving(world, tmp_path):
        assert "I will remember" in await types(world, "!agent remember the tea is green", where=dm)
        await world.acknowledged()
    async with serving(world, tmp_path):
        await world.retries(*world.deliveries.all)
        await world.acknowledged()
        assert (await types(world, "!agent memory", where=dm)).count("the tea is green") == 1
        await settled(world)
    assert len([it for it in dm.messages.values() if it.visible_to]) == 2


async def test_a_word_that_only_begins_like_a_command_is_none(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.dm(world.ada), "!agents are good")
        answer = await world.hears(world.dm(world.ada), after=asked)
    assert "!agents are good" in answer.text


async def test_a_question_is_asked_and_done_after_a_yes_once(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        dm = world.dm(world.ada)
        await gives(world, "/agent remember the tea is green", where=dm)
        asked = await world.answered(await world.slash(world.ada, dm, "/agent reset core memory"))
        question = asked.answers[0]
        clicked = await world.clicks(world.ada, question, "Yes, do it")
        await world.answered(clicked)
        assert "as it was at the beginning" in text_of(clicked)
        assert not [it for it in question.blocks if it["type"] == "actions"]
        assert "the tea is green" not in await gives(world, "/agent memory", where=dm)


async def test_a_no_changes_nothing(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        dm = world.dm(world.ada)
        await gives(world, "/agent remember the tea is green", where=dm)
        asked = await world.answered(await world.slash(world.ada, dm, "/agent reset core memory"))
        await world.clicks(world.ada, asked.answers[0], "No")
        await world.until(lambda: asked.answers[0].text == "Nothing was changed.")
        assert "the tea is green" in await gives(world, "/agent memory", where=dm)


async def test_a_button_of_an_earlier_connection_is_out_of_date(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent remember the tea is green", where=world.dm(world.ada))
        asked = await world.answered(await world.slash(world.ada, world.dm(world.ada), "/agent reset core memory"))
    question = asked.answers[0]
    async with serving(world, tmp_path):
        await world.clicks(world.ada, question, "Yes, do it")
        await world.until(lambda: question.text.startswith("That is out of date"))


async def test_a_channel_is_looked_after_by_who_looks_after_the_workspace(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        assert "for its moderators alone" in await gives(world, "/agent admin mode off", who=world.bob)
        assert "is now **off**" in await gives(world, "/agent admin mode off", who=world.ada)
        world.ada.is_owner = False  # it is asked anew each time
        assert "for its moderators alone" in await gives(world, "/agent admin mode mention", who=world.ada)


async def test_who_looks_after_another_workspace_is_nobody_here(world: World, tmp_path: Path) -> None:
    far = world.person("Far", workspace=world.workspace("Far away"), is_admin=True)
    world.general.is_shared = True
    async with serving(world, tmp_path):
        assert "for its moderators alone" in await gives(world, "/agent admin mode off", who=far)


@pytest.mark.parametrize("over_http", [False, True])
async def test_a_request_that_is_sent_once_more_is_done_once(world: World, tmp_path: Path, over_http: bool) -> None:
    platform = QuickPlatform(world, over_http=over_http)
    async with serving(world, tmp_path, platform=platform):
        asked = await world.answered(await world.slash(world.ada, world.general, "/agent remember the tea is green"))
        assert asked.delivery is not None
        if over_http:
            again = await world.posts(asked.delivery, f"http://127.0.0.1:{platform.port}/slack/events")
            assert again.status == 200
        else:
            await world.delivers(asked.delivery.kind, asked.delivery.payload)
            await world.acknowledged()
        shown = await gives(world, "/agent memory")
    assert shown.count("the tea is green") == 1


async def test_what_was_used_before_a_restart_and_is_told_again_is_done_once(world: World, tmp_path: Path) -> None:
    """A command, a button, a form, and the entry in the menu of a message."""
    async with serving(world, tmp_path):
        said = await world.says(world.bob, world.general, "Bob has a boat")
        used = [await world.answered(await world.slash(world.ada, world.general, "/agent remember the tea is green"))]
        used += [await world.answered(await world.uses_on(world.ada, said, "remember_this"))]
        form = await world.slash(world.ada, world.general, "/agent remember")
        await world.until(lambda: form.views)
        used += [form, await world.answered(await world.submits(form, {"What shall I remember?": "the cat is Tom"}))]
        await world.hears(world.general, holds=lambda it: "I will remember" in it.text)
        asked = await world.answered(await world.slash(world.ada, world.general, "/agent edit channel 1"))
        used += [asked, await world.answered(await world.clicks(world.ada, asked.answers[0], "Yes, do it"))]
    told = len(world.general.messages)
    async with serving(world, tmp_path):
        for it in used:
            assert it.delivery is not None
            await world.delivers(it.delivery.kind, it.delivery.payload)
        await world.acknowledged()
        await settled(world)
        assert len(world.general.messages) == told
        assert len(form.views) == 1
        shown = await gives(world, "/agent memory")
    assert [shown.count(line) for line in ("the tea is green", "Bob has a boat", "the cat is Tom")] == [0, 1, 1]
    assert len(asked.answers) == 1


async def test_a_moderator_by_the_settings_needs_no_rights_in_slack(world: World, tmp_path: Path) -> None:
    platform = QuickPlatform(world, moderators=[f"slack:{world.state.workspace.id}/{world.bob.id}"])
    async with serving(world, tmp_path, platform=platform):
        assert "is now **off**" in await gives(world, "/agent admin mode off", who=world.bob)


async def test_who_was_a_moderator_when_asked_must_be_one_still(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent remember the tea is green")
        asked = await world.answered(await world.slash(world.ada, world.general, "/agent reset core memory"))
        world.ada.is_owner = False
        clicked = await world.answered(await world.clicks(world.ada, asked.answers[0], "Yes, do it"))
        assert "Nothing was changed" in text_of(clicked)


async def test_where_slack_does_not_say_what_somebody_may_they_may_not(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent help")
        world.faults.fail("users.info", 500)
        assert "for its moderators alone" in await gives(world, "/agent admin mode off")


async def test_reading_along_is_announced_in_the_channel_before_it_begins(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        assert "is now **listen**" in await gives(world, "/agent admin mode listen")
        assert "**listen**" in of_bot(world, world.general)[0].blocks[0]["text"]
        closed = world.channel("closed", world.ada)
        assert "may not write in this channel" in await gives(world, "/agent admin mode listen", where=closed)
        scope = f"slack:channel:{world.state.workspace.id}/{closed.id}"
        assert await served.app.channels.mode(scope) is Mode.MENTION


async def test_what_the_bot_is_not_shown_it_cannot_read(world: World, tmp_path: Path) -> None:
    secret = world.channel("secret", world.ada, world.bot, kind=Kind.PRIVATE)
    world.state.scopes -= {"groups:history"}
    async with serving(world, tmp_path):
        assert "a scope for this kind of channel" in await gives(world, "/agent admin mode listen", where=secret)
        assert "is now **listen**" in await gives(world, "/agent admin mode listen")


async def test_where_two_people_talk_a_command_is_about_ones_own_memory(world: World, tmp_path: Path) -> None:
    between = world.channel("", world.ada, world.bob, kind=Kind.IM, person=world.bob)
    async with serving(world, tmp_path):
        assert "I will remember" in await gives(world, "/agent remember the tea is green", where=between)
        assert "the tea is green" in await gives(world, "/agent memory", where=world.dm(world.ada))


async def test_a_command_that_asks_for_something_opens_a_form(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.slash(world.ada, world.general, "/agent remember")
        await world.until(lambda: asked.views)
        await world.submits(asked, {"What shall I remember?": "the tea is green"})
        told = await world.hears(world.general, holds=lambda it: it.visible_to is world.ada)
        assert "I will remember" in told.text
        assert "the tea is green" in await gives(world, "/agent memory")


async def test_where_no_form_can_be_opened_it_is_said_how_to_type_it(world: World, tmp_path: Path) -> None:
    world.faults.refuse("views.open", "expired_trigger_id")
    async with serving(world, tmp_path):
        assert "Usage: `/agent remember TEXT`" in await gives(world, "/agent remember")


async def test_a_message_is_remembered_from_its_menu(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        said = await world.says(world.bob, world.general, "the tea is green")
        asked = await world.answered(await world.uses_on(world.ada, said, "remember_this"))
        assert "I will remember" in text_of(asked)
        assert f"Bob ({world.bob.id}): the tea is green" in await gives(world, "/agent memory")
        await world.deletes(said)
        await world.acknowledged()
        assert "the tea is green" not in await gives(world, "/agent memory")
        silent = await world.says(world.bob, world.general, "", files=[world.file("x.bin", b"x", "x/x")])
        asked = await world.answered(await world.uses_on(world.ada, silent, "remember_this"))
        assert "no text" in text_of(asked)


async def test_people_are_named_to_owners_commands_as_slack_mentions_them(world: World, tmp_path: Path) -> None:
    owner = f"slack:{world.state.workspace.id}/{world.ada.id}"
    async with serving(world, tmp_path, bot_owners=owner, bot_admission="allowlist"):
        assert "/agent remember" not in await gives(world, "/agent help", who=world.bob)
        told = await gives(world, f"/agent admin allow <@{world.bob.id}|bob>")
        assert f"slack:{world.state.workspace.id}/{world.bob.id}" in told
        assert "/agent remember" in await gives(world, "/agent help", who=world.bob)


async def test_what_takes_long_is_told_directly(world: World, tmp_path: Path) -> None:
    may_answer, is_late = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        await may_answer.wait()
        return echo(request)

    async def wait(seconds: float) -> None:
        await (is_late.wait() if seconds > LONG_S else asyncio.sleep(0))

    async with serving(world, tmp_path, slow, QuickPlatform(world, wait=wait)):
        await world.says(world.bob, world.general, "hello", mentions=[world.bot])
        await world.acknowledged()
        asked = await world.slash(world.ada, world.general, "/agent remember the tea is green")
        is_late.set()
        await world.answered(asked)
        assert text_of(asked).startswith("This takes longer than Slack lets me answer here.")
        may_answer.set()
        told = await world.hears(world.dm(world.ada))
    assert told.blocks[0]["text"].startswith("About the command that you gave in #general:")
    assert "I will remember" in told.text


async def test_an_answer_that_nobody_can_take_there_is_told_directly(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        world.faults.fail("response_url", 404)
        await world.slash(world.ada, world.general, "/agent help")
        told = await world.hears(world.dm(world.ada))
    assert "/agent remember" in told.text
