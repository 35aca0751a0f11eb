"""A model per agent, chosen by owners among those that the server offers."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.commands import CommandCall
from adapters.ports.messages import Origin
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.choices import Choices
from bot.testing import Bot, RecordingPlatform, at_channel, direct, open_bot

OWNER, BOB = direct("1", platform="discord"), direct("2", platform="discord")
OFFERED = [{"id": "m", "max_model_len": 16_384}, {"id": "small", "max_model_len": 4096}, {"id": "BIG/one"}]


def named(request: Request) -> Reply:
    return says(f"I am {request['model']}.")


def bot_at(tmp_path: Path, server: ScriptedServer, **more: Any) -> Any:
    server.models = [dict(entry) for entry in OFFERED]
    settings = {"llm_model": "m", "openai_base_url": server.url, "bot_owners": "discord:1"}
    return open_bot(tmp_path, platform=RecordingPlatform("discord"), **settings | more)


async def give(bot: Bot, line: str, origin: Any = OWNER) -> str:
    return (await bot.give(origin, line, is_moderator=True)).text


async def say(bot: Bot, text: str, origin: Origin) -> str:
    """The first line of what is replied first: below it a bot says once what it keeps."""
    return (await bot.write_at(origin, text))[0].splitlines()[0]


async def test_an_owner_gives_an_agent_another_model_and_it_keeps_it_over_restarts(tmp_path: Path) -> None:
    async with ScriptedServer(named) as server:
        async with bot_at(tmp_path, server) as bot:
            shown = await give(bot, "model")
            assert "I talk with m, spoken to in the tools tier, with a window of 16,384 tokens" in shown
            assert "small  4,096 tokens" in shown
            assert "BIG/one  window not told" in shown
            told = await give(bot, "model SMALL")
            assert "small, spoken to in the tools tier, with a window of 4,096 tokens; chosen for this agent" in told
            assert await say(bot, "Who are you?", OWNER) == "I am small."
            assert await say(bot, "Who are you?", BOB) == "I am m."
            assert await say(bot, "Who are you?", at_channel("1")) == "I am m."
            assert "of 4096 tokens" in await give(bot, "status")
            assert "small, spoken to" in await give(bot, "status")
            assert "of 16384 tokens" in await give(bot, "status", BOB)
            assert "(4096 tokens)" in await give(bot, "memory")
        async with bot_at(tmp_path, server) as bot:
            assert await say(bot, "And now?", OWNER) == "I am small."
            assert "I talk with small" in await give(bot, "model")
            assert "m, spoken to in the tools tier" in await give(bot, "model default")
            assert await say(bot, "And now?", OWNER) == "I am m."
    with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
        assert set(database.execute("SELECT model, tier FROM model_tiers")) == {("m", "tools"), ("small", "tools")}
        assert set(database.execute("SELECT model FROM usage")) == {("m",), ("small",)}
        audited = [action for (action,) in database.execute("SELECT what FROM audit ORDER BY id")]
    assert audited == ["model", "model small", "model", "model default"]


async def test_what_the_server_does_not_offer_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    async with ScriptedServer(named) as server, bot_at(tmp_path, server) as bot:
        server.models += [{"id": "tiny", "max_model_len": 1024}, {"id": "file.gguf"}]
        for name, told in (
            ("gpt-9", "The server offers no model 'gpt-9'. It offers 4:"),
            ("file.gguf", "The server offers no model 'file.gguf'"),
            ("tiny", "I cannot talk with tiny: Instructions and tools take"),
        ):
            assert told in await give(bot, f"model {name}")
        assert "for the owners" in await give(bot, "model small", BOB)
        assert await bot.app.commands.suggest(call(OWNER, "model s")) == ("small",)
        server.models = []
        assert "offers no model 'small'. It offers 0" in await give(bot, "model small")
        with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
            audited = [action for (action,) in database.execute("SELECT what FROM audit ORDER BY id")]
        assert audited == ["model", "model", "model tiny", "model"]  # what there is none of is kept as little as words
        assert await say(bot, "Who are you?", OWNER) == "I am m."
        assert "the one of LLM_MODEL" in await give(bot, "model")


async def test_a_look_makes_no_agent_and_neither_does_what_changes_nothing(tmp_path: Path) -> None:
    async with ScriptedServer(named) as server, bot_at(tmp_path, server) as bot:
        for line in ("model", "model default"):
            assert "I talk with m, spoken to in the tools tier" in await give(bot, line)
            assert "the one of LLM_MODEL" in await give(bot, line)
        assert await bot.app.agents.find("discord:dm:1") is None
        assert "chosen for this agent" in await give(bot, "model small")
        assert await bot.app.agents.find("discord:dm:1") is not None


async def test_the_model_of_the_settings_by_its_name_is_as_the_settings_have_it(tmp_path: Path) -> None:
    async with ScriptedServer(named) as server, bot_at(tmp_path, server, llm_context_window=9000) as bot:
        told = await give(bot, "model m")
        assert "m, spoken to in the tools tier, with a window of 9,000 tokens; chosen for this agent" in told


async def test_a_model_named_at_the_start_goes_before_what_was_chosen(tmp_path: Path) -> None:
    async with ScriptedServer(named) as server:
        async with bot_at(tmp_path, server) as bot:
            await give(bot, "model small")
        async with bot_at(tmp_path, server, choices=Choices(names_model=True)) as bot:
            assert await say(bot, "Who are you?", OWNER) == "I am m."
            assert "I talk with m" in await give(bot, "model")
            assert "named when I was started" in await give(bot, "model default")
        async with bot_at(tmp_path, server) as bot:
            assert await say(bot, "Who are you?", OWNER) == "I am small."


async def test_where_the_model_runs_is_told_of_the_agent_s_own(tmp_path: Path) -> None:
    async with ScriptedServer(named) as server, bot_at(tmp_path, server, llm_model="embedded") as bot:
        await give(bot, "model small")
        (told,) = await bot.write_at(OWNER, "Hello")
        assert told.startswith("I am small.")
        assert "runs on 127.0.0.1" in told


async def test_without_a_server_there_is_nothing_to_choose(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        assert "No server is set that could have other models" in await bot.command("model")
        assert "I cannot tell which models there are: No server is set" in await bot.command("model small")


async def test_an_agent_whose_model_cannot_be_had_any_more_talks_with_the_usual_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScriptedServer(named) as server:
        async with bot_at(tmp_path, server) as bot:
            await give(bot, "model small")
        caplog.set_level(logging.WARNING, "bot.minds.mind")
        with closing(sqlite3.connect(tmp_path / "bot.db")) as database, database:
            database.execute("UPDATE agents SET model_window = 1024")
        async with bot_at(tmp_path, server) as bot:
            assert await say(bot, "Who are you?", OWNER) == "I am m."
            with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
                assert database.execute("SELECT model, model_window FROM agents").fetchall() == [("small", 1024)]
            server.models[1]["max_model_len"] = 1024
            assert "I cannot talk with small: Instructions" in await give(bot, "model small")
    assert "an agent's own model cannot be used, so it has the usual one" in caplog.text


async def test_each_model_is_stepped_down_by_itself(tmp_path: Path) -> None:
    def by_name(request: Request) -> Reply:
        return says("A call.") if request["model"] == "m" else answer("In words.")

    async with ScriptedServer(by_name) as server, bot_at(tmp_path, server) as bot:
        await give(bot, "model small")
        for _ in range(4):
            await bot.write_at(OWNER, "Hello")
        assert await say(bot, "Hello", BOB) == "A call."
        assert "small, spoken to in the json tier" in await give(bot, "status")
        assert "m, spoken to in the tools tier" in await give(bot, "status", BOB)


async def test_a_smaller_window_puts_out_what_it_cannot_hold_and_a_larger_one_keeps_the_rest(tmp_path: Path) -> None:
    long = "We walked along the river and spoke of the weather and of the boats that were there that day. " * 6
    sizes: list[int] = []

    def sized(request: Request) -> Reply:
        text = "".join(str(message["content"]) for message in request["messages"])
        if "summary" in str(request["messages"][0]["content"])[:200].lower() and not request.get("tools"):
            return answer("They walked.")
        sizes.append(len(text) // 4)
        return says("Yes.")

    async with ScriptedServer(sized) as server, bot_at(tmp_path, server) as bot:
        for number in range(14):
            await bot.write_at(OWNER, f"Day {number}: {long}")
        entries = len((await bot.app.agents.get("discord:dm:1")).queue)
        await give(bot, "model small")
        assert await say(bot, "And?", OWNER) == "Yes."
        agent = await bot.app.agents.get("discord:dm:1")
        assert len(agent.queue) < entries
        assert agent.summary
        assert sizes[-1] < 4096
        assert "Day 0" in await give(bot, "search Day 0")


def call(origin: Origin, line: str) -> CommandCall:
    return CommandCall(origin, line, is_moderator=True)
