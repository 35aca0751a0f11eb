"""What moderators do: modes, a look at the channel's agent, resets."""

from pathlib import Path

from adapters.ports.commands import CommandCall
from adapters.testing import ScriptedServer, says
from bot.testing import RecordingPlatform, at_channel, direct, open_bot
from memory.people.channels import Mode

SCOPE = "discord:channel:home/general"


async def test_a_mode_is_shown_and_chosen(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        assert (
            "Mode: **mention**. I answer when"
            in (await bot.give(at_channel("1"), "admin mode", is_moderator=True)).text
        )
        reply = await bot.give(at_channel("1"), "admin mode Thread", is_moderator=True)
        assert "The mode is now **thread**" in reply.text
        assert reply.announcement is None
        assert await bot.app.stores.channels.mode(SCOPE) is Mode.THREAD
        assert "since 2026" in (await bot.give(at_channel("1"), "admin mode", is_moderator=True)).text


async def test_reading_along_begins_when_everybody_was_told(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        reply = await bot.app.commands.run(CommandCall(at_channel("1"), "admin mode listen", is_moderator=True))
        assert reply.announcement is not None
        assert "**listen**" in reply.announcement.text
        assert "From now on I read everything that is written here" in reply.announcement.text
        assert await bot.app.stores.channels.mode(SCOPE) is Mode.MENTION
        assert "The mode is now **listen**" in (await reply.announcement.announced()).text
        assert await bot.app.stores.channels.mode(SCOPE) is Mode.LISTEN
        again = await bot.give(at_channel("1"), "admin mode listen", is_moderator=True)
        assert again.announcement is None
        assert "already" in again.text


async def test_a_channel_that_is_not_shown_any_more_says_so(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        await bot.app.stores.channels.choose(SCOPE, Mode.LISTEN, "discord:1", bot.clock())
        call = CommandCall(at_channel("1"), "admin mode", is_moderator=True, reads_messages=False)
        assert "At present I am not shown" in (await bot.app.commands.run(call)).text


async def test_a_channel_that_cannot_be_read_is_not_read_along(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        for mode in ("listen", "open"):
            call = CommandCall(at_channel("1"), f"admin mode {mode}", is_moderator=True, reads_messages=False)
            reply = await bot.app.commands.run(call)
            assert "message content intent" in reply.text
            assert reply.announcement is None
        assert "**mention**" in (await bot.give(at_channel("1"), "admin mode", is_moderator=True)).text
        call = CommandCall(at_channel("1"), "admin mode off", is_moderator=True, reads_messages=False)
        assert "**off**" in (await bot.app.commands.run(call)).text


async def test_inspect_shows_the_channel_and_nothing_of_direct_messages(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            assert "Nobody has talked" in (await bot.give(at_channel("1"), "admin inspect", is_moderator=True)).text
            await bot.write_at(at_channel("2"), "Hello")
            await bot.give(direct("2", platform="discord"), "remember I am a spy")
            await bot.give(at_channel("1"), "remember We meet on Friday")
            shown = (await bot.give(at_channel("1"), "admin inspect", is_moderator=True)).text
            refused = (await bot.give(direct("1", platform="discord"), "admin inspect", is_moderator=True)).text
    for told in (SCOPE, "Mode: mention", "Used today: 1 call", "We meet on Friday", "**Context window**", "2 messages"):
        assert told in shown
    assert "spy" not in shown
    assert "give it in the channel" in refused


async def test_a_channel_begins_anew_for_all(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            await bot.write_at(at_channel("2"), "Hello")
            await bot.give(at_channel("2"), "remember We meet on Friday")
            told = await bot.give(at_channel("1"), "admin reset everything", is_moderator=True, confirms=True)
            assert "For 7 days `/agent undo reset` brings it back" in told.text
            shown = (await bot.give(at_channel("1"), "admin inspect", is_moderator=True)).text
    assert "Friday" not in shown
    assert "0 messages" in shown
