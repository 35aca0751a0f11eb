"""The terminal's own commands: the queue shown, summarized, and events set off by hand."""

import json
from pathlib import Path
from typing import Any

from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, direct, open_bot


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url}


def chat(request: Request) -> Reply:
    return says("I see.") if "tools" in request else answer("They spoke of figs.")


def last_event(server: ScriptedServer) -> dict[str, str]:
    event: dict[str, str] = json.loads(server.requests[-1]["messages"][-1]["content"])
    return event


async def test_dump_shows_the_queue_as_the_model_sees_it(tmp_path: Path) -> None:
    async with ScriptedServer(chat) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.in_chat("dump") == "The queue is empty."
        await bot.say("I like figs")
        await bot.say("And dates")
        lines = (await bot.in_chat("dump")).splitlines()
        shown = [line.split(" ", 2)[:2] for line in lines[1:-1]]
        assert shown == [["#1", "user:"], ["#2", "assistant"], ["#3", "tool:"], ["#4", "user:"], *shown[4:]]
        assert 'assistant calls send_message {"message": "I see."' in lines[2]
        assert server.requests[-1]["messages"][1]["content"] in lines[1]
        last = (await bot.in_chat("dump 1")).splitlines()
        assert last[1:-1] == ["[… 5 before …]", '#6 tool: {"status": "ok"}']


async def test_summarize_evicts_and_leaves_a_summary(tmp_path: Path) -> None:
    async with ScriptedServer(chat) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert "nothing to summarize" in await bot.in_chat("summarize")
        for number in range(4):
            await bot.say(f"I like figs, {number}")
        before = len((await bot.agent()).queue)
        told = await bot.in_chat("summarize")
        evicted = before - len((await bot.agent()).queue)
        assert 0 < evicted < before
        assert told.startswith(f"{evicted} entries left the window")
        assert "They spoke of figs." in told
        await bot.say("Go on")
        assert "They spoke of figs." in server.requests[-1]["messages"][0]["content"]
        found = await bot.command("search figs")
        assert all(f"I like figs, {number}" in found for number in range(4))


async def test_a_heartbeat_wakes_the_agent_and_bare_text_is_not_sent(tmp_path: Path) -> None:
    script = [answer("Nothing to do."), says("Thinking of you!")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.in_chat("heartbeat")
        assert last_event(server)["type"] == "heartbeat"
        assert bot.platform.sent == []
        await bot.in_chat("heartbeat")
        assert [text for _, text in bot.platform.sent] == ["Thinking of you!"]


async def test_a_memory_warning_is_the_alert_of_a_full_window(tmp_path: Path) -> None:
    async with ScriptedServer(chat) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.in_chat("memorywarning")
        event = last_event(server)
    assert event["type"] == "system_alert"
    assert event["message"].startswith("Memory pressure")


async def test_memory_is_the_same_command_as_behind_agent(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        assert await bot.in_chat("memory") == await bot.command("memory")


async def test_help_names_every_command_with_its_argument(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        shown = await bot.in_chat("help")
    for typed in (
        "/dump [N]",
        "/heartbeat",
        "/memory [WHAT]",
        "/memorywarning",
        "/pop [N]",
        "/reflect",
        "/restore [NAME]",
        "/retry",
        "/save [NAME]",
        "/summarize",
    ):
        assert f"`{typed}`: " in shown


async def test_a_command_waits_for_the_turn_that_runs(tmp_path: Path) -> None:
    async with ScriptedServer(chat) as server, open_bot(tmp_path, **settings(server)) as bot:
        turn = await bot.app.receiver.receive(message(bot))
        assert "Taken back: 1 turn (3 messages)" in await bot.in_chat("pop")
        await turn
        assert [text for _, text in bot.platform.sent] == ["I see."]  # what was sent stays sent
        assert (await bot.agent()).queue == ()


def message(bot: Bot) -> InboundMessage:
    return InboundMessage("event", direct("ada"), "Hello", bot.clock())
