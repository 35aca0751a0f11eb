"""Memory pressure over whole conversations: warned once, evicted in time, never out of step with the database."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.models.token_counter import BpeTokenCounter
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.context.main_context import MIN_RESULT_TOKENS
from bot.context.queue_manager import PRESSURE_ALERT
from bot.scopes import scope_of
from bot.testing import Bot, direct, open_bot, refused_for, texts
from memory.ports import Kind, Message

COUNTER = BpeTokenCounter()
WINDOW = 4096
LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. "


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": WINDOW, **more}


def server_counts(request: Request) -> int:
    """A server whose tokenizer finds a fifth more tokens than ours."""
    return round(COUNTER.count(json.dumps([request["messages"], request.get("tools")])) * 1.2)


def strict(reply: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """A server that reports what it counts, and refuses what does not fit or is not in order."""

    def answered(request: Request) -> Reply:
        if faults := refused_for(request["messages"]):
            return fails(400, f"invalid messages: {faults}")
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


FACTS = {
    "locker code": "My locker code is 7351-QX.",
    "dentist": "My dentist is Dr. Amélie Łukaszewska, rue Lepic 12.",
    "sister": "My sister's page is https://example.org/~lena?x=1#top",
}


def searching(request: Request) -> Reply:
    """A model that looks for what it is asked, and repeats what it finds."""
    if "tools" not in request:
        return answer("They talked about the market.")
    asked, found = "", None
    for message in request["messages"][1:]:
        if '"user_message"' in str(message["content"]):
            asked, found = str(message["content"]).partition("What is my ")[2].partition("?")[0], None
        elif message["role"] == "tool" and "results" in message["content"]:
            found = message["content"]
    if not asked:
        return chat(request)
    return says(found) if found else answer(None, ("conversation_search", {"query": asked, "request_heartbeat": True}))


async def test_over_three_hundred_messages_everything_keeps_its_order_and_early_facts_are_found(tmp_path: Path) -> None:
    async with ScriptedServer(strict(searching)) as server, open_bot(tmp_path, **settings(server)) as bot:
        for fact in FACTS.values():
            await bot.say(fact)
        for number in range(300):
            await bot.say(f"Day {number}. {LONG}")
        assert bot.platform.notices == []
        for request in server.requests:
            assert server_counts(request) <= WINDOW
            assert refused_for(request["messages"]) == []
            assert alerts(request) <= 1
        in_sight = json.dumps(server.requests[-1]["messages"][1:], ensure_ascii=False)
        assert not any(fact in in_sight for fact in FACTS.values())
        for subject, fact in FACTS.items():
            assert any(fact in said for said in await bot.say(f"What is my {subject}?"))
        agent_id = await bot.app.agents.id_of(scope_of(direct("ada")))
        assert agent_id is not None
        kept = await bot.app.shelves.recall.get(agent_id, range(1, 10_000))
        assert len([message for message in kept if message.kind is Kind.USER_MESSAGE]) == 306


def warnings(kept: Sequence[Message]) -> list[Message]:
    return [message for message in kept if message.text == PRESSURE_ALERT]


async def test_each_period_has_exactly_one_warning_and_it_comes_before_the_eviction(tmp_path: Path) -> None:
    events: list[str] = []

    def reply(request: Request) -> Reply:
        if "tools" not in request:
            events.append("eviction")
        elif "Memory pressure" in str(request["messages"][-1]["content"]):
            events.append("warning")
        return chat(request)

    async with ScriptedServer(strict(reply)) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(120):
            await bot.say(f"Day {number}. {LONG}")
    assert len(events) > 4
    assert events[: len(events) // 2 * 2] == ["warning", "eviction"] * (len(events) // 2)


@pytest.mark.parametrize(
    "last_step",
    [
        pytest.param(answer(None, ("send_message", {"message": "Hm. " * 700})), id="a step that would yield"),
        pytest.param(answer("Hm. " * 700, ("fly_away", {})), id="a failed call"),
        pytest.param(says("Hm. " * 700, heartbeat=True), id="a requested heartbeat"),
    ],
)
async def test_after_a_step_memory_pressure_comes_first(tmp_path: Path, last_step: Reply) -> None:
    def reply(request: Request) -> Reply:
        return last_step if "And now?" in request["messages"][-1]["content"] else says("I see.")

    async with ScriptedServer(strict(reply)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say(LONG)
        while server_counts(server.requests[-1]) < 0.65 * WINDOW:
            await bot.say(LONG)
        before = len(server.requests)
        await bot.say("And now?")
        assert [alerts(request) for request in server.requests[before:]] == [0, 1]
        last = server.requests[-1]["messages"]
    assert "Memory pressure" in last[-1]["content"]
    assert last[-2]["role"] == "tool"


async def test_a_server_that_counts_far_more_than_we_do_is_answered_after_one_compaction(tmp_path: Path) -> None:
    """As after a restart: the queue is long, and the server has not told yet how it counts."""
    ratio = 1.0

    def reply(request: Request) -> Reply:
        count = server_counts(request) * ratio
        if count > WINDOW:
            return fails(400, f"maximum context length is {WINDOW} tokens, you asked for {count}")
        return chat(request)

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            while server_counts(server.requests[-1]) < 0.75 * WINDOW if server.requests else True:
                await bot.say(LONG)
        ratio = 1.4
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Are you there?") != []
            assert bot.platform.notices == []


async def test_a_core_memory_from_a_larger_window_is_shown_in_part_and_the_agent_goes_on(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: chat(request)) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=8192)) as bot:
            for number in range(80):
                await bot.command(f"remember Fact number {number} is about apples and pears")
            whole = (await bot.agent()).core.text("human")
        async with open_bot(tmp_path, **settings(server, llm_context_window=2256)) as bot:
            assert await bot.say("Hi") != []
            assert bot.platform.notices == []
            assert (await bot.agent()).core.text("human") == whole
    system = server.requests[0]["messages"][0]["content"]
    assert whole not in system
    assert "shorten this block" in system
    assert "Fact number 0 is" in system


async def test_a_result_over_its_budget_is_kept_whole_and_shown_cut(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if request["messages"][-1]["role"] == "tool":
            return says("Found.")
        search = ("conversation_search", {"query": "market", "request_heartbeat": True})
        return answer(None, *[search] * 12)  # so many that none of them has room

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(3):
            await bot.say(f"{number} market {'長い話 ' * 300}")
        shown = [text for text in texts(server.requests[-1]["messages"], "tool") if '"total"' in text][-1]
        agent = await bot.app.agents.get(scope_of(direct("ada")))
        whole = [queued.message.text or "" for queued in agent.queue if "results" in (queued.message.text or "")][-1]
    assert "left out here" in shown
    assert COUNTER.count(shown) <= 3 * MIN_RESULT_TOKENS  # beside the note of what is missing
    assert json.loads(whole)["status"] == "ok"
    assert len(whole) > len(shown)


async def test_what_the_model_could_not_answer_is_not_done_twice_after_an_eviction(tmp_path: Path) -> None:
    """The last step of a running turn stays in sight, however full the window is."""

    def reply(request: Request) -> Reply:
        if "tools" not in request:
            return answer("Summary.")
        if "Say it once" not in json.dumps(request["messages"][1:]):
            return says("I see.")
        done = "I have said it" in json.dumps(request["messages"][1:])
        return answer("Nothing more.") if done else says("I have said it. " * 150, heartbeat=True)

    async with ScriptedServer(strict(reply)) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(12):
            await bot.say(f"{number} {LONG * 3}")
            assert len(await bot.say(f"Say it once: {number}")) == 1


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
