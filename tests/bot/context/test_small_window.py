"""In a small window, with a server that finds more tokens than we do, an agent always goes on."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.models.token_counter import BpeTokenCounter
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, direct, open_bot, refused_for
from bot.turns.turn import NO_ANSWER

COUNTER = BpeTokenCounter()
WINDOW = 4096
MARKET = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. "


def settings(server: ScriptedServer, window: int = WINDOW, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": window, **more}


def counted(request: Request, ratio: float) -> int:
    """A prompt as a server counts it that finds so many tokens for one of ours."""
    texts = [json.dumps(request.get("tools") or [], ensure_ascii=False)]
    for message in request["messages"]:
        texts.append(message["content"] or "")
        texts += [call["function"]["name"] + call["function"]["arguments"] for call in message.get("tool_calls") or ()]
    return round(sum(COUNTER.count(text) + 4 for text in texts) * ratio)


def strict(reply: Callable[[Request], Reply], ratio: float, window: int = WINDOW) -> Callable[[Request], Reply]:
    """A server that tells how many tokens it counts, and refuses what does not fit or is not in order."""

    def answered(request: Request) -> Reply:
        if faults := refused_for(request["messages"]):
            return fails(400, f"invalid messages: {faults}")
        count = counted(request, ratio)
        if count > window:
            return fails(400, f"maximum context length is {window} tokens, you asked for {count}")
        body = json.loads(reply(request).body)
        body["usage"] = {"prompt_tokens": count, "completion_tokens": 20, "total_tokens": count + 20}
        return Reply(body=json.dumps(body).encode())

    return answered


def greedy(seed: int) -> Callable[[Request], Reply]:
    """A model that writes down whatever it can, at length, before it answers."""
    chance = random.Random(seed)

    def call(name: str, **arguments: object) -> tuple[str, Mapping[str, object]]:
        return name, {**arguments, "request_heartbeat": True}

    def reply(request: Request) -> Reply:
        if "tools" not in request:
            return answer("They talked about the market. " * chance.choice([1, 20, 60]))
        if request["messages"][-1]["role"] == "tool" and chance.random() < 0.6:
            return says(MARKET * chance.choice([1, 2, 8]))
        label = chance.choice(["human", "persona"])
        return answer(
            MARKET if chance.random() < 0.3 else None,
            *chance.choices(
                [
                    call("core_memory_append", label=label, content=MARKET * chance.choice([1, 3, 8])),
                    call("archival_memory_insert", content=MARKET * chance.choice([1, 20]), tags=["market"]),
                    call("archival_memory_search", query="apples"),
                    call("conversation_search", query="market bread"),
                    call("core_memory_replace", label=label, old_content="bread", new_content=""),
                ],
                weights=[5, 1, 2, 2, 1],
                k=chance.choice([1, 1, 1, 2, 4]),
            ),
        )

    return reply


@pytest.mark.parametrize("ratio", [1.0, 1.6])
async def test_an_agent_that_keeps_all_it_can_goes_on_and_on(tmp_path: Path, ratio: float) -> None:
    chance = random.Random(7)
    async with (
        ScriptedServer(strict(greedy(5), ratio)) as server,
        open_bot(tmp_path, **settings(server)) as bot,
    ):
        for number in range(120):
            said = await bot.say(f"Day {number}. " + MARKET * chance.choice([1, 1, 2, 30]))
            assert said or bot.platform.notices, number
            if number % 50 == 10:
                assert "Context window" in await bot.command("memory")
        # Five calls in a row that fail, as this model makes them now and then, end a turn in any window.
        of_the_model = (NO_ANSWER, "too many steps")
        assert [it for it in bot.platform.notices if not any(words in it for words in of_the_model)] == []
        counts = [counted(request, ratio) for request in server.requests]
        assert sum(count > WINDOW for count in counts) <= 1, "too large only before the server was heard"


@pytest.mark.parametrize("ratio", [1.3, 1.6])
async def test_what_was_kept_while_more_fitted_leaves_a_running_agent(tmp_path: Path, ratio: float) -> None:
    async def fill(bot: Bot) -> None:
        for label in ("human", "persona"):
            for number in range(40):
                await bot.say(f"Keep {label} {number}")

    def keeping(request: Request) -> Reply:
        last = str(request["messages"][-1]["content"])
        if "tools" not in request:
            return answer("They talked. " * 200)
        if "Keep " not in last:
            return says("Done.")
        label = "human" if "Keep human" in last else "persona"
        line = f"Line {last.partition('Keep ')[2][:11]}: a loaf of bread."
        return answer(None, ("core_memory_append", {"label": label, "content": line, "request_heartbeat": True}))

    async with ScriptedServer(strict(keeping, 1.0)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await fill(bot)
        full = {block.label: block.value for block in (await bot.agent()).core}
    async with (
        ScriptedServer(strict(lambda request: says("Still here."), ratio)) as server,
        open_bot(tmp_path, **settings(server)) as bot,
    ):
        for number in range(30):
            assert set(await bot.say(f"{number}. {MARKET}")) == {"Still here."}
        assert {block.label: block.value for block in (await bot.agent()).core} == full, "nothing is lost"
        assert "no room" in await bot.command("remember that I like bread")
        assert max(counted(request, ratio) for request in server.requests[3:]) <= WINDOW
        system = str(server.requests[-1]["messages"][0]["content"])
        assert system.count("shorten this block") >= 1, "what is shown of it is cut"
        assert all(line in system for line in ("Line human 0", *(text.splitlines()[-1] for text in full.values())))


@pytest.mark.parametrize("ratio", [2.1, 2.5])
async def test_a_window_that_instructions_and_tools_fill_is_told_and_commands_run(tmp_path: Path, ratio: float) -> None:
    ratios = [ratio]

    def reply(request: Request) -> Reply:
        return strict(lambda request: says("Here."), ratios[-1])(request)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(6):
            await bot.say(f"{number}. {MARKET}")
        told = "no room is left for a conversation. Use a model with a larger window, or set LLM_CONTEXT_WINDOW"
        assert bot.platform.notices
        assert all(told in notice for notice in bot.platform.notices)
        assert len(bot.platform.notices) + len(bot.platform.sent) >= 6, "everybody is told"
        assert "Context window" in await bot.command("memory")
        assert "I will remember" in await bot.command("remember apples")
        asked = await bot.give(direct("ada"), "reset everything", confirms=True)
        assert "Done" in asked.text
        ratios.append(1.0)  # the operator has given it a tokenizer that is worth the name
        said = [await bot.say(f"{number}. {MARKET}") for number in range(3)]
        assert said[-1] == ["Here."]


async def test_in_a_window_that_is_too_small_prompts_do_not_grow_between_the_errors(tmp_path: Path) -> None:
    def lenient(request: Request) -> Reply:
        body = json.loads(says("Here.").body)
        body["usage"] = {"prompt_tokens": counted(request, 2.5), "completion_tokens": 20, "total_tokens": 0}
        return Reply(body=json.dumps(body).encode())

    async with ScriptedServer(lenient) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(20):
            await bot.say(f"{number}. {MARKET * 4}")
        counts = [counted(request, 2.5) for request in server.requests]
        assert 15 <= len(bot.platform.notices) < 20, "told, and tried again now and then"
        assert max(counts[1:]) < counts[0] + 800


@pytest.mark.parametrize("tier", ["tools", "text"])
async def test_agents_whose_languages_weigh_differently_each_stay_inside_the_window(tmp_path: Path, tier: str) -> None:
    lines = {"ada": MARKET, "chen": "我今天去了市场买了苹果和梨然后见了一个朋友。" * 6}

    def weighed(request: Request) -> int:
        chinese = sum(character > "\u2e80" for message in request["messages"] for character in message["content"] or "")
        return counted(request, 1.0) + chinese

    def reply(request: Request) -> Reply:
        said = "Very well, and then?" * 3
        if "tools" not in request and tier == "tools":
            body = json.loads(answer("They talked about the market.").body)
        else:
            body = json.loads((says(said) if tier == "tools" else answer(said)).body)
        body["usage"] = {"prompt_tokens": weighed(request), "completion_tokens": 20, "total_tokens": 0}
        return Reply(body=json.dumps(body).encode())

    window = 8192 if tier == "tools" else 2048
    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server, window, llm_tier=tier)) as bot:
        for number in range(60):
            for person, line in lines.items():
                await bot.say(f"{number}. {line * 4}", person=person)
        over = [weighed(request) for request in server.requests if weighed(request) > window]
        assert len(over) <= 1, "too large only before the server was heard"
