"""What a person is told once, below their first reply."""

from pathlib import Path
from typing import Any

import pytest

from adapters.testing import ScriptedServer, answer, says
from bot.implementations import runs_on
from bot.testing import RecordingPlatform, at_channel, direct, open_bot
from config.settings import load_settings

ADA, BOB = direct("1", platform="discord"), direct("2", platform="discord")


async def test_the_first_reply_to_each_person_says_what_is_kept(tmp_path: Path) -> None:
    both = answer(None, *[("send_message", {"message": text, "request_heartbeat": False}) for text in ("One", "Two")])
    async with ScriptedServer([both, *[says("Hello")] * 5]) as server:
        settings: dict[str, Any] = {"llm_model": "m", "openai_base_url": server.url}
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            first, second = await bot.write_at(ADA, "Hi")
            words, footer = first.split("\n\n")
            assert words == "One"
            assert footer.startswith("-# I keep what is written to me")
            assert "runs on 127.0.0.1." in footer
            assert "`/agent help`" in footer
            assert "\n" not in footer
            assert second == "Two"
            assert await bot.write_at(at_channel("1"), "Hi") == ["Hello"]
            assert "-# I keep" in (await bot.write_at(at_channel("2"), "Hi"))[0]
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            assert await bot.write_at(ADA, "Again") == ["Hello"]
            assert await bot.write_at(BOB, "Hi") == ["Hello"]
    assert "-#" not in str(server.requests)  # the agent has not said it


async def test_the_terminal_has_no_footer(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hello")]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            assert await bot.say("Hi") == ["Hello"]


async def test_while_nothing_is_kept_nobody_is_told_that_it_is(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Hello")) as server:
        platform = RecordingPlatform("discord")
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            await bot.give(ADA, "pause")
            assert await bot.write_at(ADA, "Hi") == ["Hello"]
            await bot.give(ADA, "resume")
            assert "-# I keep" in (await bot.write_at(ADA, "Hi"))[0]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "this machine"),
        ({"llm_model": "/models/a.gguf"}, "this machine"),
        ({"llm_model": "m", "openai_api_key": "k"}, "api.openai.com"),
        ({"llm_model": "m", "openai_base_url": "https://me:pw@llm.example.org:8443/v1"}, "llm.example.org"),
    ],
)
def test_where_the_model_runs(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    assert runs_on(load_settings(bot_data_dir=tmp_path, **settings)) == told
