"""Every tier on the real packaged model, behind the real llama.cpp: the form is asserted, not the wit."""

import asyncio
import json
import logging
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.documents.testing import pdf
from adapters.models.embedded_model import packaged_model
from bot import events
from bot.testing import Bot, direct, open_bot
from tests.llama_processes import LIMIT_S, is_at_work, servers_of, ticks

ROOT = Path(__file__).parents[3]
WINDOW = 2048
TOOLS = {
    "send_message",
    "stay_silent",
    "react",
    "core_memory_append",
    "core_memory_replace",
    "conversation_search",
    "conversation_search_date",
    "archival_memory_insert",
    "archival_memory_search",
}


# As the bot starts it, but that an answer without a limit of its own ends soon: this model may write for ever.
SERVER = """
from adapters.models import llama_server

as_ever = llama_server._parameters

def with_short_answers(xllamacpp, wanted, window):
    parameters = as_ever(xllamacpp, wanted, window)
    parameters.n_predict = 40
    parameters.port = wanted["port"]
    return parameters

llama_server._parameters = with_short_answers
llama_server.main()
"""
CHAT = ("My name is Ada", "How are you?", "Thanks", "What is my name?", "Good night", "See you", "Hi", "Bye")


KEY = secrets.token_urlsafe(12)


@dataclass(frozen=True)
class Served:
    """A server: its process, and the settings of a bot that reaches it over the network."""

    pid: int
    settings: dict[str, Any]


@contextmanager
def serving(window: int, port: int = 0) -> Iterator[Served]:
    """A server of its own at that port; 0: at any."""
    wanted = {"path": str(packaged_model()), "context_window": window, "threads": 1, "key": KEY, "port": port}
    process = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin, process.stdout:
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        process.stdin.flush()
        url = json.loads(process.stdout.readline())["url"]
        yield Served(process.pid, {"llm_model": "smollm2", "openai_base_url": f"{url}/v1", "openai_api_key": KEY})


@pytest.fixture(scope="module")
def llama() -> Iterator[dict[str, Any]]:
    with serving(WINDOW) as served:
        yield served.settings | {"llm_context_window": WINDOW, "llm_max_steps": 1}


def whole_calls(bot: Bot) -> list[str]:
    """The names of the tools that were called, each as its schema wants it."""
    calls = [tool for step in bot.steps for tool in step.tools]
    for call in calls:
        assert call.name in TOOLS
        assert isinstance(json.loads(call.arguments)["request_heartbeat"], bool)
        assert "Wrong arguments" not in call.result
    return [call.name for call in calls]


async def test_in_the_json_tier_each_step_is_an_object_with_a_tool_that_there_is(
    tmp_path: Path, llama: dict[str, Any]
) -> None:
    async with open_bot(tmp_path, **llama, llm_tier="json") as bot:
        for text in CHAT:
            await bot.say(text)
            if len(whole_calls(bot)) == 2:
                break
        assert len(whole_calls(bot)) == 2  # an answer that ran into the limit has none
    async with open_bot(tmp_path, **llama, llm_tier="json") as bot:
        await bot.say("And now?")
        whole_calls(bot)
        assert len(bot.steps) == 1
        assert "My name is Ada" in await bot.command("search Ada")
        assert await bot.command("memory")


async def test_in_the_text_tier_every_message_has_a_reply_and_code_remembers(
    tmp_path: Path, llama: dict[str, Any]
) -> None:
    async with open_bot(tmp_path, **llama | {"llm_context_window": 1024}, llm_tier="text") as bot:
        for text in ("My name is Ada", "What is my name?", "Tell me a joke"):
            (reply,) = await bot.say(text)
            assert reply.strip()
        assert "My name is Ada." in await bot.command("memory")
        await (await bot.app.receiver.wake(direct("ada"), events.login("Ada", bot.clock())))
        assert len(bot.platform.sent) == 4
        assert bot.platform.notices == []


async def test_a_server_that_takes_tools_and_ignores_them_ends_in_a_lower_tier_for_good(
    tmp_path: Path, llama: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def found_out() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "bot.tiers.auto_tier"]

    caplog.set_level(logging.WARNING)
    async with open_bot(tmp_path, **llama) as bot:
        for text in CHAT:
            await bot.say(text)
            if whole_calls(bot):
                break
    assert found_out() == ["the model does not call tools; from now on it is spoken to in the json tier"]
    with sqlite3.connect(tmp_path / "bot.db") as database:
        assert database.execute("select tier from model_tiers").fetchall() == [("json",)]
    database.close()
    caplog.clear()
    async with open_bot(tmp_path, **llama) as bot:
        await bot.say("Hello again")
        whole_calls(bot)
    assert found_out() == []


async def test_a_prompt_that_is_too_long_for_the_server_is_compacted_and_sent_once_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "bot.turns.asking")
    with serving(512) as served:
        async with open_bot(tmp_path, **served.settings, llm_tier="text", llm_context_window=1024) as bot:
            for number in range(8):
                before = len(bot.platform.sent)
                await bot.say(f"Day {number}: " + "we walked along the river and spoke of the weather. " * 8)
                assert bot.platform.notices == []
                assert len(bot.platform.sent) == before + 1
                if "overflow" in caplog.text:
                    break
    assert "context overflow: smollm2: HTTP 400 exceed_context_size_error" in caplog.text


async def answered(bot: Bot, count: int) -> None:
    """Let time pass until that many replies were sent."""
    async with asyncio.timeout(LIMIT_S):
        while len(bot.platform.sent) < count:
            bot.clock.advance(seconds=5)
            await asyncio.sleep(0.02)
    await bot.app.lanes.idle()


async def test_a_server_that_is_slow_or_dies_in_mid_answer_is_waited_for_and_nobody_is_answered_twice(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    settings = {"llm_tier": "text", "llm_context_window": 1024, "llm_timeout_s": 5}
    with serving(WINDOW, unused_tcp_port) as served:
        async with open_bot(tmp_path, **served.settings | settings) as bot:
            await bot.say("Hello")
            await answered(bot, 1)
            os.kill(served.pid, signal.SIGSTOP)  # the first token takes longer than LLM_TIMEOUT_S
            assert await bot.say("How are you?") == []
            assert "took too long" in bot.platform.notices[-1]
            os.kill(served.pid, signal.SIGCONT)
            await answered(bot, 2)

            before = ticks(served.pid)
            asked = asyncio.create_task(bot.say("Tell me of the sea"))
            await is_at_work(served.pid, before)
            os.kill(served.pid, signal.SIGKILL)
            assert await asked == []
            with serving(WINDOW, unused_tcp_port):
                await answered(bot, 3)
            assert len(bot.platform.sent) == 3
            assert all(text.strip() for _, text in bot.platform.sent)
            said = [queued.message.text for queued in (await bot.agent()).queue if queued.message.author_id == "ada"]
    assert said == ["Hello", "How are you?", "Tell me of the sea"]


async def test_our_own_server_that_dies_in_mid_answer_is_started_anew_and_its_person_notices_nothing(
    tmp_path: Path,
) -> None:
    others = set(servers_of(os.getpid()))
    async with open_bot(tmp_path, llm_model="embedded", llm_context_window=1024) as bot:
        await bot.say("Hello")
        (pid,) = set(servers_of(os.getpid())) - others
        before = ticks(pid)
        asked = asyncio.create_task(bot.say("Tell me of the sea"))
        await is_at_work(pid, before)
        os.kill(pid, signal.SIGKILL)
        (reply,) = await asked
        assert reply.strip()
        (new,) = set(servers_of(os.getpid())) - others
        assert new != pid
        assert len(bot.platform.sent) == 2
        assert bot.platform.notices == []


async def test_the_packaged_model_greets_who_opens_the_conversation(tmp_path: Path) -> None:
    async with open_bot(tmp_path, llm_model="embedded", llm_context_window=1024) as bot:

        async def greeting() -> str:
            await (await bot.app.receiver.wake(direct("ada"), events.login("Ada", bot.clock())))
            return bot.platform.sent[-1][1]

        assert await greeting() == "Hello, nice to meet you! What would you like to talk about?"
        await bot.say("My name is Ada and I live in Lisbon")
        about_home = await greeting()
        assert about_home.startswith("Hello Ada, ")
        assert "Lisbon" in about_home
        assert len(bot.platform.sent) == 3


async def test_the_packaged_model_answers_from_a_document_and_the_place_is_told(tmp_path: Path) -> None:
    pages = (
        "Kettle K200 user manual\nRead this before use.",
        "Fill the kettle with fresh water.\nSwitch it on at the base.",
        "Warranty\nThe warranty lasts 27 months from the date of purchase.",
        "Descaling\nDescale the kettle every 6 weeks with citric acid.",
    )
    (tmp_path / "kettle manual.pdf").write_bytes(pdf(*pages))
    async with open_bot(tmp_path / "data") as bot:
        await bot.in_chat(f"attach {tmp_path}/kettle manual.pdf")
        for asked, number, page in (
            ("How long is the warranty of my kettle?", "27", 3),
            ("How long does the warranty last?", "27", 3),  # about nobody, and in the document all the same
            ("How often should I descale the kettle?", "6", 4),
        ):
            (reply,) = await bot.say(asked)
            assert number in reply
            assert f"kettle manual.pdf, page {page}" in reply
        (reply,) = await bot.say("What is the capital of France?")
        assert "kettle" not in reply


async def test_the_packaged_model_says_a_name_once_after_the_words_of_the_readme(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.say("Hello! My name is Ada and I live in Lisbon.")
        await bot.say("Remember that my sister is called Maria.")
    async with open_bot(tmp_path) as bot:
        assert await bot.say("What is my name?") == ["Your name is Ada."]
        assert await bot.say("Who is Maria?") == ["Your sister is Maria."]
        assert await bot.say("What is my shoe size?") == ["You have not told me your shoe size yet."]


async def test_the_packaged_model_invents_nothing_about_things_that_nobody_told_it_of(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.say("My name is Bob")
        for asked in ("How long is the warranty?", "Where is the spare key?", "What is our gate code?"):
            (reply,) = await bot.say(asked)
            assert reply.startswith("You have not told me ")
        (reply,) = await bot.say("What is the capital of France?")  # not in the form of what it has just said
        assert "Paris" in reply
        await bot.say("The spare key hangs behind the mirror")
        (reply,) = await bot.say("Where is the spare key?")
        assert "mirror" in reply


async def test_what_a_document_says_is_quoted_with_its_place_also_for_advice(tmp_path: Path) -> None:
    (tmp_path / "kettle.md").write_text(
        "# Kettle K200\n\n## Warranty\n\nThe warranty is 27 months. Keep the receipt.\n\n"
        "## Cleaning\n\nClean it with vinegar every six weeks.\n"
    )
    async with open_bot(tmp_path / "data") as bot:
        await bot.say("My name is Bob")
        await bot.in_chat(f"attach {tmp_path}/kettle.md")
        for asked in ("How long is the warranty of my kettle?", "How long is the warranty?"):
            assert await bot.say(asked) == [
                "kettle.md, Kettle K200 > Warranty: “The warranty is 27 months. Keep the receipt.”"
            ]
        for asked in ("How do I clean the kettle?", "How can I clean my kettle?"):
            assert await bot.say(asked) == [
                "kettle.md, Kettle K200 > Cleaning: “Clean it with vinegar every six weeks.”"
            ]
        assert await bot.say("What is my shoe size?") == ["You have not told me your shoe size yet."]
