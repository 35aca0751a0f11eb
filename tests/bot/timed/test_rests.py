"""What a clock is to bring rests, and asks nothing of anybody, where it cannot be heard: it comes when it can again."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Clock, open_bot, texts
from memory.people.channels import Mode

NINE = "2026-03-02T09:00"


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools"}


def obeys(request: Request) -> Reply:
    """Sets the follow-up that a message describes in JSON, and on a follow-up says what that is about."""
    if request["messages"][-1]["role"] == "tool":
        return says("Set.")
    envelope = json.loads(texts(request["messages"], "user")[-1])
    if envelope["type"] == "follow_up":
        return says(f"You wanted: {envelope['message']}")
    if not envelope["message"].startswith("{"):
        return says("Hello.")
    return answer(None, ("schedule_follow_up", json.loads(envelope["message"]) | {"request_heartbeat": True}))


# ── a channel that is off ────────────────────────────────────────────────────────────────────────────


async def test_where_the_bot_is_off_a_follow_up_wakes_nobody_until_it_is_on_and_then_says_that_it_is_late(
    tmp_path: Path,
) -> None:
    clock, expected = Clock(), list[datetime]()
    async with ScriptedServer(obeys) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.write(json.dumps({"when": NINE, "note": "the cake"}))
            await bot.command("admin mode off", channel="general")
            clock.advance(days=1)
            assert await bot.app.sweep() is None  # nothing is due for as long as it is off
        clock.advance(days=2)
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            assert await bot.app.sweep() is None
            bot.app.sweep.on_sooner = expected.append
            await bot.command("admin mode mention", channel="general")
            assert [moment <= clock.moment for moment in expected] == [True]
            (said,) = await bot.sweep()
    assert said.startswith("You wanted: the cake\n[It was due at 2026-03-02T09:00:00+00:00: say that it comes late.]")


async def test_one_that_repeats_comes_once_for_all_the_times_that_it_rested(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.write(json.dumps({"when": NINE, "note": "the plants", "repeat": "0 9 * * *"}))
        await bot.choose_mode(Mode.OFF)
        bot.clock.advance(days=3)
        assert await bot.sweep() == []
        await bot.choose_mode(Mode.MENTION)
        (said,) = await bot.sweep()
        assert "It was missed 2 more times since." in said
        assert await bot.sweep() == []
        bot.clock.advance(days=1)
        (said,) = await bot.sweep()
    assert said.startswith("You wanted: the plants")
    assert "missed" not in said
