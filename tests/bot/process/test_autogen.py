"""Agents of ours in teams of AutoGen's, with the real library and a model server on this machine."""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.messages import MultiModalMessage, TextMessage, ThoughtEvent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, Image
from PIL import Image as PILImage

from adapters.autogen import images
from adapters.autogen.platform import AutoGenPlatform
from adapters.ports.errors import DocumentUnreadable
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.process.autogen import MemGPT, open_memgpt
from bot.testing import Clock
from config.settings import load_settings
from config.words import WordsNotFound

ROOT = Path(__file__).parents[3]


def opened(
    folder: Path, server: ScriptedServer, now: Callable[[], datetime] | None = None, **chosen: Any
) -> AbstractAsyncContextManager[MemGPT]:
    usual = {"llm_model": "scripted", "llm_tier": "tools", "openai_base_url": server.url, "bot_admission": "pairing"}
    settings = load_settings(bot_data_dir=folder, **(usual | chosen))
    return open_memgpt(settings, now=now or Clock())


def said(result: TaskResult) -> list[tuple[str, str]]:
    return [(it.source, it.content) for it in result.messages if isinstance(it, TextMessage)]


def heard(request: Request) -> str:
    return "\n".join(str(message.get("content")) for message in request["messages"])


def one(text: str, source: str = "user") -> Sequence[TextMessage]:
    return [TextMessage(content=text, source=source)]


async def test_a_user_proxy_and_a_coder_in_a_group_chat(tmp_path: Path) -> None:
    """The example that people know from the seed's article."""
    script = [says("def add(a, b): return a + b", thinks="They want a function."), says("Glad to hear it. TERMINATE")]
    typed = iter(["Does it work with negative numbers? Great."])
    async with ScriptedServer(script) as server, opened(tmp_path, server) as memgpt:
        coder = memgpt.agent("MemGPT_coder", "Writes code.", persona="engineer")
        user_proxy = UserProxyAgent("user_proxy", input_func=lambda prompt: next(typed))
        team = RoundRobinGroupChat([coder, user_proxy], termination_condition=TextMentionTermination("TERMINATE"))
        result = await team.run(task="Write a function that adds two numbers.")
    assert said(result) == [
        ("user", "Write a function that adds two numbers."),
        ("MemGPT_coder", "def add(a, b): return a + b"),
        ("user_proxy", "Does it work with negative numbers? Great."),
        ("MemGPT_coder", "Glad to hear it. TERMINATE"),
    ]
    assert [it.content for it in result.messages if isinstance(it, ThoughtEvent)] == ["They want a function."]
    assert result.stop_reason == "Text 'TERMINATE' mentioned"
    first, second = server.requests
    assert "engineer" in heard(first)
    assert "user_proxy" in heard(second)
    assert "Does it work with negative numbers?" in heard(second)


async def test_two_agents_in_a_team_have_a_memory_each_and_know_each_other_by_name(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: says(f"Line {len(server.requests)}")) as server:
        async with opened(tmp_path, server) as memgpt:
            ada, bob = memgpt.agent("ada"), memgpt.agent("bob")
            team = RoundRobinGroupChat([ada, bob], termination_condition=MaxMessageTermination(5))
            result = await team.run(task="Talk of the sea.")
    assert said(result) == [
        ("user", "Talk of the sea."),
        ("ada", "Line 1"),
        ("bob", "Line 2"),
        ("ada", "Line 3"),
        ("bob", "Line 4"),
    ]
    of_bob = heard(server.requests[1])
    assert of_bob.index("Talk of the sea.") < of_bob.index("Line 1")
    assert "ada" in of_bob
    of_ada = heard(server.requests[2])
    assert "bob" in of_ada
    assert of_ada.count("Talk of the sea.") == 1
    assert len(server.requests) == 4  # what is only heard costs no call


async def test_memory_outlives_run_and_process(tmp_path: Path) -> None:
    keeps = answer("Worth keeping.", ("core_memory_append", {"label": "channel", "content": "The sea is cold."}))
    async with ScriptedServer([keeps, says("Noted."), says("Cold, you said."), says("Still cold.")]) as server:
        async with opened(tmp_path, server) as memgpt:
            agent = memgpt.agent("ada")
            await agent.run(task="The sea is cold.")
            assert said(await agent.run(task="How is the sea?"))[-1] == ("ada", "Cold, you said.")
        async with opened(tmp_path, server) as memgpt:
            await memgpt.agent("ada").run(task="And now?")
    last = heard(server.requests[-1])
    assert "The sea is cold." in last
    assert "How is the sea?" in last
    assert "Cold, you said." in json.dumps(server.requests[-1])


async def test_state_is_saved_and_loaded_elsewhere(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        async with opened(tmp_path / "one", server) as memgpt:
            team = RoundRobinGroupChat([memgpt.agent("ada")], termination_condition=MaxMessageTermination(2))
            await team.run(task="My boat is called Wanda.")
            saved = await team.save_state()
        async with opened(tmp_path / "two", server) as memgpt:
            team = RoundRobinGroupChat([memgpt.agent("ada")], termination_condition=MaxMessageTermination(2))
            await team.load_state(saved)
            await team.run(task="What is my boat called?")
    assert "My boat is called Wanda." in heard(server.requests[-1])


@pytest.mark.parametrize("state", [{"lines": ["no json"]}, {"lines": []}, {"lines": "x"}, {}])
async def test_a_state_that_cannot_be_read_changes_nothing(tmp_path: Path, state: dict[str, Any]) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server, opened(tmp_path, server) as memgpt:
        agent = memgpt.agent("ada")
        await agent.run(task="My boat is called Wanda.")
        with pytest.raises(ValueError):  # noqa: PT011 - of pydantic, and of ours
            await agent.load_state(state)
        await agent.run(task="What is my boat called?")
    assert "My boat is called Wanda." in heard(server.requests[-1])


@pytest.mark.parametrize("version", [99, 0, "2", None])
async def test_a_state_of_another_version_is_refused(tmp_path: Path, version: object) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server, opened(tmp_path, server) as memgpt:
        agent = memgpt.agent("ada")
        state = dict(await agent.save_state())
        for other in (state | {"version": version}, {"version": version, "notes": "in a form of its own"}):
            with pytest.raises(ValueError, match=r"^ada: a state of version .+ cannot be read, only of version 1$"):
                await agent.load_state(other)
        await agent.load_state(state)


async def test_cancelled_it_stops_at_once_and_answers_the_next(tmp_path: Path) -> None:
    asked = asyncio.Event()

    def reply(request: Request) -> Reply:
        if "Think for ever" in heard(request) and not asked.is_set():
            asked.set()
            return Reply(hangs=True)
        return says("Here I am.")

    async with ScriptedServer(reply) as server, opened(tmp_path, server) as memgpt:
        agent, token = memgpt.agent("ada"), CancellationToken()
        running = asyncio.create_task(agent.on_messages(one("Think for ever"), token))
        await asked.wait()
        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        response = await agent.on_messages(one("Are you there?"), CancellationToken())
    assert isinstance(response.chat_message, TextMessage)
    assert response.chat_message.content == "Here I am."


async def test_a_caller_that_is_cancelled_takes_the_turn_with_it(tmp_path: Path) -> None:
    asked = asyncio.Event()

    def reply(request: Request) -> Reply:
        if not asked.is_set():
            asked.set()
            return Reply(hangs=True)
        return says("Here I am.")

    async with ScriptedServer(reply) as server, opened(tmp_path, server) as memgpt:
        agent = memgpt.agent("ada")
        running = asyncio.create_task(agent.run(task="Think for ever"))
        await asked.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert said(await agent.run(task="Are you there?"))[-1] == ("ada", "Here I am.")
    assert len(server.requests) == 2


async def test_what_was_cancelled_before_it_was_handed_in_is_neither_heard_nor_answered(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Here I am.")) as server, opened(tmp_path, server) as memgpt:
        agent, token = memgpt.agent("ada"), CancellationToken()
        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await agent.on_messages(one("Never mind"), token)
        await agent.on_messages(one("Are you there?"), CancellationToken())
    assert len(server.requests) == 1
    assert "Never mind" not in heard(server.requests[0])


async def test_what_is_cancelled_while_another_turn_runs_never_comes_before_the_model(tmp_path: Path) -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        asked.set()
        await goes_on.wait()
        return says("Here I am.")

    async with ScriptedServer(reply) as server, opened(tmp_path, server) as memgpt:
        agent, token = memgpt.agent("ada"), CancellationToken()
        first = asyncio.create_task(agent.on_messages(one("Are you there?"), CancellationToken()))
        await asked.wait()
        second = asyncio.create_task(agent.on_messages(one("Never mind"), token))
        third = asyncio.create_task(agent.on_messages(one("And now?"), CancellationToken()))
        await memgpt.agent("bob").save_state()  # long enough for both to be in line
        token.cancel()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await second
        await asyncio.gather(first, third)
    assert len(server.requests) == 2
    assert "Never mind" not in heard(server.requests[-1])


class Interrupting(Clock):
    """Cancels a token at a certain look: each is a moment, and some lie where it is being written what was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.looks_left = CancellationToken(), 0

    def cancel_at(self, look: int) -> CancellationToken:
        self.token, self.looks_left = CancellationToken(), look
        return self.token

    def __call__(self) -> datetime:
        self.looks_left -= 1
        if self.looks_left == 0:
            self.token.cancel()
        return super().__call__()


async def test_cancelled_at_whatever_moment_before_the_model_is_asked_it_is_not_asked(tmp_path: Path) -> None:
    clock, too_late = Interrupting(), list[bool]()

    def reply(_: Request) -> Reply:
        too_late.append(clock.token.is_cancelled())
        return says("Here I am.")

    async with ScriptedServer(reply) as server, opened(tmp_path, server, clock) as memgpt:
        agent = memgpt.agent("ada")
        await agent.run(task="Hello")
        for look in range(1, 5):
            with pytest.raises(asyncio.CancelledError):
                await agent.on_messages(one("Never mind"), clock.cancel_at(look))
        response = await agent.on_messages(one("Are you there?"), clock.cancel_at(0))
    assert isinstance(response.chat_message, TextMessage)
    assert response.chat_message.content == "Here I am."
    assert too_late == [False, False]


async def test_what_comes_too_late_of_a_cancelled_turn_is_no_part_of_the_next_reply(tmp_path: Path) -> None:
    clock = Interrupting()
    async with ScriptedServer(lambda _: says(f"Line {len(server.requests)}")) as server:
        async with opened(tmp_path, server, clock) as memgpt:
            agent, look = memgpt.agent("ada"), 0
            await agent.run(task="Hello")
            while clock.looks_left <= 0:
                look += 1
                with suppress(asyncio.CancelledError):
                    await agent.on_messages(one("Never mind"), clock.cancel_at(look))
                if clock.looks_left <= 0:
                    result = await agent.run(task="And now?")
                    assert said(result)[-1] == ("ada", f"Line {len(server.requests)}")
    assert look > 5


async def test_two_of_one_name_share_a_memory_and_take_turns(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: says(f"Line {len(server.requests)}")) as server:
        async with opened(tmp_path, server) as memgpt:
            one_ada, other_ada = memgpt.agent("ada"), memgpt.agent("ada")
            results = await asyncio.gather(
                one_ada.run(task="The first"), other_ada.run(task="The second"), one_ada.run(task="The third")
            )
            await asyncio.gather(one_ada.on_reset(CancellationToken()), other_ada.run(task="The fourth"))
    assert [said(result)[-1] for result in results] == [("ada", f"Line {number}") for number in (1, 2, 3)]
    assert re.findall(r"The (first|second|third)", heard(server.requests[2])) == ["first", "second", "third"]
    assert len(server.requests) == 4


async def test_a_reset_begins_the_conversation_anew_and_keeps_what_it_knows(tmp_path: Path) -> None:
    keeps = answer("A fact.", ("core_memory_append", {"label": "channel", "content": "Wanda is a boat."}))
    async with ScriptedServer([keeps, says("Noted."), says("A boat.")]) as server, opened(tmp_path, server) as memgpt:
        team = RoundRobinGroupChat([memgpt.agent("ada")], termination_condition=MaxMessageTermination(2))
        await team.run(task="Wanda is my boat, remember.")
        await team.reset()
        await team.run(task="Who is Wanda?")
    last = heard(server.requests[-1])
    assert "Wanda is a boat." in last
    assert "Wanda is my boat, remember." not in last


async def test_a_model_that_is_down_is_told_at_once(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(401, "no")) as server, opened(tmp_path, server) as memgpt:
        agent = memgpt.agent("ada")
        with pytest.raises(RuntimeError, match=r"^ada: My language model refuses my key\."):
            await agent.run(task="Hello")


async def test_asked_with_nothing_new_it_goes_on(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("And further.")) as server, opened(tmp_path, server) as memgpt:
        agent = memgpt.agent("ada")
        assert said(await agent.run())[-1] == ("ada", "And further.")
        response = await agent.on_messages(one("My own words", source="ada"), CancellationToken())
    assert isinstance(response.chat_message, TextMessage)
    assert response.chat_message.content == "And further."
    assert "My own words" not in heard(server.requests[-1])


async def test_a_person_who_only_presses_enter_lets_it_go_on(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: says(f"Line {len(server.requests)}")) as server:
        async with opened(tmp_path, server) as memgpt:
            typed = iter(["", "  \n", "Stop here."])
            user_proxy = UserProxyAgent("user_proxy", input_func=lambda prompt: next(typed))
            team = RoundRobinGroupChat(
                [memgpt.agent("coder"), user_proxy], termination_condition=TextMentionTermination("Stop here.")
            )
            result = await team.run(task="Count.")
            await memgpt.agent("coder").on_messages([*one("Well?"), *one("", "bob")], CancellationToken())
    assert [text for source, text in said(result) if source == "coder"] == ["Line 1", "Line 2", "Line 3"]
    *_, second, third, last = map(heard, server.requests)
    assert second.count("Nobody has said anything new") == 1
    assert third.count("Nobody has said anything new") == 2
    assert "user_proxy" not in third
    assert '"message": "Well?"' in last.splitlines()[-1]  # what is empty is not the message that it answers
    assert "bob" not in last


async def test_a_message_that_cannot_be_answered_is_an_error_and_no_empty_reply(tmp_path: Path) -> None:
    async with ScriptedServer() as server, opened(tmp_path, server) as memgpt:
        with pytest.raises(RuntimeError, match=r"^ada: "):
            await memgpt.agent("ada").on_messages(one("Who am I?", source=""), CancellationToken())


async def test_an_old_message_is_answered_like_a_new_one(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server, opened(tmp_path, server) as memgpt:
        (message,) = one("Hello")
        message.created_at -= timedelta(days=400)
        agent = memgpt.agent("ada")
        for _ in range(2):  # and again, as a team that was loaded says it
            response = await agent.on_messages([message], CancellationToken())
            assert isinstance(response.chat_message, TextMessage)
            assert response.chat_message.content == "Yes."


async def test_what_cannot_be_an_agent_is_refused(tmp_path: Path) -> None:
    async with ScriptedServer() as server, opened(tmp_path, server) as memgpt:
        with pytest.raises(ValueError, match="identifier"):
            memgpt.agent("no name")
        with pytest.raises(WordsNotFound):
            memgpt.agent("ada", persona="nobody")


async def test_an_agent_whose_memory_was_closed_says_so(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        async with opened(tmp_path, server) as memgpt:
            known, new, token = memgpt.agent("ada"), memgpt.agent("bob"), CancellationToken()
            await known.run(task="Hello")
            state = await known.save_state()
        for agent in (known, new, memgpt.agent("carl")):
            for asked in (
                agent.run(task="Are you there?"),
                agent.on_reset(token),
                agent.save_state(),
                agent.load_state(state),
            ):
                with pytest.raises(RuntimeError, match=rf"^{agent.name}: its memory is closed"):
                    await asked


SEES: dict[str, Any] = {"llm_sees_images": "yes", "llm_context_window": 32768}


def images_of(request: Request) -> list[PILImage.Image]:
    """What the model is shown."""
    parts = [part for it in request["messages"] if isinstance(it["content"], list) for part in it["content"]]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [PILImage.open(BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def picture(*content: str | PILImage.Image, source: str = "bob") -> MultiModalMessage:
    return MultiModalMessage(content=[it if isinstance(it, str) else Image(it) for it in content], source=source)


RED, BLUE = (PILImage.new("RGB", (3, 2), colour) for colour in ("red", "blue"))


async def test_a_model_that_sees_is_shown_the_images_of_the_message_that_it_answers(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("A colour.")) as server, opened(tmp_path, server, **SEES) as memgpt:
        agent = memgpt.agent("ada")
        before, asked = picture("Mine", BLUE, source="carl"), picture("Look:", RED, BLUE)
        await agent.on_messages([before, asked], CancellationToken())
        await agent.on_messages(one("And now?"), CancellationToken())
    first, second = server.requests
    assert [image.getpixel((0, 0)) for image in images_of(first)] == [(255, 0, 0), (0, 0, 255)]
    assert images_of(second) == []
    assert "Mine [image]" in heard(first)
    assert "Look: [image] [image]" in json.dumps(second)
    assert json.dumps(first).count("visible to you until you have answered") == 2


@pytest.mark.parametrize(("max_mb", "shown_as"), [(1, ["PNG"]), (0.1, ["JPEG"]), (0.01, [])])
async def test_an_image_too_large_as_it_stands_is_shown_with_less_detail(
    tmp_path: Path, max_mb: float, shown_as: list[str]
) -> None:
    noise, limit = PILImage.effect_noise((400, 300), 60).convert("RGB"), {"bot_max_file_mb": max_mb}
    async with ScriptedServer(lambda _: says("Noise.")) as server, opened(tmp_path, server, **SEES, **limit) as memgpt:
        await memgpt.agent("ada").on_messages([picture(noise)], CancellationToken())
    assert [image.format for image in images_of(server.requests[0])] == shown_as
    assert ("which you cannot see: it is larger than" in json.dumps(server.requests[0])) == (not shown_as)


async def test_a_model_that_sees_nothing_is_told_of_images(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see nothing.")) as server, opened(tmp_path, server) as memgpt:
        await memgpt.agent("ada").on_messages([picture("Look:", RED)], CancellationToken())
    assert images_of(server.requests[0]) == []
    assert "which you cannot see" in heard(server.requests[0])


async def test_an_image_of_an_earlier_run_is_gone(tmp_path: Path) -> None:
    """A turn that a process left goes on in the next one; what the team showed is not there."""
    (attachment,) = images.images_of(picture(RED))
    with pytest.raises(DocumentUnreadable, match="gone"):
        await AutoGenPlatform().fetch(attachment, tmp_path / "image", 1_000)


PAGE = ROOT / "docs" / "autogen.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
async def test_the_examples_of_the_page_run_as_they_stand(tmp_path: Path, example: str) -> None:
    async with ScriptedServer(lambda request: says(f"Words {len(server.requests)}. TERMINATE")) as server:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "OPENAI_BASE_URL": server.url,
            "LLM_MODEL": "scripted",
            "BOT_DATA_DIR": str(tmp_path / "data"),
        }
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error::DeprecationWarning:__main__", "-c", example),
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await running.communicate(b"Thank you.\nTERMINATE\n")
        assert running.returncode == 0, err.decode()
    assert b"Words 1." in out


async def test_the_bot_itself_needs_nothing_of_autogen() -> None:
    loaded = "import bot.command_line, bot.app, bot.process.serve, sys; print(*sys.modules)"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", loaded, cwd=Path(__file__).parents[3], stdout=asyncio.subprocess.PIPE
    )
    modules = (await program.communicate())[0].decode().split()
    assert "bot.turns.greeting" in modules
    assert [name for name in modules if name.partition(".")[0] in ("autogen_core", "autogen_agentchat", "PIL")] == []
