"""A reflection that fails, is interrupted, restarted or killed leaves nothing twice and is made up for."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import direct, open_bot
from memory.portable.records import KeptMessage
from memory.ports import Kind
from tests.bot.timed.reflecting import (
    DONE,
    FIVE,
    append,
    asked_to_reflect,
    is_reflecting,
    material,
    model,
    reflect,
    talk,
    with_model,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("trouble", [fails(400), fails(500), fails(401)], ids=["refused", "down", "no key"])
async def test_what_fails_is_left_for_the_next_time_and_told_to_nobody(tmp_path: Path, trouble: Reply) -> None:
    is_ill = True

    def reply(request: Request) -> Reply:
        if is_reflecting(request) and is_ill:
            return trouble
        return DONE if is_reflecting(request) else says("I see.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        asked = asyncio.ensure_future(reflect(bot))
        while not asked.done():  # the client pauses between its retries
            bot.clock.advance(seconds=30)
            await asyncio.sleep(0)
        said = len(bot.platform.sent)
        assert "aside" not in await bot.command("status")
        is_ill = False
        await reflect(bot)
        assert "I live in Lisbon" in material(asked_to_reflect(server)[-1])
        assert (len(bot.platform.sent), bot.platform.notices) == (said, [])


async def test_a_person_who_writes_comes_next_after_the_step_under_way(tmp_path: Path) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def waits() -> Reply:
        began.set()
        await may_end.wait()
        return answer(None, append("Likes figs.", heartbeat=True))

    steps = 0

    def reply(request: Request) -> Any:
        nonlocal steps
        if not is_reflecting(request):
            return says("Here I am.")
        steps += 1
        return waits() if steps == 1 else DONE

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        reflecting = asyncio.ensure_future(reflect(bot))
        await began.wait()
        message = InboundMessage("urgent", direct("ada"), "Are you there?", bot.clock())
        answered = await bot.app.receiver.receive(message)
        may_end.set()
        await answered
        await reflecting
        assert steps == 1
        assert bot.platform.sent[-1][1] == "Here I am."
        assert "Likes figs." in await bot.command("memory")
        assert "while I reflected" in await bot.command("memory changes")
        prompt = server.requests[-1]["messages"]
        assert "Likes figs." in prompt[0]["content"]
        assert "quiet" not in str(prompt)
        await reflect(bot)
        assert steps == 2  # what was not looked at to the end is looked at again


async def test_a_restart_in_the_midst_goes_on_and_leaves_nothing_twice(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def hangs() -> Reply:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    steps = 0

    def dying(request: Request) -> Any:
        nonlocal steps
        if not is_reflecting(request):
            return says("I see.")
        steps += 1
        return answer(None, append("Likes figs.", heartbeat=True)) if steps == 1 else hangs()

    async with ScriptedServer(dying) as server:
        async with open_bot(tmp_path, **with_model(server, llm_timeout_s=600)) as bot:
            await talk(bot, *FIVE)
            reflecting = asyncio.ensure_future(reflect(bot))
            await began.wait()
            reflecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reflecting
            bot.app.receiver._agenda.is_closing = True
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.app.lanes.idle()
        shown = await bot.command("memory")
        assert shown.count("Likes figs.") == 1
        kinds = {record.kind for record in await bot.kept() if isinstance(record, KeptMessage)}
        assert kinds <= {Kind.USER_MESSAGE, Kind.ASSISTANT, Kind.TOOL_RESULT}


KILLED = """
import asyncio, sys
from pathlib import Path
from bot.events import reflection
from bot.testing import direct, open_bot
async def main():
    async with open_bot(Path(sys.argv[1]), llm_model="m", openai_base_url=sys.argv[2]) as bot:
        for line in ("Hello", "I live in Lisbon", "I like figs", "Really", "Good night"):
            await bot.say(line)
        await (await bot.app.receiver.wake(direct("ada"), reflection("quiet", bot.clock())))
asyncio.run(main())
"""


async def test_killed_between_two_steps_it_goes_on_from_what_was_written(tmp_path: Path) -> None:
    began = asyncio.Event()
    steps = 0

    async def never() -> Reply:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    def reply(request: Request) -> Any:
        nonlocal steps
        if not is_reflecting(request):
            return says("I see.")
        steps += 1
        return answer(None, append("Likes figs.", heartbeat=True)) if steps == 1 else never() if steps == 2 else DONE

    async with ScriptedServer(reply) as server:
        folder = tmp_path / "data"
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(folder), server.url, env={"PYTHONPATH": str(ROOT)}
        )
        await asyncio.wait_for(began.wait(), 60)
        killed.kill()
        await killed.wait()
        async with open_bot(folder, **with_model(server, reflection_max_per_day=1)) as bot:
            await bot.app.lanes.idle()
            assert steps == 3  # it was counted when it began
            assert "Likes figs." in asked_to_reflect(server)[2]["messages"][0]["content"]
            assert (await bot.command("memory")).count("Likes figs.") == 1
            assert (await bot.command("memory changes")).count("while I reflected") == 1
            await bot.command("undo")
            assert "Likes figs." not in await bot.command("memory")
            await reflect(bot)
            assert steps == 3  # it was over, and nothing is new
