"""Follow-ups: what is promised for later is a row, is shown, comes again, is taken off; what cannot be is told."""

import json
from pathlib import Path

import pytest

from adapters.testing import ScriptedServer
from bot.testing import among_many, open_bot
from tests.bot.timed.promises import NINE, asks, obeys, settings, told, waiting

# ── set ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_remind_me_tomorrow_at_nine(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        bot.clock.advance(days=60)  # in summer Lisbon is an hour ahead
        assert await asks(bot, when="2026-05-01T09:00", note="call mum") == {
            "status": "ok",
            "due": "2026-05-01T09:00:00+01:00",
            "zone": "Europe/Lisbon",
        }
        assert "- 1: 2026-05-01T09:00:00+01:00: call mum" in await bot.command("followups")
        bot.clock.advance(hours=19, minutes=55)
        assert await bot.sweep() == []
        bot.clock.advance(minutes=5)
        assert await bot.sweep() == ["You wanted: call mum"]
        assert await bot.sweep() == []
        shown = await bot.command("followups")
    assert shown.startswith("Nothing waits.")
    assert "call mum — delivered" in shown


async def test_what_the_model_reads_says_how_to_end_and_a_call_is_asked_for(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="call mum")
        bot.clock.advance(days=1)
        await bot.sweep()
        asked = server.requests[-1]
    assert told(asked)["type"] == "follow_up"
    assert "send_message" in told(asked)["how_to_end"]
    assert asked["tool_choice"] == "required"
    assert all("tool_choice" not in request for request in server.requests[:-1])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"when": "2026-03-01T11:59"}, "is past: it is 2026-03-01T12:00"),
        ({"when": "2026-02-30T09:00"}, "no time that there is"),
        ({"when": "2026-03-02"}, "no time of day"),
        ({"when": "tomorrow"}, "Give a local ISO 8601 time"),
        ({"when": "2036-03-02T09:00"}, "more than five years ahead"),
        ({"when": NINE, "repeat": "* * * * * *"}, "five fields"),
        ({"when": NINE, "repeat": "* * * * *"}, "too often"),
        ({"when": NINE, "repeat": "0 9 30 2 *"}, "never comes"),
        ({"when": NINE, "note": "  "}, "should say what it is about"),
        ({"when": NINE, "note": "x" * 1001}, "at most 1000 characters"),
        ({"note": "call mum"}, "when: Field required"),
    ],
)
async def test_what_cannot_be_is_told_to_the_model_clearly(tmp_path: Path, arguments: dict[str, str], why: str) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        came_to = await asks(bot, **({"note": "call mum"} | arguments))
        assert came_to["status"] == "error"
        assert why in came_to["message"]
        assert await waiting(bot) == []


async def test_one_person_has_so_many_and_no_more_wherever_they_are(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server:
        async with open_bot(tmp_path, **settings(server, follow_ups_per_person=2)) as bot:
            assert (await asks(bot, when=NINE, note="one"))["status"] == "ok"
            order = json.dumps({"tool": "schedule_follow_up", "when": NINE, "note": "two"})
            (said,) = await bot.write(order)
            assert json.loads(said)["status"] == "ok"
            came_to = await asks(bot, when=NINE, note="three")
            assert "2 follow-ups wait for this person already" in came_to["message"]
            await asks(bot, "cancel_follow_up", follow_up_id=1)
            assert (await asks(bot, when=NINE, note="three"))["status"] == "ok"


async def test_quiet_hours_are_pointed_out(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert "quiet hours (22:00-08:00)" in (await asks(bot, when="2026-03-02T03:00", note="x"))["note"]


# ── late, and again ──────────────────────────────────────────────────────────────────────────────────


async def test_each_time_it_is_heard_again_until_it_is_cancelled(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="stretch", repeat="0 9 * * 1-5")
        for _ in range(3):
            bot.clock.moment = (await waiting(bot))[0].due_at
            assert await bot.sweep() == ["You wanted: stretch"]
        assert "stretch — delivered" in await bot.command("followups")
        assert (await asks(bot, "list_follow_ups"))["follow_ups"][0]["repeat"] == "0 9 * * 1-5"
        assert (await asks(bot, "cancel_follow_up", follow_up_id=1)) == {"status": "ok"}
        bot.clock.advance(days=30)
        assert await bot.sweep() == []


async def test_a_model_that_names_one_that_there_is_not_is_told_of_those_that_there_are(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert "There are: none" in (await asks(bot, "cancel_follow_up", follow_up_id=4))["message"]
        await asks(bot, when=NINE, note="call mum")
        assert "There are: 1 (call mum)" in (await asks(bot, "cancel_follow_up", follow_up_id=4))["message"]


async def test_a_person_takes_one_off(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert "nothing that I am to come back to" in await bot.command("followups")
        await asks(bot, when=NINE, note="call mum")
        assert "no follow-up 2 of yours" in await bot.command("followups cancel 2")
        assert "Usage" in await bot.command("followups all")
        assert await bot.command("followups cancel 1") == "The follow-up 1 is cancelled."
        bot.clock.advance(days=2)
        assert await bot.sweep() == []


async def test_in_a_channel_everybody_sees_their_own(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        for person in ("ada", "bob"):
            order = {"tool": "schedule_follow_up", "when": NINE, "note": f"{person}'s secret"}
            await bot.write(json.dumps(order), person=person)
        shown = await bot.command("followups", channel="general")
        assert "ada's secret" in shown
        assert "bob" not in shown
        assert "no follow-up 2" in await bot.command("followups cancel 2", channel="general")
        bot.clock.advance(hours=21)
        assert sorted(await bot.sweep()) == ["You wanted: ada's secret", "You wanted: bob's secret"]
        assert all(address == among_many("ada").address for address, _ in bot.platform.sent)
