"""Messages and places of the fake Discord are what an unmodified discord.py takes them for."""

import io
from typing import Any

import discord
import pytest

from tests.platforms.discord.echo_bot import Bot, running
from tests.platforms.discord.things import Permission
from tests.platforms.discord.world import World


async def test_the_bot_is_told_of_its_guild(world: World, bot: Bot) -> None:
    guild = bot.get_guild(world.guild.id)

    assert guild is not None
    assert [channel.name for channel in guild.channels] == ["general", "ideas"]
    assert guild.me.id == world.bot.id
    assert bot.application_flags.gateway_message_content_limited
    assert guild.get_channel(world.general.id).permissions_for(guild.me).send_messages


async def test_a_mention_is_replied_to(world: World, bot: Bot) -> None:
    asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])

    reply = await world.hears(world.general, after=asked)

    assert reply.reply_to is asked
    assert reply.pings == []
    assert world.transcript(world.general) == "Ada: @Memo hello\nMemo ↩ Ada: echo: @Memo hello"


async def test_a_direct_message_reaches_the_bot(world: World, bot: Bot) -> None:
    await world.says(world.ada, world.dm(world.ada), "psst")
    await world.until(lambda: bot.heard("message"))

    (message,) = bot.heard("message")
    assert (message.content, message.guild, message.author.name) == ("psst", None, "ada")
    await message.channel.send("yes?")
    assert world.transcript(world.dm(world.ada)) == "Ada: psst\nMemo: yes?"


async def test_the_bot_writes_to_somebody_first(world: World, bot: Bot) -> None:
    user = await bot.fetch_user(world.bob.id)
    await user.send("hello Bob")
    world.bob.accepts_dms = False
    with pytest.raises(discord.Forbidden) as caught:
        await user.send("hello again")

    assert caught.value.code == 50007
    assert world.transcript(world.dm(world.bob)) == "Memo: hello Bob"


async def test_what_is_written_in_a_guild_is_empty_without_the_intent(world: World) -> None:
    async with running(world, Bot(world, discord.Intents(guilds=True, messages=True))) as bot:
        await world.says(world.ada, world.general, "secret")
        await world.says(world.ada, world.general, "open", mentions=[world.bot])
        await world.says(world.ada, world.dm(world.ada), "direct")
        await world.until(lambda: len(bot.heard("message")) == 4)

        theirs = [message.content for message in bot.heard("message") if message.author != bot.user]
        assert theirs == ["", f"{world.bot.mention} open", "direct"]


async def test_edits_deletions_and_reactions_are_told(world: World, bot: Bot) -> None:
    first = await world.says(world.ada, world.general, "one")
    others = [await world.says(world.bob, world.general, text) for text in ("two", "three")]
    await world.edits(first, "one!")
    await world.reacts(world.bob, first, "👍")
    await world.types(world.bob, world.general)
    await world.deletes(first)
    await world.deletes(*others)
    await world.until(lambda: bot.heard("raw_bulk_message_delete"))

    assert [it.data["content"] for it in bot.heard("raw_message_edit")] == ["one!"]
    assert [str(it.emoji) for it in bot.heard("raw_reaction_add")] == ["👍"]
    assert [it.message_id for it in bot.heard("raw_message_delete")] == [first.id]
    assert [it.message_ids for it in bot.heard("raw_bulk_message_delete")] == [{it.id for it in others}]
    assert len(bot.heard("raw_typing")) == 1
    assert world.transcript(world.general) == ""


async def test_the_bot_edits_reacts_and_deletes(world: World, bot: Bot) -> None:
    channel = bot.get_channel(world.general.id)
    async with channel.typing():
        message = await channel.send("a")
    await message.edit(content="a b")
    await message.add_reaction("👀")
    gone = await channel.send("gone")
    await gone.delete()
    theirs = await channel.fetch_message((await world.says(world.ada, world.general, "mine")).id)
    with pytest.raises(discord.Forbidden) as caught:
        await theirs.delete()

    assert caught.value.code == 50013
    assert world.transcript(world.general) == "Memo: a b (edited)\n    👀 Memo\nAda: mine"
    assert [typing.channel for typing in world.typings] == [world.general]
    assert world.general.messages[message.id].versions == ["a"]


async def test_files_go_both_ways(world: World, bot: Bot) -> None:
    await world.says(world.ada, world.general, "read this", attachments=[("a.txt", b"tea", "text/plain")])
    await world.until(lambda: bot.heard("message"))
    (attachment,) = bot.heard("message")[0].attachments
    assert await attachment.read() == b"tea"
    assert attachment.content_type == "text/plain"

    channel = bot.get_channel(world.general.id)
    sent = await channel.send("here", file=discord.File(io.BytesIO(b"12 bytes are"), "notes.txt"))

    assert world.transcript(world.general).endswith("Memo: here\n    📎 notes.txt, 12 bytes")
    assert await sent.attachments[0].read() == b"12 bytes are"
    world.clock.advance(25 * 3600)
    with pytest.raises(discord.NotFound):
        await attachment.read()


async def test_history_is_read_in_pages(world: World, bot: Bot) -> None:
    sent = [await world.says(world.ada, world.general, str(number)) for number in range(7)]
    channel = bot.get_channel(world.general.id)

    async def read(**where: Any) -> list[str]:
        return [message.content async for message in channel.history(**where)]

    assert await read(limit=3) == ["6", "5", "4"]
    assert await read(limit=2, before=discord.Object(sent[3].id)) == ["2", "1"]
    assert await read(limit=2, after=discord.Object(sent[3].id)) == ["4", "5"]
    assert await read(limit=3, around=discord.Object(sent[3].id)) == ["4", "3", "2"]
    world.general.denied_to_bot = Permission.READ_MESSAGE_HISTORY
    assert await read() == []


async def test_forms_that_discord_refuses_are_refused(world: World, bot: Bot) -> None:
    channel = bot.get_channel(world.general.id)
    await channel.send("x" * 2000)
    refused = {}
    for name, message in {"long": {"content": "x" * 2001}, "empty": {"content": ""}}.items():
        with pytest.raises(discord.HTTPException) as caught:
            await channel.send(**message)
        refused[name] = (caught.value.status, caught.value.code)

    assert refused == {"long": (400, 50035), "empty": (400, 50006)}


async def test_what_is_not_there_or_not_allowed_is_told_so(world: World, bot: Bot) -> None:
    channel = bot.get_channel(world.general.id)
    with pytest.raises(discord.NotFound) as no_message:
        await channel.fetch_message(1)
    with pytest.raises(discord.NotFound) as no_channel:
        await bot.fetch_channel(1)
    await world.denies(world.general, Permission.SEND_MESSAGES)
    with pytest.raises(discord.Forbidden) as may_not:
        await channel.send("hello")
    await world.denies(world.general, Permission.VIEW_CHANNEL)
    with pytest.raises(discord.Forbidden) as cannot_see:
        await channel.send("hello")

    assert [it.value.code for it in (no_message, no_channel, may_not, cannot_see)] == [10008, 10003, 50013, 50001]


async def test_a_nonce_posts_once_as_long_as_it_is_remembered(world: World, bot: Bot) -> None:
    channel = bot.get_channel(world.general.id)
    first = await channel.send("once", nonce="key-1")
    again = await channel.send("once", nonce="key-1")
    other = await channel.send("once", nonce="key-2")
    world.clock.advance(600)
    late = await channel.send("once", nonce="key-1")

    assert first.id == again.id
    assert len({first.id, other.id, late.id}) == 3


async def test_only_what_is_allowed_pings(world: World, bot: Bot) -> None:
    channel = bot.get_channel(world.general.id)
    text = f"{world.ada.mention} {world.bob.mention} @everyone"
    quiet = await channel.send(text)
    loud = await channel.send(text, allowed_mentions=discord.AllowedMentions(users=[discord.Object(world.bob.id)]))

    assert world.general.messages[quiet.id].pings == []
    assert world.general.messages[loud.id].pings == [world.bob]
    assert not world.general.messages[loud.id].pings_everyone


async def test_an_edit_names_people_and_notifies_nobody(world: World, bot: Bot) -> None:
    sent = await bot.get_channel(world.general.id).send("for")
    everybody = discord.AllowedMentions(users=True)
    edited = await sent.edit(content=f"for {world.bob.mention}", allowed_mentions=everybody)

    assert [user.id for user in edited.mentions] == [world.bob.id]
    assert world.general.messages[sent.id].pings == []
    assert world.transcript(world.general) == "Memo: for @Bob (edited)"


# ── places ───────────────────────────────────────────────────────────────────────────────────────────


async def test_the_bot_answers_in_a_thread_of_its_own(world: World, bot: Bot) -> None:
    asked = await world.says(world.ada, world.general, "a long story")
    await world.until(lambda: bot.heard("message"))
    thread = await bot.heard("message")[0].create_thread(name="The story")
    await thread.send("Once …")

    assert world.transcript(asked.thread) == "Memo: Once …"
    assert world.transcript(world.general) == "Ada: a long story\n    # The story"
    await world.says(world.bob, asked.thread, "and then?")
    await world.until(lambda: bot.heard("message")[-1].content == "and then?")
    assert bot.heard("message")[-1].channel == thread
    await world.archives(asked.thread, locks=True)
    with pytest.raises(discord.HTTPException):
        await thread.send("the end")


async def test_posts_in_a_forum_are_threads(world: World, bot: Bot) -> None:
    post, first = await world.posts(world.ada, world.ideas, "Read Emma", "Shall we?")
    await world.until(lambda: bot.heard("message"))

    (message,) = bot.heard("message")
    assert (message.id, message.channel.id) == (first.id, post.id)
    assert message.channel.parent.id == world.ideas.id
    await message.reply("Yes")
    mine = await bot.get_channel(world.ideas.id).create_thread(name="Or Middlemarch", content="Longer")
    assert world.transcript(post) == "Ada: Shall we?\nMemo ↩ Ada: Yes"
    assert mine.message.content == "Longer"


async def test_places_come_and_go(world: World, bot: Bot) -> None:
    extra = world.channel("extra")
    await world.until(lambda: bot.heard("guild_channel_create"))
    await world.deletes_channel(extra)
    await world.outage(world.guild)
    await world.invites(world.guild)
    await world.kicks(world.guild)
    await world.until(lambda: bot.heard("guild_remove"))

    assert bot.heard("guild_channel_delete")[0].name == "extra"
    assert len(bot.heard("guild_unavailable")) == 1
    assert not bot.guilds
    with pytest.raises(discord.NotFound):
        await bot.get_partial_messageable(extra.id).send("anybody?")


async def test_discord_writes_messages_of_its_own(world: World, bot: Bot) -> None:
    asked = await world.says(world.ada, world.general, "see https://example.org")
    await world.unfurls(asked, "An example")
    await world.joins(world.bob, world.general)
    await world.starts_thread(world.ada, world.general, "Aside")
    await world.starts_thread(world.ada, world.general, "On that", asked)
    await world.until(lambda: len(bot.heard("message")) == 4)

    kinds = [message.type for message in bot.heard("message")]
    assert kinds == [
        discord.MessageType.default,
        discord.MessageType.new_member,
        discord.MessageType.thread_created,
        discord.MessageType.thread_starter_message,
    ]
    assert [it.data["edited_timestamp"] for it in bot.heard("raw_message_edit")] == [None]
    assert world.transcript(world.general) == (
        "Ada: see https://example.org\n    │ An example\n    # On that\nBob has come\nAda started a thread: Aside"
    )


async def test_into_a_private_thread_the_bot_comes_when_it_is_mentioned(world: World, bot: Bot) -> None:
    thread = await world.starts_thread(world.ada, world.general, "Secrets", is_private=True)
    await world.says(world.ada, thread, "we are alone")
    asked = await world.says(world.ada, thread, "not any more", mentions=[world.bot])
    await world.hears(thread, after=asked)

    assert [it.content for it in bot.heard("message") if it.author != bot.user] == [asked.content]


async def test_a_second_thread_at_a_message_is_refused(world: World, bot: Bot) -> None:
    message = await bot.get_channel(world.general.id).send("a story")
    await message.create_thread(name="one")
    with pytest.raises(discord.HTTPException) as caught:
        await message.create_thread(name="two")

    assert (caught.value.status, caught.value.code) == (400, 160004)


async def test_a_reply_to_what_is_gone_is_refused_unless_it_may_fail(world: World, bot: Bot) -> None:
    message = await bot.get_channel(world.general.id).send("soon gone")
    await world.deletes(world.general.messages[message.id])
    with pytest.raises(discord.HTTPException) as caught:
        await message.reply("to nothing")
    sent = await message.channel.send("anyway", reference=message.to_reference(fail_if_not_exists=False))

    assert caught.value.code == 50035
    assert sent.content == "anyway"
