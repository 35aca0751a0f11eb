"""What people plainly ask to be reminded of is found by code, and kept, for models that call no tools."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.testing import ScriptedServer, answer
from bot.testing import RecordingPlatform, direct, open_bot
from bot.tiers.reminding import OF_NOTHING, Reminder, reminder_asked

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when", "note"),
    [
        ("remind me in one minute to drink water", "2026-03-01T12:01:05+00:00", "drink water"),
        ("Hi! Remind me to drink in 10 minutes.", "2026-03-01T12:10:05+00:00", "drink"),
        ("In half an hour, remind me about the oven.", "2026-03-01T12:30:05+00:00", "the oven"),
        ("remind me in 3 days: pay rent", "2026-03-04T12:00:05+00:00", "pay rent"),
        ("remind me in an hour", "2026-03-01T13:00:05+00:00", OF_NOTHING),
        ("Remind me tomorrow at nine to call mum", "2026-03-02T09:00", "call mum"),
        ("Remind me at 4pm tomorrow that I have a date", "2026-03-02T16:00", "I have a date"),
        ("please remind me at 18:30 of the train", "2026-03-01T18:30", "the train"),
        ("remind me at 9 to run", "2026-03-02T09:00", "run"),
        ("remind me tonight at eight to lock up", "2026-03-01T20:00", "lock up"),
        ("remind me tomorrow to vote", "2026-03-02T09:00", "vote"),
        ("remind me at noon tomorrow to eat", "2026-03-02T12:00", "eat"),
    ],
)
def test_a_time_and_what_it_is_about(text: str, when: str, note: str) -> None:
    assert reminder_asked(text, NOW) == Reminder(when, note)


@pytest.mark.parametrize(
    "text",
    [
        "You remind me of him",
        "remind me of mum",
        "What did you remind me of in ten minutes?",
        "remind me today at 25:00 to x",
        "Tell Bob to remind me at nine",
        "",
    ],
)
def test_what_is_no_such_request(text: str) -> None:
    assert reminder_asked(text, NOW) is None


@given(st.text(max_size=80))
def test_whatever_is_written_nothing_breaks(text: str) -> None:
    reminder_asked(f"remind me {text}", NOW)


async def test_it_is_kept_and_said_by_code_and_no_model_is_asked(tmp_path: Path) -> None:
    async with ScriptedServer([answer("Hello.")]) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "text"}
        async with open_bot(tmp_path, **given) as bot:
            assert await bot.say("Remind me in one minute to drink water") == [
                "I will remind you at 12:01 on Sunday, 01 March (UTC)."
            ]
            bot.clock.advance(minutes=1)
            assert await bot.sweep() == ["A reminder: drink water"]
            assert server.requests == []
            assert await bot.say("Hello") == ["Hello."]


async def test_where_the_zone_is_not_known_the_person_is_told_how_to_set_it(tmp_path: Path) -> None:
    async with ScriptedServer([]) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "text"}
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **given) as bot:
            (said,) = await bot.write_at(direct("7", platform="discord"), "remind me tomorrow at nine to vote")
            assert said.startswith("I do not know your time zone.")
            (said,) = await bot.write_at(direct("7", platform="discord"), "remind me in ten minutes to vote")
            assert said.startswith("I will remind you at 12:10")
