"""What a clock is to bring rests, and asks nothing of anybody, where it cannot be heard: it comes when it can again."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.ports.errors import DeliveryRefused
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, Clock, Fault, RecordingPlatform, open_bot, texts
from bot.timed.follow_ups import UNHEARD
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


# ── somebody who cannot be reached ───────────────────────────────────────────────────────────────────


async def daily(bot: Bot, days: int) -> list[str]:
    """What is heard on so many mornings."""
    heard = list[str]()
    for _ in range(days):
        bot.clock.advance(days=1)
        heard += await bot.sweep()
    return heard


async def test_what_repeats_rests_once_it_could_not_be_delivered_three_times_until_they_write_again(
    tmp_path: Path,
) -> None:
    platform, clock = RecordingPlatform(), Clock()
    async with ScriptedServer(obeys) as server:
        async with open_bot(tmp_path, platform=platform, clock=clock, **settings(server)) as bot:
            await bot.say(json.dumps({"when": NINE, "note": "the plants", "repeat": "0 9 * * *"}))
            assert len(await daily(bot, 2)) == 2
            asked = len(server.requests)
            platform.on_send.extend(Fault(DeliveryRefused("they have blocked this bot")) for _ in range(4))
            assert await daily(bot, UNHEARD) == []
            assert len(server.requests) == asked + UNHEARD
            assert "It rests until you write" in await bot.command("followups")
        async with open_bot(tmp_path, platform=platform, clock=clock, **settings(server)) as bot:
            assert await daily(bot, 5) == []
            assert len(server.requests) == asked + UNHEARD
            platform.on_send.clear()
            assert (await bot.say("I am back"))[-1] == "Hello."
            assert "rests" not in await bot.command("followups")
            assert len(await daily(bot, 2)) == 2


async def test_one_that_was_heard_in_between_goes_on(tmp_path: Path) -> None:
    platform = RecordingPlatform()
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, platform=platform, **settings(server)) as bot:
        await bot.say(json.dumps({"when": NINE, "note": "the plants", "repeat": "0 9 * * *"}))
        refused = Fault(DeliveryRefused("not now"))
        platform.on_send.extend([refused, refused, None, refused, refused])
        assert len(await daily(bot, 6)) == 2
