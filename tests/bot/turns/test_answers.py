"""Answers that decline, were cut, or think aloud: what the person hears, and what the model is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, completion, fails, refuses, says
from bot.testing import Bot, open_bot, texts


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "scripted", "openai_base_url": server.url, **more}


def cut(text: str | None, *calls: tuple[str, Any]) -> Reply:
    return answer(text, *calls, finish_reason="length")


def step(tool: str, **arguments: object) -> str:
    return json.dumps({"thoughts": "hm", "tool": tool, "arguments": arguments})


def last_alert(request: Request) -> str:
    told = json.loads(request["messages"][-1]["content"])
    assert told["type"] == "system_alert"
    return str(told["message"])


async def recalled(bot: Bot) -> str:
    """All that a search of recall storage could show."""
    return await bot.command("search reply")


# ── cut ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_a_cut_answer_the_whole_calls_are_run_and_the_half_one_is_told_of(tmp_path: Path) -> None:
    half = cut(
        None,
        ("core_memory_append", {"label": "human", "content": "Ada"}),
        ("send_message", '{"message": "Once upon a ti'),
    )
    async with ScriptedServer([half, says("Short.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Tell me a story") == ["Short."]
        done, half_done = texts(server.requests[1]["messages"], "tool")
        assert json.loads(done) == {"status": "ok"}
        assert "cut at the token limit" in half_done
        assert "several messages" in half_done
        assert "Ada" in await bot.command("memory")


@pytest.mark.parametrize("arguments", ["", " ", '{"message": "Hi"', '{"message'])
async def test_half_arguments_are_never_mended(tmp_path: Path, arguments: str) -> None:
    async with ScriptedServer([cut(None, ("send_message", arguments)), says("Short.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Short."]
            (result,) = texts(server.requests[1]["messages"], "tool")
            assert "cut at the token limit" in result


@pytest.mark.parametrize(
    ("tier", "half"),
    [
        pytest.param("tools", "A long reply that", id="tools"),
        pytest.param(
            "json", '{"thoughts": "", "tool": "send_message", "arguments": {"message": "A long reply that', id="json"
        ),
    ],
)
async def test_a_cut_text_is_asked_for_again_once_and_then_delivered_with_a_sign(
    tmp_path: Path, tier: str, half: str
) -> None:
    async with ScriptedServer([cut(half)] * 2) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("Hi") == ["A long reply that […]"]
            assert len(server.requests) == 2
            assert "cut at the token limit" in server.requests[1]["messages"][-1]["content"]
            assert "A long reply that […]" in await recalled(bot)


async def test_a_shorter_answer_takes_the_place_of_the_cut_one(tmp_path: Path) -> None:
    async with ScriptedServer([cut("A long reply that"), says("A reply.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["A reply."]
            assert "cut at the token limit" in last_alert(server.requests[1])
            assert "long" not in await recalled(bot)


async def test_a_cut_text_is_taken_as_it_is_when_no_step_is_left(tmp_path: Path) -> None:
    async with ScriptedServer([cut("A long reply that")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_max_steps=1)) as bot:
            assert await bot.say("Hi") == ["A long reply that […]"]


async def test_half_an_edit_in_the_json_tier_is_not_made(tmp_path: Path) -> None:
    half = '{"thoughts": "", "tool": "core_memory_append", "arguments": {"label": "human", "content": "Ada likes'
    async with ScriptedServer([cut(half), answer(step("send_message", message="Yes."))]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="json")) as bot:
            assert await bot.say("Hi") == ["Yes."]
            assert "cut at the token limit" in server.requests[1]["messages"][-1]["content"]
            assert "likes" not in await bot.command("memory")


async def test_an_object_that_ends_before_the_limit_is_whole(tmp_path: Path) -> None:
    async with ScriptedServer([cut(step("send_message", message="Hi") + "\n\n\n")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="json")) as bot:
            assert await bot.say("Hi") == ["Hi"]


async def test_an_afterthought_that_was_cut_is_not_asked_for_again(tmp_path: Path) -> None:
    script = [says("Said.", heartbeat=True), cut("And then I thought")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["Said."]


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("First this. Then that! And fin", "First this. Then that!"),
        ("No sentence yet", "No sentence yet […]"),
        ("<think>hm</think>One. Tw", "One."),
        ("Here is a list:\n1. Milk\n2. Br", "Here is a list:\n1. Milk\n2. Br […]"),
    ],
)
async def test_in_the_text_tier_a_cut_reply_ends_with_a_whole_sentence(
    tmp_path: Path, written: str, heard: str
) -> None:
    async with ScriptedServer([cut(written)]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
            assert await bot.say("Hi") == [heard]


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tier", ["auto", "tools", "json", "text"])
async def test_a_refusal_is_delivered_as_it_is_and_not_asked_for_again(tmp_path: Path, tier: str) -> None:
    async with ScriptedServer([refuses("I cannot reply to {that}.")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("Hi") == ["I cannot reply to {that}."]
            assert len(server.requests) == 1
            assert bot.platform.notices == []
            assert "I cannot reply to {that}." in await recalled(bot)


async def test_a_refusal_is_heard_after_other_words(tmp_path: Path) -> None:
    script = [says("Let me see.", heartbeat=True), refuses("I cannot help with that.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["Let me see.", "I cannot help with that."]


async def test_refusals_do_not_count_as_answers_of_a_model_that_calls_no_tools(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: refuses("No.")) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            for _ in range(5):
                assert await bot.say("Hi") == ["No."]
            assert all("tools" in request for request in server.requests)
            assert len(server.requests) == 5


async def test_what_a_filter_left_of_an_answer_is_delivered(tmp_path: Path) -> None:
    async with ScriptedServer([answer("Some of it", finish_reason="content_filter")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Some of it"]


@pytest.mark.parametrize(
    "filtered",
    [
        pytest.param(answer(None, finish_reason="content_filter"), id="an answer"),
        pytest.param(
            Reply(400, b'{"error": {"message": "filtered", "code": "content_filter"}}'), id="a prompt, as Azure does"
        ),
    ],
)
async def test_a_filter_that_leaves_nothing_is_told_once_and_not_asked_again(
    tmp_path: Path, filtered: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScriptedServer([filtered]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == []
        assert len(server.requests) == 1
        assert bot.platform.notices == ["A content filter stopped my answer to that. Please put it in other words."]
    assert "content_filter" in caplog.text or "content filter" in caplog.text


async def test_a_refusal_makes_no_summary(tmp_path: Path) -> None:
    overflow = fails(400, "This model's maximum context length is 10 tokens", x_should_retry="false")

    def reply(request: Request) -> Reply:
        if "tools" not in request:
            return refuses("I will not sum that up.")
        return overflow if len(server.requests) == 7 else says("Fine.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(7):
            assert await bot.say(f"My locker code is {number}735") == ["Fine."]
        system = server.requests[-1]["messages"][0]["content"]
        assert "My locker code is 0735" in system
        assert "sum that up" not in system


# ── thinking aloud ───────────────────────────────────────────────────────────────────────────────────

THOUGHT = [
    pytest.param("<think>secret</think>\nHello.", id="think"),
    pytest.param("<think>secret\n\nsecret</think><think>secret</think> Hello.", id="twice"),
    pytest.param("secret, so I say</think>\n\nHello.", id="opened by the template"),
    pytest.param("Hello.\n<thinking>secret</thinking>", id="after the words"),
    pytest.param("Hello.\n<think>secret", id="after the words, without an end"),
    pytest.param("[THINK]secret[/THINK]Hello.", id="Mistral"),
    pytest.param("◁think▷secret◁/think▷Hello.", id="Kimi"),
    pytest.param(
        "<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>Hello.", id="gpt-oss"
    ),
]


@pytest.mark.parametrize("tier", ["tools", "json", "text"])
@pytest.mark.parametrize("written", THOUGHT)
async def test_reasoning_is_neither_heard_nor_kept(tmp_path: Path, tier: str, written: str) -> None:
    fields = {"reasoning_content": "secret", "reasoning": "secret"}
    reply = completion([{"message": {"content": written, **fields}, "finish_reason": "stop"}])
    async with ScriptedServer([reply]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("Hi") == ["Hello."]
            assert "secret" not in str(bot.steps)
            assert "found nothing" in await bot.command("search secret")


@pytest.mark.parametrize("tier", ["tools", "json"])
async def test_an_answer_that_was_cut_while_it_thought_counts_as_cut(tmp_path: Path, tier: str) -> None:
    script = [cut("<think>secret, and so on"), answer(step("send_message", message="Hello."))]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("Hi") == ["Hello."]
            assert "cut at the token limit" in server.requests[1]["messages"][-1]["content"]
            assert "secret" not in str(bot.steps)


@pytest.mark.parametrize("tier", ["tools", "json", "text"])
async def test_an_answer_that_is_nothing_but_thought_counts_as_empty(tmp_path: Path, tier: str) -> None:
    script = [answer("<think>secret"), answer(step("send_message", message="Hello.") if tier != "text" else "Hello.")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("Hi") == ["Hello."]


async def test_reasoning_within_a_message_is_not_sent(tmp_path: Path) -> None:
    async with ScriptedServer([says("<think>secret</think>Hello.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hello."]


async def test_code_that_shows_the_marks_is_words(tmp_path: Path) -> None:
    words = "Put `<think>` first:\n```\n<think>…</think>\n```\nThat is all."
    async with ScriptedServer([says(words)]) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("How do I mark it?") == [words]


def called(tier: str, tool: str, **arguments: object) -> Reply:
    return answer(step(tool, **arguments)) if tier == "json" else answer(None, (tool, arguments))


@pytest.mark.parametrize("tier", ["tools", "json"])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("core_memory_append", {"label": "human"}),
        ("archival_memory_insert", {}),
    ],
)
@pytest.mark.parametrize("thought", ["<think>secret</think>", "secret</think>", "[THINK]secret[/THINK]"])
async def test_reasoning_within_a_call_is_not_kept(
    tmp_path: Path, tier: str, tool: str, arguments: dict[str, Any], thought: str
) -> None:
    noted = {**arguments, "content": f"{thought}Ada likes tea.", "request_heartbeat": True}
    script = [called(tier, tool, **noted), called(tier, "send_message", message=f"{thought}Noted.")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("I like tea") == ["Noted."]
            assert "Ada likes tea." in str(bot.steps)
            assert "secret" not in str((bot.steps, await bot.kept(), server.requests))
            assert ("Ada likes tea." in await bot.command("memory")) is (tool == "core_memory_append")


@pytest.mark.parametrize("tier", ["tools", "json"])
async def test_code_that_shows_the_marks_is_kept_as_it_is(tmp_path: Path, tier: str) -> None:
    noted = "  My models write `<think>` before and `</think>` behind."
    script = [
        called(tier, "core_memory_append", label="human", content=noted, request_heartbeat=True),
        called(tier, "send_message", message="Noted."),
    ]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("Remember the marks") == ["Noted."]
            assert noted.strip() in await bot.command("memory")
            assert noted in str(bot.steps)


async def test_reasoning_in_the_thoughts_of_an_object_is_left_out(tmp_path: Path) -> None:
    written = {"thoughts": "secret</think>They greet.", "tool": "send_message", "arguments": {"message": "Hello."}}
    async with ScriptedServer([answer(json.dumps(written))]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="json")) as bot:
            assert await bot.say("Hi") == ["Hello."]
            (told,) = bot.steps
            assert told.thoughts == "They greet."


@pytest.mark.parametrize(
    "arguments",
    [
        '<think>secret</think>{"message": "Hello."}',
        "{'message': '<think>secret</think>Hello.'}",
        '{"message": ["<think>secret</think>Hello."]}',
        '{"message": "<think>secret',
    ],
)
async def test_reasoning_in_arguments_that_cannot_be_read_is_not_kept_either(tmp_path: Path, arguments: str) -> None:
    script = [answer(None, ("send_message", arguments)), says("Hello.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["Hello."]
        assert "secret" not in str((bot.steps, await bot.kept(), server.requests))


@pytest.mark.parametrize("tier", ["auto", "tools", "json", "text"])
async def test_of_a_model_that_thinks_before_an_unopened_mark_nothing_cut_before_it_is_heard(
    tmp_path: Path, tier: str
) -> None:
    thought = cut("Okay. The secret is so and so. I must")
    script = [
        answer("secret</think>Hello."),
        thought,
        thought,
        *[answer("Well.")] * 2,
    ]  # `auto` asks for a call as well
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
            assert await bot.say("Hi") == ["Hello."]
            assert await bot.say("And?") == ["Well."]
            assert "secret" not in str((bot.steps, await bot.kept(), server.requests))
            if tier != "text":
                assert any("cut at the token limit" in str(record) for record in await bot.kept())


async def test_such_a_model_is_heard_where_it_was_cut_behind_the_mark(tmp_path: Path) -> None:
    script = [answer("secret</think>Hello."), cut("secret</think>One. Tw")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
            assert await bot.say("Hi") == ["Hello."]
            assert await bot.say("And?") == ["One."]


async def test_a_model_that_opens_its_reasoning_is_heard_where_it_was_cut(tmp_path: Path) -> None:
    written = {"thoughts": "secret</think>hm", "tool": "send_message", "arguments": {"message": "Hello."}}
    script = [answer("<think>secret</think>Hello."), answer(json.dumps(written)), cut("One. Tw")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="json", llm_max_steps=1)) as bot:
            for heard in ("Hello.", "Hello.", "One. Tw […]"):
                assert await bot.say("Hi") == [heard]


async def test_of_such_a_model_calls_are_run_though_its_thoughts_were_cut(tmp_path: Path) -> None:
    script = [answer("secret</think>Hello."), cut("secret", ("send_message", {"message": "Well."}))]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hi") == ["Hello."]
        assert await bot.say("And?") == ["Well."]
        assert "secret" not in str((bot.steps, await bot.kept()))


async def test_of_such_a_model_no_cut_reasoning_gets_into_a_summary(tmp_path: Path) -> None:
    overflow = fails(400, "This model's maximum context length is 10 tokens", x_should_retry="false")

    def reply(request: Request) -> Reply:
        if "tools" not in request:
            return cut("They tell me of a secret, so I")
        return overflow if len(server.requests) == 7 else answer("secret</think>Fine.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server, llm_tier="tools")) as bot:
        for number in range(7):
            assert await bot.say(f"My locker code is {number}735") == ["Fine."]
        assert "My locker code is 0735" in server.requests[-1]["messages"][0]["content"]
        assert "secret" not in str(server.requests)
