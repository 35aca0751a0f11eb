"""People write to the bot on Slack, and it answers where it should, once."""

import asyncio
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, says
from memory.people.channels import Mode
from tests.platforms.serving import echo, settled
from tests.platforms.slack.served import QuickPlatform, of_bot, serving
from tests.platforms.slack.things import Channel, Kind
from tests.platforms.slack.world import World


def scope_of(world: World, channel: Channel) -> str:
    return f"slack:channel:{world.state.workspace.id}/{channel.id}"


@pytest.mark.parametrize("over_http", [False, True])
async def test_a_direct_message_is_answered(world: World, tmp_path: Path, over_http: bool) -> None:
    async with serving(world, tmp_path, platform=QuickPlatform(world, over_http=over_http)):
        asked = await world.says(world.ada, world.dm(world.ada), "hello <you>")
        answer = await world.hears(world.dm(world.ada), after=asked)
        await world.acknowledged()
    assert answer.blocks[0]["text"].startswith("You said: hello <you>")
    assert answer.text.startswith("You said: hello &lt;you&gt;")
    assert answer.thread_ts is None


@pytest.mark.parametrize("mention_first", [False, True])
async def test_in_a_channel_it_answers_who_mentions_it_once(world: World, tmp_path: Path, mention_first: bool) -> None:
    async with serving(world, tmp_path) as served:
        await world.says(world.ada, world.general, "just talking")
        asked = await world.says(
            world.ada, world.general, "what is up?", mentions=[world.bot], mention_first=mention_first
        )
        answer = await world.hears(world.general, after=asked)
        await world.retries(*world.deliveries.all)
        await settled(world)
        await world.acknowledged()
    assert answer.text.startswith("You said: what is up?")
    assert len(of_bot(world, world.general)) == 1
    shown = str(served.model.requests)
    assert "just talking" not in shown
    assert f"Ada ({world.ada.id})" in shown


@pytest.mark.parametrize("mention_first", [False, True])
async def test_a_mention_is_answered_where_all_is_read(world: World, tmp_path: Path, mention_first: bool) -> None:
    async with serving(world, tmp_path) as served:
        await served.app.channels.choose(scope_of(world, world.general), Mode.LISTEN, "", world.clock.now())
        await world.says(world.bob, world.general, "the tea is green")
        asked = await world.says(world.ada, world.general, "so?", mentions=[world.bot], mention_first=mention_first)
        await world.hears(world.general, after=asked)
        await settled(world)
    assert len(of_bot(world, world.general)) == 1
    assert any("the tea is green" in str(request) and "so?" in str(request) for request in served.model.requests)


async def test_a_mention_without_a_word_is_answered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
    assert "without a word" in answer.text


async def test_what_is_for_others_or_by_others_is_left_alone(world: World, tmp_path: Path) -> None:
    robot = world.person("Robot", bot_id="B0ROBOT")
    async with serving(world, tmp_path) as served:
        await served.app.channels.choose(scope_of(world, world.general), Mode.OPEN, "", world.clock.now())
        await world.says(world.ada, world.general, "hi", mentions=[world.bob])
        await world.says(robot, world.general, "beep", mentions=[world.bot])
        await world.joins(world.state.add_user("Carol"), world.general)
        await settled(world)
    assert not of_bot(world, world.general)


async def test_threads_are_answered_in_the_thread_and_share_the_memory_of_their_channel(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path) as served:
        first = await world.says(world.ada, world.general, "Tea")
        await world.says(world.ada, world.general, "not for you", thread=first)
        asked = await world.says(world.ada, world.general, "which tea?", thread=first, mentions=[world.bot])
        await world.hears(world.general, after=asked, thread=first)
        more = await world.says(world.bob, world.general, "no mention is needed now", thread=first)
        answer = await world.hears(world.general, after=more, thread=first)
        await world.says(world.ada, world.general, "but you, Bob", thread=first, mentions=[world.bob])
        asked = await world.says(world.ada, world.general, "and here?", mentions=[world.bot])
        outside = await world.hears(world.general, after=asked)
        await settled(world)
    assert "no mention is needed now" in answer.text
    assert outside.thread_ts is None
    assert len(of_bot(world, world.general)) == 3
    assert "not for you" not in str(served.model.requests)
    of_channel = [str(it) for it in served.model.requests if "and here?" in str(it)]
    assert "which tea?" in of_channel[0]
    assert first.ts in of_channel[0]


async def test_who_answers_below_what_it_said_means_it(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        said = await world.hears(world.general, after=asked)
        more = await world.says(world.bob, world.general, "and then?", thread=said)
        answer = await world.hears(world.general, after=more)
    assert "and then?" in answer.text
    assert answer.thread_ts == said.ts


async def test_in_thread_mode_an_answer_begins_a_thread(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await served.app.channels.choose(scope_of(world, world.general), Mode.THREAD, "", world.clock.now())
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
        more = await world.says(world.ada, world.general, "no mention", thread=asked)
        again = await world.hears(world.general, after=more)
    assert answer.thread_ts == again.thread_ts == asked.ts


async def test_private_channels_and_groups_have_agents_of_their_own(world: World, tmp_path: Path) -> None:
    secret = world.channel("secret", world.ada, world.bot, kind=Kind.PRIVATE)
    group = world.group_dm(world.ada, world.bob)
    async with serving(world, tmp_path) as served:
        for number, place in enumerate((world.general, secret, group)):
            asked = await world.says(world.ada, place, f"matter {number}", mentions=[world.bot])
            await world.hears(place, after=asked)
            others = {"matter 0", "matter 1", "matter 2"} - {f"matter {number}"}
            assert not any(other in str(served.model.requests[-1]) for other in others)


async def test_a_direct_message_in_a_thread_is_answered_there(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        first = await world.says(world.ada, world.dm(world.ada), "my tea is green")
        await world.hears(world.dm(world.ada), after=first)
        asked = await world.says(world.ada, world.dm(world.ada), "and yours?", thread=first)
        answer = await world.hears(world.dm(world.ada), after=asked)
        of_agent = await world.says(world.ada, world.dm(world.ada), "to an agent", more={"app_context": {}})
        below = await world.hears(world.dm(world.ada), after=of_agent)
    assert (answer.thread_ts, below.thread_ts) == (first.ts, of_agent.ts)
    assert "my tea is green" in str(served.model.requests[-1])


async def test_a_long_reply_comes_in_parts_in_order(world: World, tmp_path: Path) -> None:
    long = "\n\n".join(f"Paragraph {number}: " + "word " * 400 for number in range(20))
    async with serving(world, tmp_path, lambda request: says(long)):
        asked = await world.says(world.ada, world.dm(world.ada), "tell me")
        await world.hears(world.dm(world.ada), after=asked, holds=lambda it: "Paragraph 19" in it.text)
    parts = of_bot(world, world.dm(world.ada))
    told = "\n\n".join(it.blocks[0]["text"] for it in parts)
    assert [told.count(f"Paragraph {number}:") for number in range(20)] == [1] * 20
    assert len(parts) == 4
    assert all(len(it.blocks[0]["text"]) <= 11_500 for it in parts)
    assert float(parts[1].ts) - float(parts[0].ts) >= 1  # as Slack asks


async def test_a_reply_that_cannot_be_shown_as_markdown_is_shown_as_text(world: World, tmp_path: Path) -> None:
    world.faults.refuse("chat.postMessage", "invalid_blocks")
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        answer = await world.hears(world.dm(world.ada), after=asked)
    assert answer.text.startswith("You said: hello")
    assert not answer.blocks


async def test_mentions_in_a_reply_are_not_live(world: World, tmp_path: Path) -> None:
    loud = f"<!channel> <!here> `<!everyone>` <@{world.bob.id}> <!subteam^S1> <#{world.general.id}> @channel 1 < 2"
    async with serving(world, tmp_path, lambda request: says(loud)):
        asked = await world.says(world.ada, world.general, "be loud", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
    assert answer.blocks[0]["text"].replace("\u2060", "").startswith(loud.replace(world.bob.mention, "@Bob"))
    assert not answer.pings
    assert not answer.pings_all


async def test_where_it_may_not_write_the_log_the_owner_and_status_say_so(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    owner = f"slack:{world.state.workspace.id}/{world.ada.id}"
    world.faults.refuse("chat.postMessage", "restricted_action")
    async with serving(world, tmp_path, platform=QuickPlatform(world, moderators=[owner])):
        await world.says(world.bob, world.general, "hello", mentions=[world.bot])
        told = await world.hears(world.dm(world.ada))
        await settled(world)
        asked = await world.answered(await world.slash(world.ada, world.general, "/agent status"))
    why = "the workspace lets only some people write there"
    assert told.text == f"I was spoken to in <#{world.general.id}>, and cannot answer there: {why}."
    assert "1 reply not delivered" in asked.answers[0].text
    assert why in asked.answers[0].text
    assert "the bot may not write in a channel" in caplog.text


async def test_a_link_in_a_reply_is_not_fetched_for_a_preview(world: World, tmp_path: Path) -> None:
    """Or whoever makes the agent write one would be told what stands in it."""
    async with serving(world, tmp_path, lambda request: says("https://example.org/?q=secret")):
        asked = await world.says(world.ada, world.dm(world.ada), "say it")
        await world.hears(world.dm(world.ada), after=asked)
    (call,) = world.calls_of("chat.postMessage")
    assert [str(call.args[name]).lower() in ("false", "0") for name in ("unfurl_links", "unfurl_media")] == [True, True]


async def test_a_thread_shows_that_it_thinks_and_then_no_more(world: World, tmp_path: Path) -> None:
    may_answer = asyncio.Event()

    async def slow(request: Request) -> Reply:
        await may_answer.wait()
        return echo(request)

    async with serving(world, tmp_path, slow):
        first = await world.says(world.ada, world.general, "Tea")
        asked = await world.says(world.ada, world.general, "hello", thread=first, mentions=[world.bot])
        await world.until(lambda: world.state.statuses)
        may_answer.set()
        await world.hears(world.general, after=asked)
        await world.until(lambda: not world.state.statuses[-1].text)
    assert [(it.thread_ts, bool(it.text)) for it in world.state.statuses] == [(first.ts, True), (first.ts, False)]


async def test_a_workspace_without_status_is_answered_all_the_same(world: World, tmp_path: Path) -> None:
    world.state.missing_methods.add("assistant.*")
    async with serving(world, tmp_path):
        for _ in range(2):
            first = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
            asked = await world.says(world.ada, world.general, "hello", thread=first, mentions=[world.bot])
            await world.hears(world.general, after=asked, thread=first)
    assert len(world.calls_of("assistant.threads.setStatus")) == 1


async def test_messages_of_one_channel_are_taken_in_the_order_in_which_they_were_written(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path, bot_max_waiting_messages=100) as served:
        for number in range(30):
            await world.says(world.ada, world.dm(world.ada), f"number {number}.")
        dm = world.dm(world.ada)
        await world.until(lambda: "number 29." in "".join(it.text for it in of_bot(world, dm)))
        told = str(served.model.requests[-1]["messages"])
    places = [told.index(f"number {number}.") for number in range(30)]
    assert places == sorted(places)
