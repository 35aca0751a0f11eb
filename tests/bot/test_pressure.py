"""Memory pressure over whole conversations: warned once, evicted in time, never out of step with the database."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from adapters.token_counter import BpeTokenCounter
from bot.scopes import scope_of
from bot.testing import Bot, direct, open_bot

COUNTER = BpeTokenCounter()
WINDOW = 4096
LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. "


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": WINDOW, **more}


def server_counts(request: Request) -> int:
    """A server whose tokenizer finds a fifth more tokens than ours."""
    return round(COUNTER.count(json.dumps([request["messages"], request.get("tools")])) * 1.2)


def strict(reply: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """A server that reports what it counts, and refuses what does not fit."""

    def answered(request: Request) -> Reply:
        count = server_counts(request)
        if count > WINDOW:
            return fails(400, f"maximum context length is {WINDOW} tokens, you asked for {count}")
        body = json.loads(reply(request).body)
        body["usage"] = {"prompt_tokens": count, "completion_tokens": 20, "total_tokens": count + 20}
        return Reply(body=json.dumps(body).encode())

    return answered


def chat(request: Request) -> Reply:
    return says("How nice! What else did you do? " * 3) if "tools" in request else answer("They went to the market.")


def alerts(request: Request) -> int:
    return json.dumps(request["messages"]).count("Memory pressure")


async def test_three_hundred_messages_stay_inside_the_window_by_the_servers_own_count(tmp_path: Path) -> None:
    async with ScriptedServer(strict(chat)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("My locker code is 7351.")
        for number in range(300):
            await bot.say(f"Day {number}. {LONG}")
        assert all(server_counts(request) <= WINDOW for request in server.requests)
        assert all(alerts(request) <= 1 for request in server.requests)
        assert bot.platform.notices == []
        assert len(bot.platform.sent) >= 301
        assert "7351" in await bot.command("search locker code")


async def test_a_warning_runs_the_agent_again_at_once_so_that_it_can_save(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if "Memory pressure" in str(request["messages"][-1]["content"]):
            return answer(None, ("core_memory_append", {"label": "human", "content": "Likes markets."}))
        return chat(request)

    async with ScriptedServer(strict(reply)) as server, open_bot(tmp_path, **settings(server)) as bot:
        while not any(alerts(request) for request in server.requests):
            await bot.say(LONG)
        warned = next(request for request in server.requests if alerts(request))
        assert "Memory pressure" in warned["messages"][-1]["content"]
        assert "Likes markets." in await bot.command("memory")
        replies = len(bot.platform.sent)
        assert await bot.say("Hi") != []
        assert len(bot.platform.sent) == replies + 1


async def test_a_model_that_fails_after_an_eviction_leaves_agent_and_database_in_step(tmp_path: Path) -> None:
    is_down = False

    def reply(request: Request) -> Reply:
        return fails(401) if is_down and "tools" in request else chat(request)

    async with ScriptedServer(strict(reply)) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(60):
            await bot.say(LONG)
            is_down = not is_down
            await in_step(bot)


async def test_a_turn_cancelled_anywhere_leaves_agent_and_database_in_step(tmp_path: Path) -> None:
    hangs = asyncio.Event()

    def reply(request: Request) -> Reply:
        number = len(server.requests)
        if number % 3 == 0:
            hangs.set()
            return Reply(hangs=True)
        return says("Well, well. " * 20, heartbeat=number % 2 == 0) if "tools" in request else answer("Summary.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(40):
            hangs.clear()
            turn = asyncio.ensure_future(bot.say(f"{number} {LONG * 3}"))
            stuck = asyncio.ensure_future(hangs.wait())
            await asyncio.wait([turn, stuck], return_when=asyncio.FIRST_COMPLETED)
            turn.cancel()
            stuck.cancel()
            await asyncio.wait([turn, stuck])
            await in_step(bot)
        for request in server.requests:
            asked = [call["id"] for entry in request["messages"] for call in entry.get("tool_calls", ())]
            told = [entry["tool_call_id"] for entry in request["messages"] if entry["role"] == "tool"]
            assert asked == told


async def in_step(bot: Bot) -> None:
    """The agent at hand has the queue that a restart would load."""
    agent = await bot.app.agents.get(scope_of(direct("ada")))
    kept = await bot.app.shelves.recall.queue(agent.id)
    assert sorted(queued.message.id for queued in agent.queue) == [message.id for message in kept]
