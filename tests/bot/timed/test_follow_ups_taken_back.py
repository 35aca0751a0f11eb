"""Follow-ups go with the turn, the message or the reset that takes them back, even while they fire."""

import asyncio
import json
from pathlib import Path

from adapters.ports.messages import MessageChange
from adapters.testing import Reply, Request, ScriptedServer
from bot.testing import among_many, open_bot
from tests.bot.timed.promises import ADA, NINE, asks, due, obeys, settings, told, waiting

# ── taken back, reset, deleted ───────────────────────────────────────────────────────────────────────


async def test_a_turn_taken_back_takes_its_follow_ups_along_and_brings_back_what_it_cancelled(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="first")
        kept = await bot.kept()
        await asks(bot, when=NINE, note="second")
        await asks(bot, "cancel_follow_up", follow_up_id=1)
        assert [timer.note for timer in await waiting(bot)] == ["second"]
        await bot.in_chat("pop 2")
        assert [timer.note for timer in await waiting(bot)] == ["first"]
        assert await bot.kept() == kept


async def test_a_reset_of_follow_ups_leaves_the_rest(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="first")
        asked = await bot.give(ADA, "reset follow-ups")
        assert "what I am to come back to: 1 follow-up" in asked.text
        answered = await bot.give(ADA, "reset follow-ups", confirms=True)
        assert await waiting(bot) == []
        assert (await bot.agent()).queue
        assert "`/agent undo reset` brings it back" in answered.text
        await bot.give(ADA, "undo reset", confirms=True)
        assert [timer.note for timer in await waiting(bot)] == ["first"]


async def test_who_deletes_the_message_deletes_what_was_promised_in_it(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        order = {"tool": "schedule_follow_up", "when": NINE, "note": "the surprise party"}
        await bot.write(json.dumps(order), message_id="m1")
        await bot.app.changes.change("console", MessageChange(among_many("ada"), ("m1",), None))
        bot.clock.advance(days=1)
        assert await bot.sweep() == []


# ── killed, and twice at once ────────────────────────────────────────────────────────────────────────


async def test_one_that_is_cancelled_while_it_fires_is_not_heard(tmp_path: Path) -> None:
    """It has become an event already, but its turn has not begun, as another one runs."""
    gate, asked = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        if told(request).get("message") == "wait":
            asked.set()
            await gate.wait()
        return obeys(request)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        busy = asyncio.create_task(bot.say("wait"))
        await asked.wait()
        await bot.app.sweep()
        assert "about to be looked at" in await bot.command("followups")
        assert await bot.command("followups cancel 1") == "The follow-up 1 is cancelled."
        gate.set()
        await busy
        await bot.app.lanes.idle()
        assert [text for _, text in bot.platform.sent][-1] == "Hello."
        assert "no follow-up 1" in await bot.command("followups cancel 1")
