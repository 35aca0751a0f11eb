"""Channels of every kind that people write in, and messages of every kind that they write there."""

from pathlib import Path
from typing import Any

import pytest

from memory.people.channels import Mode
from tests.platforms.discord.served import of_bot, serving
from tests.platforms.discord.things import Channel, Intent, Kind, Message, Permission
from tests.platforms.discord.world import World
from tests.platforms.serving import settled

KINDS = [Kind.VOICE, Kind.STAGE, Kind.NEWS]
CROSSPOSTED, IS_CROSSPOST, IS_VOICE_MESSAGE = 1 << 0, 1 << 1, 1 << 13
POLL = {
    "question": {"text": "Tea or coffee?"},
    "answers": [{"answer_id": 1, "poll_media": {"text": "Tea"}}, {"answer_id": 2, "poll_media": {"text": "Coffee"}}],
    "expiry": "2100-01-01T00:00:00+00:00",
    "allow_multiselect": False,
    "layout_type": 1,
}
FORWARDED = {
    "message_reference": {"type": 1, "message_id": "1", "channel_id": "1"},
    "message_snapshots": [
        {
            "message": {
                "type": 0,
                "content": "once upon a time",
                "embeds": [],
                "attachments": [],
                "timestamp": "2026-03-01T12:00:00+00:00",
                "edited_timestamp": None,
                "flags": 0,
                "mentions": [],
                "mention_roles": [],
            }
        }
    ],
}


# ── kinds of channels ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
async def test_a_mention_is_answered_in_channels_of_every_kind(world: World, tmp_path: Path, kind: Kind) -> None:
    place = world.channel("place", kind=kind)
    async with serving(world, tmp_path) as served:
        unheard = await world.says(world.bob, place, "among ourselves")
        asked = await world.says(world.bob, place, "hello", mentions=[world.bot])
        answer = await world.hears(place, after=unheard)
        more = await world.says(world.bob, place, "and again", reply_to=answer)
        again = await world.hears(place, after=more)
        await world.until(lambda: world.state.commands.get(None))
        shown = await world.answered(await world.slash(world.bob, place, "agent status"))
        await settled(world)
    assert answer.content.startswith("You said: hello")
    assert answer.reply_to is asked
    assert again.content.startswith("You said: and again")
    assert {it.channel for it in world.typings} >= {place}
    assert shown.original is not None
    assert shown.original.content
    assert "among ourselves" not in str(served.model.requests)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_missed_there_is_answered_after_a_restart(world: World, tmp_path: Path, kind: Kind) -> None:
    place = world.channel("place", kind=kind)
    async with serving(world, tmp_path):
        asked = await world.says(world.bob, place, "hello", mentions=[world.bot])
        await world.hears(place, after=asked)
    missed = await world.says(world.bob, place, "are you there?", mentions=[world.bot])
    async with serving(world, tmp_path):
        answer = await world.hears(place, after=missed)
    assert answer.content.startswith("You said: are you there?")


@pytest.mark.parametrize("kind", [Kind.VOICE, Kind.STAGE])
async def test_where_it_may_not_connect_it_reads_nothing(world: World, tmp_path: Path, kind: Kind) -> None:
    place = world.channel("place", kind=kind, denied=Permission.CONNECT)
    async with serving(world, tmp_path) as served:
        await world.says(world.bob, place, "hello", mentions=[world.bot])
        await settled(world)
    assert "hello" not in str(served.model.requests)


@pytest.mark.parametrize(("kind", "opens"), [(Kind.VOICE, False), (Kind.STAGE, False), (Kind.NEWS, True)])
async def test_the_mode_thread_opens_threads_where_there_can_be_some(
    world: World, tmp_path: Path, kind: Kind, opens: bool
) -> None:
    place = world.channel("place", kind=kind)
    async with serving(world, tmp_path) as served:
        scope = f"discord:channel:{world.guild.id}/{place.id}"
        await served.app.channels.choose(scope, Mode.THREAD, "", world.clock.now())
        asked = await world.says(world.bob, place, "hello", mentions=[world.bot])
        if opens:
            await world.until(lambda: asked.thread is not None)
            assert asked.thread is not None
            assert asked.thread.kind is Kind.NEWS_THREAD
        answer = await world.hears(asked.thread or place, after=asked, holds=lambda it: it.content)
        assert answer.content.startswith("You said: hello")
        await settled(world)
    assert not of_bot(world, world.dm(world.guild.owner))


async def test_a_thread_of_an_announcement_belongs_to_its_channel(world: World, tmp_path: Path) -> None:
    news = world.channel("news", kind=Kind.NEWS)
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.bob, news, "my cat is Zebedee", mentions=[world.bot])
        await world.hears(news, after=asked)
        announced = await world.says(world.ada, news, "we meet on Friday")
        thread = await world.starts_thread(world.bob, news, "Friday", at=announced)
        assert thread.kind is Kind.NEWS_THREAD
        first = await world.says(world.bob, thread, "who comes?", mentions=[world.bot])
        assert (await world.hears(thread, after=first)).content.startswith("You said: who comes?")
        second = await world.says(world.bob, thread, "and when?")
        assert (await world.hears(thread, after=second)).content.startswith("You said: and when?")
        assert "Zebedee" in str(served.model.requests[-1])


async def test_what_another_server_publishes_is_a_webhook_s_and_left_alone(world: World, tmp_path: Path) -> None:
    followed = {"webhook_id": str(world.state.new_id()), "flags": IS_CROSSPOST}
    async with serving(world, tmp_path) as served:
        world.state.post(world.general, world.bob, f"{world.bot.mention} read our news", more=followed)
        await settled(world)
    assert "read our news" not in str(served.model.requests)


async def test_an_announcement_is_answered_once_although_it_is_published_later(world: World, tmp_path: Path) -> None:
    news = world.channel("news", kind=Kind.NEWS)
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.ada, news, "hello", mentions=[world.bot])
        await world.hears(news, after=asked)
        asked.flags |= CROSSPOSTED
        world.state._emit_message("MESSAGE_UPDATE", asked)
        await settled(world)
    assert len(of_bot(world, news)) == 1
    assert len(served.model.requests) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_what_discord_writes_there_itself_is_left_alone(world: World, tmp_path: Path, kind: Kind) -> None:
    place = world.channel("place", kind=kind)
    async with serving(world, tmp_path) as served:
        for type_ in (6, 7, 12, 18, 21, 24, 27, 28, 29, 31, 36, 46):  # pins, follows, threads, stages, polls …
            content = f"{world.bot.mention} written by Discord"
            world.state.post(place, world.ada, content, more={"type": type_})
        await settled(world)
    assert len(served.model.requests) == 1
    assert not of_bot(world, place)


# ── kinds of messages ────────────────────────────────────────────────────────────────────────────────


def voice_message(world: World) -> dict[str, Any]:
    file = world.state.add_file("voice-message.ogg", b"OggS", "audio/ogg")
    file.more = {"duration_secs": 3.2, "waveform": "AAECAw=="}
    return {"attachments": [file], "flags": IS_VOICE_MESSAGE}


@pytest.mark.parametrize("kind", [Kind.TEXT, *KINDS])
async def test_messages_without_a_word_are_read_where_they_reply_to_the_bot(
    world: World, tmp_path: Path, kind: Kind
) -> None:
    place = world.channel("place", kind=kind)
    async with serving(world, tmp_path) as served:
        asked = await world.says(world.bob, place, "hello", mentions=[world.bot])
        answer = await world.hears(place, after=asked)

        async def told(**more: Any) -> str:
            reply = world.state.post(place, world.bob, "", reply_to=answer, **more)
            await world.hears(place, after=reply)
            return str(served.model.requests[-1]["messages"][-1])

        assert "[sticker: Wave]" in await told(more={"sticker_items": [{"id": "5", "name": "Wave", "format_type": 1}]})
        assert "[poll: Tea or coffee?: Tea, Coffee]" in await told(more={"poll": POLL})
        shown = await told(**voice_message(world))
        assert "voice-message.ogg, could not be read" in shown


async def test_what_is_forwarded_is_read_where_the_bot_is_meant(world: World, tmp_path: Path) -> None:
    """A forwarded message cannot reply, and has no words of its own; in a channel it is for all."""

    async def forwards(place: Channel) -> Message:
        return world.state.post(place, world.bob, "", more=FORWARDED)

    async with serving(world, tmp_path) as served:
        direct = world.dm(world.bob)
        await world.hears(direct, after=await forwards(direct))
        assert "[forwarded:] once upon a time" in str(served.model.requests[-1])
        first = await world.says(world.bob, world.general, "hello", mentions=[world.bot])
        await world.hears(world.general, after=first)
        served.model.requests.clear()
        await forwards(world.general)
        await settled(world)
        assert "once upon a time" not in str(served.model.requests)
        thread = await world.starts_thread(world.bob, world.general, "Tales", at=first)
        asked = await world.says(world.bob, thread, "listen", mentions=[world.bot])
        await world.hears(thread, after=asked)
        await world.hears(thread, after=await forwards(thread))
        assert "[forwarded:] once upon a time" in str(served.model.requests[-1])


# ── who is mentioned ─────────────────────────────────────────────────────────────────────────────────


async def test_the_role_that_came_with_the_bot_is_the_bot(world: World, tmp_path: Path) -> None:
    role = f"<@&{world.guild.id + 2}>"
    async with serving(world, tmp_path) as served:
        for who in (world.ada, world.bob):  # Bob may not notify roles, so that Discord tells of none
            for text, read in (
                (f"{role} hello", "hello"),
                (f"hello {role}", "hello"),
                (f"is {role} here?", "is @Bot here?"),
                (f"{role}", "(mentions you without a word)"),
            ):
                asked = await world.says(who, world.general, text)
                assert asked.roles == ([world.guild.id + 2] if who is world.ada else [])
                answer = await world.hears(world.general, after=asked)
                assert answer.content.split("\n")[0] == f"You said: {read}"
        await settled(world)
    assert len(served.model.requests) == 9


async def test_other_roles_and_everyone_are_not_the_bot(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        for text in (f"<@&{world.guild.id + 1}> you all", "@everyone you all", "@here you all"):
            asked = await world.says(world.ada, world.general, text)
            assert asked.roles or asked.pings_everyone
        await settled(world)
    assert "you all" not in str(served.model.requests)


async def test_without_the_intent_a_role_s_mention_is_left_alone(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Discord does not show what it says."""
    world.state.granted = Intent.NONE
    async with serving(world, tmp_path) as served:
        await world.says(world.ada, world.general, f"<@&{world.guild.id + 2}> hello")
        await settled(world)
    assert len(served.model.requests) == 1
    assert "put aside" not in caplog.text
