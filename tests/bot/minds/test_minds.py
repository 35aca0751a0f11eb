"""Which model an agent is put before: summaries and what a clock asks for may go to cheaper ones."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.implementations import as_set, known_prices
from bot.testing import Bot, Clock, RecordingPlatform, direct, open_bot
from config.prices import prices_of
from config.settings import load_settings
from memory.core.agents import ChosenModel
from memory.model_tiers import ModelTiers

WINDOW = 4096
LONG = "We walked along the river and spoke of the weather and of the boats that were there that day. " * 4
USAGE = {"prompt_tokens": 900, "completion_tokens": 10}


class Server:
    """Answers by what it is asked for; `asked` counts the models by that."""

    def __init__(self) -> None:
        self.asked = Counter[tuple[str, str]]()
        self.refused: set[str] = set()
        self.largest: Counter[str] = Counter()

    def __call__(self, request: Request) -> Reply:
        model, what = request["model"], self._what(request)
        self.asked[what, model] += 1
        said = "".join(str(message["content"]) for message in request["messages"])
        self.largest[model] = max(self.largest[model], len(said) // 4)
        if model in self.refused:
            return fails(400, "This model's maximum context length is 4097 tokens.")
        if what == "summary":
            return answer("They walked by the river.")
        if what == "reflection":
            return answer(None, ("stay_silent", {"reason": "nothing new"}))
        return answer(None, ("send_message", {"message": f"{what} by {model}"}), **USAGE)

    def _what(self, request: Request) -> str:
        if not request.get("tools"):
            return "summary"
        tools = {tool["function"]["name"] for tool in request["tools"]}
        if "send_message" not in tools:
            return "reflection"
        events = [str(it["content"]) for it in request["messages"] if it["role"] == "user"]
        return "heartbeat" if '"type": "heartbeat"' in events[-1] else "message"


def settings_for(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    server.models = [{"id": name, "max_model_len": WINDOW} for name in ("m", "timed", "sums")]
    base = {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 8192, "llm_tier": "tools"}
    return base | {"llm_model_timed": "timed", "llm_model_summaries": "sums"} | more


async def beat(bot: Bot) -> list[str]:
    bot.clock.advance(hours=2)
    return await bot.sweep()


async def test_each_kind_of_work_goes_to_the_model_that_is_set_for_it(tmp_path: Path) -> None:
    model = Server()
    async with ScriptedServer(model) as server:
        settings = settings_for(server, reflection_after_minutes=30)
        async with open_bot(tmp_path, **settings) as bot:
            for number in range(30):
                await bot.say(f"Day {number}: {LONG}")
                if model.asked["summary", "sums"]:
                    break
            await bot.command("heartbeat every 60")
            bot.clock.advance(minutes=31)
            await bot.sweep()
            await bot.in_chat("summarize")
            await bot.in_chat("summarize")  # now there is room in the smaller window
            assert await beat(bot) == ["heartbeat by timed"]
        with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
            noted = set(database.execute("SELECT model, is_timed FROM usage"))
    assert {what for what, _ in model.asked} == {"message", "summary", "reflection", "heartbeat"}
    assert {(what, by) for what, by in model.asked if what != "message"} == {
        ("summary", "sums"),
        ("reflection", "timed"),
        ("heartbeat", "timed"),
    }
    assert {by for what, by in model.asked if what == "message"} == {"m"}
    assert {("m", 0), ("sums", 0), ("timed", 1)} <= noted
    assert model.largest["sums"] < WINDOW  # the material fits its window, which is smaller than the agent's


async def test_a_conversation_is_not_cut_for_a_heartbeat_its_own_model_takes_what_is_too_much(tmp_path: Path) -> None:
    model = Server()
    async with ScriptedServer(model) as server:
        async with open_bot(tmp_path, **settings_for(server)) as bot:
            await bot.command("heartbeat every 60")
            await bot.say("Hello")
            assert await beat(bot) == ["heartbeat by timed"]
            for _ in range(12):
                await bot.say(LONG * 3)
            assert not model.asked["summary", "sums"]
            entries = len((await bot.agent()).queue)
            assert await beat(bot) == ["heartbeat by m"]
            assert len((await bot.agent()).queue) > entries
    assert model.largest["timed"] < WINDOW


async def test_what_the_cheaper_model_s_server_refuses_the_usual_one_does(tmp_path: Path) -> None:
    model = Server()
    model.refused = {"timed"}
    async with ScriptedServer(model) as server:
        async with open_bot(tmp_path, **settings_for(server)) as bot:
            await bot.command("heartbeat every 60")
            await bot.say("Hello")
            assert await beat(bot) == ["heartbeat by m"]
            assert await beat(bot) == ["heartbeat by m"]
    assert model.asked["heartbeat", "timed"] == 1  # once was enough


async def test_a_cheaper_model_that_only_writes_text_is_no_help(tmp_path: Path) -> None:
    """What an agent does unasked takes tools; where the usual one has them it goes on by itself."""
    model, clock = Server(), Clock()
    async with ScriptedServer(model) as server:
        settings = settings_for(server)
        async with open_bot(tmp_path, clock=clock, **settings) as bot:
            await ModelTiers(bot.app.stores.database).save(server.url, "timed", "text", clock())
            await bot.command("heartbeat every 60")
            await bot.say("Hello")
        async with open_bot(tmp_path, clock=clock, **settings) as bot:
            assert await beat(bot) == ["heartbeat by m"]
    assert not model.asked["heartbeat", "timed"]


async def test_an_agent_whose_own_model_only_talks_acts_by_the_other_when_the_clock_wakes_it(tmp_path: Path) -> None:
    def beats(request: Request) -> Reply:
        if request["model"] != "timed":
            return answer("Hello.")
        done = request["messages"][-1]["role"] == "tool"
        kept = {"label": "human", "content": "Was here.", "request_heartbeat": True}
        return says("I kept that.") if done else answer(None, ("core_memory_append", kept))

    async with ScriptedServer(beats) as server:
        async with open_bot(tmp_path, **settings_for(server, llm_tier="text")) as bot:
            await bot.command("heartbeat every 60")
            await bot.say("Hello")
            assert await beat(bot) == ["I kept that."]
            assert "Was here." in await bot.command("memory")


@pytest.mark.parametrize("more", [{"llm_model_timed": "timed"}, {"llm_model_summaries": "sums"}, {}])
async def test_people_are_told_of_a_server_whatever_goes_there(tmp_path: Path, more: dict[str, str]) -> None:
    async with ScriptedServer(Server()) as server:
        server.models = [{"id": name, "max_model_len": WINDOW} for name in ("timed", "sums")]
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), openai_base_url=server.url, **more) as bot:
            (told,) = await bot.write_at(direct("1", platform="discord"), "Hello")
    assert ("runs on this machine and 127.0.0.1." in told) == bool(more)
    assert ("runs on this machine." in told) == (not more)


def test_each_model_has_its_own_price_and_what_is_said_of_one_does_not_hold_for_another() -> None:
    settings = load_settings(
        llm_model="gpt-4.1", openai_api_key="sk-x", llm_tier="json", llm_context_window=9000, llm_sees_images="yes"
    )
    other = as_set(settings, ChosenModel("gpt-4.1-nano", 50_000))
    assert known_prices(other) == prices_of("gpt-4.1-nano") != known_prices(settings)
    assert (other.llm_tier, other.llm_context_window, other.llm_sees_images) == ("auto", 50_000, "auto")
    blind = settings.model_copy(update={"llm_sees_images": "no"})
    assert as_set(blind, ChosenModel("gpt-4o", 50_000)).llm_sees_images == "no"
