"""A turn may be cancelled at any instant: nothing locks, nothing committed is forgotten, nothing said is unheard."""

import asyncio
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer
from bot.scopes import scope_of
from bot.testing import Bot, direct, open_bot
from memory.turns.turn_journal import TurnJournal


def reply(request: Request) -> Reply:
    note = {"content": "The house has a green door.", "request_heartbeat": False}
    return answer("hm", ("archival_memory_insert", note), ("send_message", {"message": "noted"}))


async def ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def in_step(bot: Bot) -> None:
    """The agent at hand has the queue that a restart would load, and what was said was heard."""
    agent = await bot.app.agents.get(scope_of(direct("ada")))
    kept = await bot.app.shelves.recall.queue(agent.id)
    assert [queued.message.id for queued in agent.queue] == [message.id for message in kept]
    said = [message for message in kept if message.kind == "assistant" and message.text == "noted"]
    assert len(bot.platform.sent) == len(said)


@pytest.mark.parametrize("cancels", [1, 2])
async def test_a_turn_cancelled_after_any_number_of_ticks_leaves_all_in_step(tmp_path: Path, cancels: int) -> None:
    async with (
        ScriptedServer(reply) as server,
        open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_context_window=200_000) as bot,
    ):
        await bot.say("Hi")
        for count in range(0, 120, 2):
            turn = asyncio.ensure_future(bot.say(f"Keep this, {count}"))
            await ticks(count)
            for _ in range(cancels):
                turn.cancel()
                await ticks(3)
            await asyncio.wait([turn])
            await bot.app.lanes.idle()
            await bot.app.outbox.settled(direct("ada").address)
            await in_step(bot)
            assert await TurnJournal(bot.app.stores.database).unfinished() == ()
        before = len(bot.platform.sent)
        assert await bot.say("Are you well?", person="bob") == ["noted"]
        assert await bot.say("And you?") == ["noted"]
        assert len(bot.platform.sent) == before + 2
