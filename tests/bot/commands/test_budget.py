"""Moderators see what their channel spent today, owners what everybody did."""

from pathlib import Path

from adapters.testing import ScriptedServer, says
from bot.testing import RecordingPlatform, at_channel, direct, open_bot

OWNER, BOB = direct("1", platform="discord"), direct("2", platform="discord")


async def test_a_channel_s_moderators_see_its_day_and_the_limits_but_nobody_else_s(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        settings = {"llm_model": "m", "openai_base_url": server.url, "bot_owners": "discord:1"}
        caps = {"budget_tokens_per_day": 90_000, "budget_tokens_per_user_day": 40_000}
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **settings, **caps) as bot:
            before = (await bot.give(at_channel("3"), "admin budget", is_moderator=True)).text
            await bot.write_at(at_channel("2"), "Hello")
            await bot.write_at(at_channel("2"), "Hello again")
            await bot.write_at(BOB, "Hello")
            told = (await bot.give(at_channel("3"), "admin budget", is_moderator=True)).text
            bot.clock.advance(days=1)
            next_day = (await bot.give(at_channel("3"), "admin budget", is_moderator=True)).text
    assert "Used today in this channel: nothing yet" in before
    assert "Used today in this channel: 2 calls of the model" in told
    assert "40,000 tokens for each person" in told
    assert "of 90,000 tokens" in told
    assert "timed events of everybody" in told
    assert "discord:" not in told
    assert "everywhere" not in told
    assert "Used today in this channel: nothing yet" in next_day


async def test_owners_see_all_wherever_they_are(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        settings = {"llm_model": "m", "openai_base_url": server.url, "bot_owners": "discord:1"}
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **settings) as bot:
            assert "Most was used" not in (await bot.give(OWNER, "admin budget")).text
            await bot.write_at(at_channel("2"), "Hello")
            await bot.write_at(BOB, "Hello")
            await bot.write_at(direct("3", platform="discord"), "Hello")
            directly = (await bot.give(OWNER, "admin budget")).text
            there = (await bot.give(at_channel("1"), "admin budget")).text
            refused = [
                (await bot.give(at_channel("2"), "admin budget")).text,
                (await bot.give(BOB, "admin budget", is_moderator=True)).text,
            ]
            bot.clock.advance(days=1)
            next_day = (await bot.give(OWNER, "admin budget")).text
    assert "Used today in our direct messages: nothing yet" in directly
    assert "Used today in this channel: 1 call of the model" in there
    for told in (directly, there):
        assert "Used today everywhere: 3 calls of the model" in told
        assert "Limits of today: none" in told
        for name in ("discord:channel:home/general", "discord:dm:2", "discord:dm:3", "discord:2", "discord:3"):
            assert f"tokens  {name}" in told
        by_person = told.rpartition("\nFor\n")[2]
        assert by_person.index("discord:2") < by_person.index("discord:3")
    assert refused[0] == "In a channel that is for its moderators alone."
    assert "about a channel" in refused[1]
    assert "nothing yet" in next_day
    assert "discord:dm:2" not in next_day
