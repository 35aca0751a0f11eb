"""What a model can do is found out by what it does, and remembered."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, Clock, open_bot


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


def in_json(message: str) -> Reply:
    return answer(json.dumps({"thoughts": "", "tool": "send_message", "arguments": {"message": message}}))


def asked_in(request: Request) -> str:
    if "tools" in request or "response_format" in request:
        return "tools" if "tools" in request else "json"
    return "json in words" if asks_for_json(request) else "text"


def asks_for_json(request: Request) -> bool:
    return "one JSON object" in request["messages"][0]["content"]


async def test_a_model_that_calls_tools_costs_no_probe(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hi")] * 4) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(4):
            await bot.say("Hi")
        assert [asked_in(request) for request in server.requests] == ["tools"] * 4


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param("registry.ollama.ai/library/m does not support tools", id="Ollama"),
        pytest.param("tools param requires --jinja flag", id="llama.cpp"),
        pytest.param('"auto" tool choice requires --enable-auto-tool-choice', id="vLLM"),
    ],
)
async def test_a_server_that_refuses_tools_is_asked_in_json_at_once_and_for_good(tmp_path: Path, refusal: str) -> None:
    def reply(request: Request) -> Reply:
        return fails(400, refusal) if "tools" in request else in_json("Hello")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hello"]
            assert bot.platform.notices == []
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hello"]
        assert [asked_in(request) for request in server.requests] == ["tools", "json", "json"]


async def test_a_model_that_called_tools_is_asked_for_them_again_after_a_bad_day(tmp_path: Path) -> None:
    is_bad = False

    def reply(request: Request) -> Reply:
        if is_bad and asked_in(request) != "text":
            return fails(500, "the tool call parser is not supported right now")
        return answer("Just text.") if asked_in(request) == "text" else says("Hi")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
            is_bad = True
            assert await bot.say("Hi") == ["Just text."]
        is_bad = False
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hi"]
        assert asked_in(server.requests[-1]) == "tools"


async def test_a_way_of_asking_is_remembered_only_once_it_was_answered(tmp_path: Path) -> None:
    async with ScriptedServer([fails(400, "no tools support"), fails(401), says("Hi")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
        assert asked_in(server.requests[-1]) == "tools"


async def test_a_server_that_takes_tools_and_ignores_them_is_recognised_by_its_answers(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        return in_json("In JSON") if "response_format" in request else answer("Just text.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        said = [await bot.say("Hi") for _ in range(5)]
        assert said == [["Just text."]] * 3 + [["In JSON"]] * 2
        asked = [asked_in(request) for request in server.requests]
        assert asked == ["tools"] * 3 + ["tools"] + ["json"] * 2  # the fourth asks for nothing but a call


async def test_a_capable_model_that_chats_without_calls_stays_where_it_is(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if "Call the tool" in str(request["messages"][-1]["content"]):
            return answer(None, ("ready", {}))
        return answer("Just chatting.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(6):
            assert await bot.say("Hi") == ["Just chatting."]
        assert [asked_in(request) for request in server.requests] == ["tools"] * 7


async def test_a_server_that_refuses_tools_and_schema_is_asked_for_json_in_words(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if "tools" in request or "response_format" in request:
            return fails(400, f"{'tools' if 'tools' in request else 'response_format'} is not supported")
        return in_json("Hello") if asks_for_json(request) else answer("Just text.")

    async with ScriptedServer(reply) as server:
        for asked in (["tools", "json", "json in words", "json in words"], ["json", "json in words"]):
            server.requests.clear()
            async with open_bot(tmp_path, **settings(server)) as bot:
                for _ in range(len(asked) // 2):
                    assert await bot.say("Hi") == ["Hello"]
            assert [asked_in(request) for request in server.requests] == asked


async def test_a_model_that_writes_no_json_without_a_schema_is_spoken_to_in_text(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if "tools" in request or "response_format" in request:
            return fails(400, f"{'tools' if 'tools' in request else 'response_format'} is not supported")
        return answer("Hello")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            for _ in range(3):
                assert await bot.say("Hi") == ["Hello"]
            assert await bot.say("My name is Ada") == ["Hello"]
            assert "My name is Ada." in await bot.command("memory")
        asked = [asked_in(request) for request in server.requests]
        assert asked == ["tools", "json", *["json in words"] * 3, "text"]
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
        assert asked_in(server.requests[-1]) == "text"


async def test_another_model_on_the_same_server_is_found_out_anew(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        refuses = request["model"] == "old" and "tools" in request
        return (
            fails(400, "does not support tools") if refuses else in_json("J") if "tools" not in request else says("T")
        )

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server, llm_model="old")) as bot:
            assert await bot.say("Hi") == ["J"]
        async with open_bot(tmp_path, **settings(server, llm_model="new")) as bot:
            assert await bot.say("Hi") == ["T"]


@pytest.mark.parametrize("arguments", ["He is called Ada", '{"message": "Hi', "[1, 2]", "<xml/>"])
async def test_calls_that_nobody_can_read_are_no_proof_that_a_model_calls_tools(tmp_path: Path, arguments: str) -> None:
    def reply(request: Request) -> Reply:
        return in_json("In JSON") if "response_format" in request else answer(None, ("send_message", arguments))

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["In JSON"], "answered in the same turn, before it is given up"
            assert [asked_in(request) for request in server.requests] == ["tools"] * 3 + ["json"]
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi again") == ["In JSON"]
        assert asked_in(server.requests[-1]) == "json", "which is remembered"


async def test_one_call_that_can_be_read_among_others_is_proof(tmp_path: Path) -> None:
    garbled = answer(None, ("send_message", "He said"))
    near_miss = answer(None, ("send_message", "{'message': 'Hi',}"))
    async with (
        ScriptedServer([garbled, garbled, near_miss, *[garbled] * 4, says("There")]) as server,
        open_bot(tmp_path, **settings(server)) as bot,
    ):
        assert await bot.say("Hi") == ["Hi"]
        assert await bot.say("Are you there?") == ["There"]
        assert {asked_in(request) for request in server.requests} == {"tools"}


NO_CALLS_THAT_WORK = [
    pytest.param(answer(None, ("send_message", {})), id="without what it needs"),
    pytest.param(answer(None, ("send_message", {"message": " "})), id="blank"),
    pytest.param(answer(None, ("send_message", {"message": {"text": "Hi"}})), id="of another kind"),
    pytest.param(answer(None, ("respond", {"text": "Hi"})), id="of no tool that there is"),
    pytest.param(answer(None, ("send_message", '{"message":' * 20_000)), id="nested deeply"),
    pytest.param(answer(None, ("send_message", '{"a":' * 3_000 + "1" + "}" * 3_000)), id="nested deeply, whole"),
]


@pytest.mark.parametrize("reply", NO_CALLS_THAT_WORK)
async def test_calls_that_can_never_work_are_no_proof_that_a_model_calls_tools(tmp_path: Path, reply: Reply) -> None:
    def script(request: Request) -> Reply:
        return in_json("In JSON") if "response_format" in request else reply

    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["In JSON"]
            assert [asked_in(request) for request in server.requests] == ["tools"] * 3 + ["json"]
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi again") == ["In JSON"]
        assert asked_in(server.requests[-1]) == "json", "which is remembered"


async def test_a_call_in_json_that_can_never_work_leads_to_text(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        if "tools" in request:
            return fails(400, "does not support tools")
        return answer('{"tool": "zzz", "arguments": {}}' if "response_format" in request else "Just text.")

    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["Just text."]
        assert [asked_in(request) for request in server.requests] == ["tools"] + ["json"] * 3 + ["text"]


async def test_a_slip_among_good_calls_changes_nothing(tmp_path: Path) -> None:
    async with (
        ScriptedServer([says("Hi"), *[answer(None, ("send_message", {})), says("Sorry")] * 12]) as server,
        open_bot(tmp_path, **settings(server)) as bot,
    ):
        for _ in range(13):
            assert await bot.say("Hi")
        assert {asked_in(request) for request in server.requests} == {"tools"}


@pytest.mark.parametrize("nothing", ["", "<think>Hm.</think>"])
async def test_a_model_that_says_nothing_when_offered_tools_is_asked_in_json(tmp_path: Path, nothing: str) -> None:
    def script(request: Request) -> Reply:
        return in_json("In JSON") if "response_format" in request else answer(nothing)

    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["In JSON"]
        assert [asked_in(request) for request in server.requests] == ["tools"] * 3 + ["tools", "json"]


async def test_a_model_that_never_says_anything_comes_to_an_end(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: answer("")) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(4):
            assert await bot.say("Hi") == []
        assert "text tier" in await bot.command("status")


async def test_a_model_that_is_silent_where_nobody_waits_is_not_doubted(tmp_path: Path) -> None:
    """It has answered, asks to run on, and then stops."""
    script = [says("Hi", heartbeat=True), answer("")] * 8
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(8):
            assert await bot.say("Hi") == ["Hi"]
        assert [asked_in(request) for request in server.requests] == ["tools"] * 16


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(answer(None, ("send_message", '{"message": "half')), id="half calls"),
        pytest.param(answer(None, ("send_message", '{"message": "half'), finish_reason="length"), id="cut calls"),
        pytest.param(answer(""), id="nothing"),
        *NO_CALLS_THAT_WORK[:4],
    ],
)
async def test_a_model_that_called_tools_and_does_so_no_more_is_asked_in_json(tmp_path: Path, garbage: Reply) -> None:
    is_bad = False

    def script(request: Request) -> Reply:
        return in_json("In JSON") if "response_format" in request else garbage if is_bad else says("Hi")

    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hi"]
        is_bad = True
        async with open_bot(tmp_path, **settings(server)) as bot:
            said = [await bot.say("Hi") for _ in range(3)]
            assert said == [[], ["In JSON"], ["In JSON"]], "more than one turn has to fail, as a turn may be stuck"
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["In JSON"]
        assert [asked_in(request) for request in server.requests[-2:]] == ["json"] * 2, "which is remembered"


@pytest.mark.parametrize("can_still", [True, False])
async def test_a_model_that_calls_tools_no_more_but_chats_is_asked_whether_it_can(
    tmp_path: Path, can_still: bool
) -> None:
    script = [says("Hi"), *[answer("Chat")] * 12, answer(None, ("ready", {})) if can_still else answer("Ready!")]
    async with (
        ScriptedServer([*script, says("There") if can_still else in_json("There")]) as server,
        open_bot(tmp_path, **settings(server)) as bot,
    ):
        assert [await bot.say("Hi") for _ in range(14)] == [["Hi"], *[["Chat"]] * 12, ["There"]]
        assert asked_in(server.requests[-1]) == ("tools" if can_still else "json")


async def test_an_invented_call_is_no_answer_to_being_asked_for_one(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        if "Call the tool" in str(request["messages"][-1]["content"]):
            return answer(None, ("respond", {}))
        return in_json("In JSON") if "response_format" in request else answer("Just chatting.")

    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert [await bot.say("Hi") for _ in range(4)] == [["Just chatting."]] * 3 + [["In JSON"]]


# ── a better model behind the same name ──────────────────────────────────────────────────────────────


class Model:
    """A model that takes no tools until it is `better`; `is_down`: nothing but errors to whoever asks if it is."""

    def __init__(self, tier: str = "json") -> None:
        self._tier = tier
        self.is_better = self.is_down = False
        self.can_only_be_ready = False

    def __call__(self, request: Request) -> Reply:
        is_asked = is_probe(request)
        if is_asked and self.is_down:
            return fails(401)
        if "tools" in request:
            if not self.is_better:
                return fails(400, "does not support tools")
            if is_asked:
                return answer(None, ("ready", {}))
            return says("T") if not self.can_only_be_ready else answer(None, ("send_message", "{broken"))
        if "response_format" in request:
            return in_json("J") if self._tier == "json" else fails(400, "response_format is not supported")
        return answer("X")


def is_probe(request: Request) -> bool:
    return "Call the tool" in str(request["messages"][-1]["content"])


async def until_asked(bot: Bot, server: ScriptedServer) -> None:
    """Talk until the model was asked whether it calls tools, which is beside the conversation."""
    for _ in range(20):
        await bot.say("Hi")
        if any(is_probe(request) for request in server.requests[:-1]):
            return
    pytest.fail("the model was not asked")


@pytest.mark.parametrize("tier", ["json", "text"])
async def test_a_model_that_needed_less_is_asked_again_after_a_week(tmp_path: Path, tier: str) -> None:
    model, clock = Model(tier), Clock()
    async with ScriptedServer(model) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            for _ in range(4):
                await bot.say("Hi")
        model.is_better = True
        clock.advance(days=6)
        server.requests.clear()
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            for _ in range(3):
                await bot.say("Hi")
        assert [asked_in(request) for request in server.requests] == [tier] * 3
        clock.advance(days=1)
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await until_asked(bot, server)
            assert await bot.say("Hi") == ["T"]
            assert sum(map(is_probe, server.requests)) == 1
        clock.advance(days=30)
        server.requests.clear()
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            assert await bot.say("Hi") == ["T"]
        assert [asked_in(request) for request in server.requests] == ["tools"]


async def test_a_model_that_still_needs_less_is_left_alone_for_another_week(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(Model()) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.say("Hi")
        clock.advance(days=8)
        for asked in (1, 0):
            server.requests.clear()
            async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
                if asked:
                    await until_asked(bot, server)
                assert await bot.say("Hi") == ["J"]
            assert sum(map(is_probe, server.requests)) == asked
            clock.advance(days=5)


async def test_a_model_that_gives_no_answer_when_asked_again_holds_nothing_up(tmp_path: Path) -> None:
    model, clock = Model(), Clock()
    async with ScriptedServer(model) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.say("Hi")
        clock.advance(days=8)
        model.is_down = True
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await until_asked(bot, server)
            assert await bot.say("Hi") == ["J"]
        model.is_down, model.is_better = False, True
        server.requests.clear()
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await until_asked(bot, server)
            assert await bot.say("Hi") == ["T"]


@pytest.mark.parametrize("tier", ["json", "text"])
async def test_a_model_that_can_call_nothing_of_use_goes_straight_back(tmp_path: Path, tier: str) -> None:
    model, clock = Model(tier), Clock()
    model.can_only_be_ready = True
    async with ScriptedServer(model) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            for _ in range(4):
                await bot.say("Hi")
        clock.advance(days=8)
        model.is_better = True
        server.requests.clear()
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await until_asked(bot, server)
            for _ in range(3):
                await bot.say("Hi")
            asked = [asked_in(request) for request in server.requests if not is_probe(request)]
        assert set(asked) == {"tools", tier}
        assert asked[-1] == tier
        server.requests.clear()
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.say("Hi")
        assert [asked_in(request) for request in server.requests] == [tier]
