"""People write to the bot on Discord, and it answers where it should, once."""

import asyncio
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, says
from memory.people.channels import Mode
from tests.platforms.discord import payloads
from tests.platforms.discord.message_routes import SUPPRESS_EMBEDS
from tests.platforms.discord.served import of_bot, serving
from tests.platforms.discord.things import Kind, Says
from tests.platforms.discord.world import World
from tests.platforms.serving import echo, settled


async def test_a_direct_message_is_answered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        answer = await world.hears(world.dm(world.ada), after=asked)
    assert answer.content.startswith("You said: hello")
    assert answer.reply_to is asked


async def test_in_a_channel_it_answers_who_mentions_it_or_replies_to_it(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await world.says(world.ada, world.general, "just talking")
        asked = await world.says(world.ada, world.general, "what is up?", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
        more = await world.says(world.bob, world.general, "and then?", reply_to=answer)
        second = await world.hears(world.general, after=more)
        await settled(world)
    assert "what is up?" in answer.content
    assert "and then?" in second.content
    assert (answer.reply_to, second.reply_to) == (asked, more)
    assert not answer.pings
    assert len([it for it in world.general.messages.values() if it.author is world.bot]) == 2
    shown = str(served.model.requests)
    assert "just talking" not in shown
    assert f"Ada ({world.ada.id})" in shown
    assert f"Bob ({world.bob.id})" in shown


async def test_a_mention_without_a_word_is_answered(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.general, "", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
    assert answer.reply_to is asked
    assert "without a word" in answer.content


async def test_a_forwarded_file_is_read(world: World, tmp_path: Path) -> None:
    file = world.state.add_file("tea.txt", b"The tea is green.", "text/plain")
    forwarded = {"type": 0, "content": "", "timestamp": "2026-03-01T12:00:00+00:00", "edited_timestamp": None}
    forwarded |= {"embeds": [], "attachments": [payloads.attachment(file)], "mentions": [], "mention_roles": []}
    of = {"type": 1, "channel_id": "1", "message_id": "2"}
    async with serving(world, tmp_path):
        more = {"message_snapshots": [{"message": forwarded}], "message_reference": of}
        asked = world.state.post(world.dm(world.ada), world.ada, "", more=more)
        answer = await world.hears(world.dm(world.ada), after=asked)
    assert "[attached: tea.txt, in your archival memory]" in answer.content


async def test_what_is_for_others_or_by_others_is_left_alone(world: World, tmp_path: Path) -> None:
    robot = world.person("Robot", is_bot=True)
    async with serving(world, tmp_path) as served:
        await served.app.channels.choose(
            f"discord:channel:{world.guild.id}/{world.general.id}", Mode.OPEN, "", world.clock.now()
        )
        first = await world.says(world.ada, world.general, "hi", mentions=[world.bob])
        await world.says(world.bob, world.general, "hi back", reply_to=first)
        await world.says(robot, world.general, "beep", mentions=[world.bot])
        await world.joins(world.bob, world.general)
        await settled(world)
    assert not [it for it in world.general.messages.values() if it.author is world.bot]


async def test_threads_are_answered_in_the_thread_and_share_the_memory_of_their_channel(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path) as served:
        thread = await world.starts_thread(world.ada, world.general, "Tea")
        await world.says(world.ada, thread, "not for you")
        asked = await world.says(world.ada, thread, "which tea?", mentions=[world.bot])
        await world.hears(thread, after=asked)
        more = await world.says(world.bob, thread, "no mention is needed now")
        answer = await world.hears(thread, after=more)
        for_bob = await world.says(world.ada, thread, "but you, Bob", mentions=[world.bob])
        asked = await world.says(world.ada, world.general, "and here?", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        await settled(world)
    assert "no mention is needed now" in answer.content
    assert not [it for it in thread.messages.values() if it.author is world.bot and it.id > for_bob.id]
    assert "not for you" not in str(served.model.requests)
    of_channel = [str(it) for it in served.model.requests if "and here?" in str(it)]
    assert "which tea?" in of_channel[0]
    assert str(thread.id) in of_channel[0]


@pytest.mark.parametrize("kind", [Kind.FORUM, Kind.MEDIA])
async def test_a_forum_post_that_mentions_it_is_answered_in_the_post(world: World, tmp_path: Path, kind: Kind) -> None:
    forum = world.channel("posts", kind=kind)
    async with serving(world, tmp_path) as served:
        scope = f"discord:channel:{world.guild.id}/{forum.id}"
        post, first = await world.posts(world.ada, forum, "An idea", f"{world.bot.mention} what of it?")
        answer = await world.hears(post, after=first)
        await served.app.channels.choose(scope, Mode.THREAD, "", world.clock.now())
        more = await world.says(world.ada, post, "and then?")
        second = await world.hears(post, after=more)
        another, _ = await world.posts(world.bob, forum, "Missed", f"{world.bot.mention} and this?")
        await world.hears(another)
    missed, asked = await world.posts(world.bob, forum, "Missed", f"{world.bot.mention} are you there?")
    async with serving(world, tmp_path):
        third = await world.hears(missed, after=asked)
    assert "what of it?" in answer.content
    assert second.content.startswith("You said: and then?")
    assert "are you there?" in third.content


async def test_in_thread_mode_an_answer_opens_a_thread(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        scope = f"discord:channel:{world.guild.id}/{world.general.id}"
        await served.app.channels.choose(scope, Mode.THREAD, "", world.clock.now())
        asked = await world.says(world.ada, world.general, "let us talk", mentions=[world.bot])
        await world.until(lambda: asked.thread is not None)
        thread = asked.thread
        assert thread is not None
        answer = await world.hears(thread, holds=lambda message: message.content)
        more = await world.says(world.ada, thread, "go on")
        second = await world.hears(thread, after=more)
    assert "let us talk" in answer.content
    assert "go on" in second.content
    assert not [it for it in world.general.messages.values() if it.author is world.bot and it.says is Says.TEXT]


async def test_private_threads_have_an_agent_of_their_own(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.ada, world.general, "public matter", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        thread = await world.starts_thread(world.ada, world.general, "Secret", is_private=True)
        asked = await world.says(world.ada, thread, "private matter", mentions=[world.bot])
        await world.hears(thread, after=asked)
        of_thread = served.model.requests[-1]
    assert "private matter" in str(of_thread)
    assert "public matter" not in str(of_thread)


async def test_in_a_private_thread_it_need_be_mentioned_once_only(world: World, tmp_path: Path) -> None:
    thread = await world.starts_thread(world.ada, world.general, "Secret", is_private=True)
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.ada, thread, "private matter", mentions=[world.bot])
        await world.hears(thread, after=asked)
        more = await world.says(world.ada, thread, "go on")
        answer = await world.hears(thread, after=more)
        await world.says(world.ada, thread, "for Bob", mentions=[world.bob])
        await settled(world)
    missed = await world.says(world.ada, thread, "are you there?")
    async with serving(world, tmp_path):
        again = await world.hears(thread, after=missed)
    assert answer.content.startswith("You said: go on")
    assert answer.reply_to is more
    assert again.content.startswith("You said: are you there?")
    assert "for Bob" not in str(served.model.requests)


async def test_a_long_reply_comes_in_parts_in_order(world: World, tmp_path: Path) -> None:
    long = "\n\n".join(f"Paragraph {number}: " + "word " * 80 for number in range(20))
    async with serving(world, tmp_path, lambda request: says(long)):
        asked = await world.says(world.ada, world.dm(world.ada), "tell me")
        await world.until(lambda: "Paragraph 19" in world.transcript(world.dm(world.ada)))
    parts = of_bot(world, world.dm(world.ada))
    assert [it.reply_to for it in parts] == [asked, *[None] * (len(parts) - 1)]
    told = "\n\n".join(it.content for it in parts)
    assert [told.count(f"Paragraph {number}:") for number in range(20)] == [1] * 20
    assert all(len(it.content) <= 2000 for it in parts)


async def test_code_that_is_too_long_to_read_comes_as_a_file(world: World, tmp_path: Path) -> None:
    code = "\n".join(f"print({number})" for number in range(2000))
    async with serving(world, tmp_path, lambda request: says(f"Here:\n```python\n{code}\n```")):
        asked = await world.says(world.ada, world.dm(world.ada), "program!")
        answer = await world.hears(world.dm(world.ada), after=asked)
    assert answer.content.startswith("Here:")
    assert [(file.filename, file.content.decode()) for file in answer.attachments] == [("answer.py", f"{code}\n")]


async def test_mentions_in_a_reply_are_not_live(world: World, tmp_path: Path) -> None:
    loud = f"@everyone @here {world.bob.mention} wake up"
    async with serving(world, tmp_path, lambda request: says(loud)):
        asked = await world.says(world.ada, world.general, "be loud", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
    assert answer.content.startswith(loud)
    assert not answer.pings
    assert not answer.pings_everyone


async def test_a_link_in_a_reply_is_not_fetched_for_a_preview(world: World, tmp_path: Path) -> None:
    """Or whoever makes the agent write one would be told what stands in it."""
    code = "\n".join(f"print({number})" for number in range(2000))
    texts = iter(["https://example.org/?q=secret", f"https://example.org/?q=secret\n```python\n{code}\n```"])
    async with serving(world, tmp_path, lambda request: says(next(texts))):
        for _ in range(2):
            asked = await world.says(world.ada, world.dm(world.ada), "say it")
            answer = await world.hears(world.dm(world.ada), after=asked)
            assert "secret" in answer.content
            assert answer.flags & SUPPRESS_EMBEDS


async def test_it_types_while_it_works_and_not_after(world: World, tmp_path: Path) -> None:
    may_answer = asyncio.Event()

    async def slow(request: Request) -> Reply:
        await may_answer.wait()
        return echo(request)

    async with serving(world, tmp_path, slow):
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        await world.until(lambda: world.typings)
        may_answer.set()
        await world.hears(world.dm(world.ada), after=asked)
        await settled(world)
        typed = [it for it in world.typings if it.channel is world.dm(world.ada)]
        assert len(typed) == 1


async def test_it_types_in_the_channel_while_there_is_no_thread_yet(world: World, tmp_path: Path) -> None:
    may_answer = asyncio.Event()

    async def slow(request: Request) -> Reply:
        await may_answer.wait()
        return echo(request)

    async with serving(world, tmp_path, slow) as served:
        scope = f"discord:channel:{world.guild.id}/{world.general.id}"
        await served.app.channels.choose(scope, Mode.THREAD, "", world.clock.now())
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        await world.until(lambda: world.typings)
        may_answer.set()
        await world.until(lambda: asked.thread is not None)
    assert {it.channel for it in world.typings} == {world.general}


async def test_messages_of_one_channel_are_taken_in_the_order_in_which_they_were_written(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path, bot_max_waiting_messages=100) as served:
        for number in range(30):
            await world.says(world.ada, world.dm(world.ada), f"<{number}>")
        await world.until(lambda: "<29>" in "".join(it.content for it in of_bot(world, world.dm(world.ada))))
        told = str(served.model.requests[-1]["messages"])
    places = [told.index(f"<{number}>") for number in range(30)]
    assert places == sorted(places)


async def test_the_title_of_a_post_is_read_with_what_stands_below_it(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        post, first = await world.posts(world.ada, world.ideas, "Descale the kettle?", f"{world.bot.mention} but how")
        answer = await world.hears(post, after=first)
        await world.edits(first, f"{world.bot.mention} but with what")
        more = await world.says(world.ada, post, "Well?")
        again = await world.hears(post, after=more)
        said = [message["content"] for message in served.model.requests[-1]["messages"] if message["role"] == "user"]
    assert "Descale the kettle?\nbut how" in answer.content
    assert "Descale" not in again.content
    assert sum("Descale the kettle?\\nbut with what" in text for text in said) == 1


@pytest.mark.parametrize("lines", [3, 1000])
async def test_what_stands_below_a_first_reply_is_outside_of_code_that_nobody_closed(
    world: World, tmp_path: Path, lines: int
) -> None:
    code = "```python\n" + "\n".join(f"value_{number} = {number}" for number in range(lines))
    async with serving(world, tmp_path, lambda _: says(code)):
        asked = await world.says(world.ada, world.dm(world.ada), "code, please")
        reply = await world.hears(world.dm(world.ada), after=asked)
        below = reply.content.split("```")[-1]
        assert below.lstrip().startswith("-# I keep what is written to me")
        assert all(b"-# I keep" not in file.content for file in reply.attachments)
