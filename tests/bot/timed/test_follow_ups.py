"""Follow-ups: what is promised for later is a row, is kept, and is heard; what cannot be is told to the model."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.commands import CommandCall
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, Clock, Fault, RecordingPlatform, among_many, at_channel, direct, open_bot, texts
from memory.people.channels import Mode
from memory.turns.timers import WAITING, Timer

ADA = direct("ada")
NINE = "2026-03-02T09:00"


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools"} | more


def told(request: Request) -> dict[str, Any]:
    """The newest envelope in a request."""
    found: dict[str, Any] = json.loads(texts(request["messages"], "user")[-1])
    return found


def result(request: Request) -> dict[str, Any]:
    """What the newest call came to."""
    found: dict[str, Any] = json.loads(texts(request["messages"], "tool")[-1])
    return found


def obeys(request: Request) -> Reply:
    """Makes the call that a message names in JSON, says what came of it, and on a follow-up what that is about."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return says(last["content"])
    envelope = told(request)
    if envelope["type"] == "follow_up":
        return says(f"You wanted: {envelope['message']}")
    if envelope["type"] != "user_message" or not envelope["message"].startswith("{"):
        return says("Hello.")
    order = json.loads(envelope["message"])
    return answer(None, (order.pop("tool"), order | {"request_heartbeat": True}))


async def asks(bot: Bot, tool: str = "schedule_follow_up", **arguments: Any) -> dict[str, Any]:
    """Have the agent call a tool; returns what that came to."""
    (said,) = await bot.say(json.dumps({"tool": tool} | arguments))
    came_to: dict[str, Any] = json.loads(said)
    return came_to


async def waiting(bot: Bot) -> list[Timer]:
    found = await bot.app.timers.follow_ups((await bot.agent()).id)
    return [timer for timer in found if timer.state == WAITING]


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


# ── whose clock ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_agent_asks_for_the_zone_once_where_nobody_knows_it(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, platform=platform, **settings(server)) as bot:
        origin = direct("7", platform="discord")

        async def orders(**arguments: str) -> dict[str, Any]:
            order = {"tool": "schedule_follow_up", "note": "call mum"} | arguments
            (said,) = await bot.write_at(origin, json.dumps(order))
            came_to: dict[str, Any] = json.loads(said.partition("\n")[0])
            return came_to

        refused = await orders(when=NINE)
        assert "ask them once in which city they live" in refused["message"]
        assert "2026-03-02T09:00+00:00" in refused["message"]
        assert (await orders(when="2026-03-01T12:20+00:00"))["due"] == "2026-03-01T12:20:00+00:00"  # "in 20 minutes"
        assert (await orders(when=f"{NINE}[Asia/Tokyo]"))["due"] == "2026-03-02T09:00:00+09:00"
        assert (await orders(when=NINE))["zone"] == "Asia/Tokyo"  # it is kept
        shown = await bot.app.commands.run(CommandCall(origin, "timezone"))
        assert "Asia/Tokyo" in shown.text


async def test_a_zone_that_somebody_has_set_is_not_changed_by_a_word(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        assert (await asks(bot, when=f"{NINE}[Asia/Tokyo]", note="x"))["due"] == "2026-03-02T09:00:00+09:00"
        assert "Europe/Lisbon" in await bot.command("timezone")
        await bot.command("timezone America/New_York")  # nine in Tokyo stays nine in Tokyo
        (timer,) = await waiting(bot)
        assert timer.due_at.isoformat() == "2026-03-02T00:00:00+00:00"
        came_to = await asks(bot, when=f"{NINE}[Asia/Tokyo]", note="x", repeat="0 9 * * *")
        assert "by their own clock, America/New_York" in came_to["message"]


async def test_a_zone_that_somebody_names_in_a_channel_is_theirs_and_not_the_channels(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, platform=platform, **settings(server)) as bot:
        order = {"tool": "schedule_follow_up", "when": f"{NINE}[Asia/Tokyo]", "note": "x", "repeat": "0 9 * * *"}
        await bot.write_at(at_channel("7"), json.dumps(order))
        agent = await bot.app.agents.get("discord:channel:home/general")
        assert agent.zone.key == "UTC"
        bot.clock.advance(hours=12, minutes=1)
        await bot.sweep()
        (timer,) = await bot.app.timers.follow_ups(agent.id)
        assert timer.due_at.isoformat() == "2026-03-03T00:00:00+00:00"


async def test_where_the_operator_names_a_zone_it_holds_for_those_who_set_none(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server:
        given = settings(server, bot_timezone="Europe/Berlin")
        async with open_bot(tmp_path, platform=platform, **given) as bot:
            order = json.dumps({"tool": "schedule_follow_up", "when": NINE, "note": "x"})
            (said,) = await bot.write_at(direct("7", platform="discord"), order)
    assert json.loads(said.partition("\n")[0])["zone"] == "Europe/Berlin"


async def test_who_moves_takes_local_times_along_and_leaves_moments(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        await asks(bot, when=NINE, note="local")
        await asks(bot, when=f"{NINE}+00:00", note="moment")
        await asks(bot, when=NINE, note="again", repeat="0 9 * * *")
        answered = await bot.command("timezone Asia/Tokyo")
        assert "2 follow-ups" in answered
        due = {timer.note: timer.due_at.isoformat() for timer in await waiting(bot)}
    assert due == {
        "local": "2026-03-02T00:00:00+00:00",
        "again": "2026-03-02T00:00:00+00:00",
        "moment": "2026-03-02T09:00:00+00:00",
    }


async def test_who_moves_past_its_time_hears_of_it_at_once(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        await asks(bot, when="2026-03-01T16:00", note="call mum")
        await bot.command("timezone Asia/Tokyo")
        late = "call mum\n[It was due at 2026-03-01T16:00:00+09:00: say that it comes late.]"
        assert await bot.sweep() == [f"You wanted: {late}"]


async def test_a_repeated_one_goes_by_the_new_clock_after_it_has_come(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        await asks(bot, when=NINE, note="again", repeat="0 9 * * *")
        bot.clock.advance(hours=21, minutes=1)
        await bot.sweep()
        await bot.command("timezone America/New_York")
        (timer,) = await waiting(bot)
    assert timer.due_at.isoformat() == "2026-03-02T14:00:00+00:00"  # nine there is still to come


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        (datetime(2026, 3, 28, 8, tzinfo=UTC), [23, 24, 24]),
        (datetime(2026, 10, 24, 7, tzinfo=UTC), [25, 24, 24]),
    ],
    ids=["put forward", "put back"],
)
async def test_nine_stays_nine_when_the_clock_changes(tmp_path: Path, start: datetime, hours: list[int]) -> None:
    clock = Clock(start)
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, clock=clock, **settings(server)) as bot:
        await bot.command("timezone Europe/Lisbon")
        day = clock.moment.date().isoformat()
        await asks(bot, when=f"{day}T09:00", note="stretch", repeat="0 9 * * *")
        due = [(await waiting(bot))[0].due_at]
        for _ in hours:
            clock.moment = due[-1]
            assert await bot.sweep() == ["You wanted: stretch"]
            due.append((await waiting(bot))[0].due_at)
    assert [(later - earlier) / timedelta(hours=1) for earlier, later in pairwise(due)] == hours


# ── late, and again ──────────────────────────────────────────────────────────────────────────────────


async def test_three_days_down_they_come_late_and_say_so_and_repeated_ones_come_once(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(obeys) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await asks(bot, when=NINE, note="call mum")
            await asks(bot, when=NINE, note="stretch", repeat="0 9 * * *")
        clock.advance(days=4)
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            said = await bot.sweep()
            assert len(said) == 2
            assert "call mum\n[It was due at 2026-03-02T09:00:00+00:00: say that it comes late.]" in said[0]
            assert "missed 3 more times" in said[1]
            (timer,) = await waiting(bot)
            assert timer.due_at.isoformat() == "2026-03-06T09:00:00+00:00"
            assert await bot.sweep() == []


async def test_months_down_are_not_counted_to_the_last_time(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="stretch", repeat="*/15 * * * *")
        bot.clock.advance(days=200)
        (said,) = await bot.sweep()
        assert "missed at least 30 more times" in said
        (timer,) = await waiting(bot)
        assert bot.clock.moment < timer.due_at < bot.clock.moment + timedelta(minutes=15)


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


# ── it is heard, whatever happens ────────────────────────────────────────────────────────────────────


async def due(bot: Bot, **more: Any) -> None:
    await asks(bot, when=NINE, note="call mum", **more)
    bot.clock.advance(hours=21, seconds=10)


def useless(*replies: Reply) -> Any:
    """Obeys people, and makes the replies to a follow-up, the last of them for ever."""
    left = list(replies)

    def reply(request: Request) -> Reply:
        of_clock = any('"type": "follow_up"' in text for text in texts(request["messages"], "user"))
        if not of_clock:
            return obeys(request)
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


async def test_text_alone_is_not_sent_the_model_is_reminded_and_then_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(useless(answer("Time to call!"))) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            assert await bot.sweep() == ["A reminder: call mum"]
            assert "Call send_message, or stay_silent" in texts(server.requests[-1]["messages"], "user")[-1]
            assert len(server.requests) == 4


async def test_a_model_that_remembers_when_reminded_speaks_for_itself(tmp_path: Path) -> None:
    async with ScriptedServer(useless(answer("Time to call!"), says("Time to call!"))) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            assert await bot.sweep() == ["Time to call!"]


async def test_the_agent_may_decide_that_it_is_of_no_use_any_more(tmp_path: Path) -> None:
    silent = answer(None, ("stay_silent", {"reason": "she has called"}))
    async with ScriptedServer(useless(silent)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        assert await bot.sweep() == []
        assert len(server.requests) == 3
        assert "I had nothing to say to it" in await bot.command("followups")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer(""), id="nothing"),
        pytest.param(answer(None, ("no_such_tool", {})), id="calls that fail"),
        pytest.param(answer("Hm.", ("core_memory_append", {"label": "human", "content": "x"})), id="an edit"),
        pytest.param(fails(400, "no"), id="refused"),
    ],
)
async def test_a_model_that_is_of_no_use_costs_nobody_the_reminder(tmp_path: Path, reply: Reply) -> None:
    async with ScriptedServer(useless(reply)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        assert await bot.sweep() == ["A reminder: call mum"]
        assert bot.platform.notices == []
        assert "delivered" in await bot.command("followups")
        assert "Put aside" not in await bot.command("status")


async def test_where_no_budget_is_left_for_it_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server:
        given = settings(server, budget_tokens_per_user_day=100_000, budget_heartbeat_fraction=0.0)
        async with open_bot(tmp_path, **given) as bot:
            await due(bot)
            assert await bot.sweep() == ["A reminder: call mum"]
            assert len(server.requests) == 2


async def test_while_the_model_is_down_it_waits_and_then_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(useless(fails(503, retry_after_ms="1"))) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            assert await bot.sweep() == []
            assert bot.platform.notices == []
            bot.clock.advance(hours=1, minutes=1)
            await bot.app.lanes.idle()
            await asyncio.sleep(0)
            while not bot.platform.sent[1:]:
                bot.clock.advance(minutes=10)
                await bot.app.lanes.idle()
                await asyncio.sleep(0)
            await bot.app.outbox.settled(ADA.address)
            assert bot.platform.sent[-1][1] == "A reminder: call mum"


async def test_while_nobody_can_hear_of_it_one_that_repeats_does_not_pile_up(tmp_path: Path) -> None:
    is_down = False

    def reply(request: Request) -> Reply:
        return fails(503, retry_after="36000") if is_down else obeys(request)

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server, llm_retry_hours=24)) as bot:
            await asks(bot, when="2026-03-01T13:00", note="drink", repeat="0 * * * *")
            await asks(bot, when="2026-03-01T13:00", note="stretch", repeat="0 * * * *")
            is_down = True
            for hour in range(13, 19):
                bot.clock.moment = datetime(2026, 3, 1, hour, tzinfo=UTC)
                assert await bot.sweep() == []
            assert await bot.command("followups cancel 2") == "The follow-up 2 is cancelled."
            is_down = False
            await bot.say("Hi")
            await bot.app.lanes.idle()
            assert [text for _, text in bot.platform.sent[2:]] == ["You wanted: drink", "Hello."]
            bot.clock.moment = datetime(2026, 3, 1, 19, tzinfo=UTC)
            assert await bot.sweep() == ["You wanted: drink"]


async def test_a_server_that_does_not_force_calls_is_asked_without(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        return fails(400, "tool_choice is not supported") if "tool_choice" in request else obeys(request)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        assert await bot.sweep() == ["You wanted: call mum"]
        await asks(bot, when="2026-03-03T09:00", note="again")
        bot.clock.advance(days=1)
        assert await bot.sweep() == ["You wanted: again"]
    assert sum("tool_choice" in request for request in server.requests) == 1


async def test_with_a_model_that_only_writes_text_code_says_it(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await due(bot)
            clock = bot.clock
        before = len(server.requests)
        async with open_bot(tmp_path, clock=clock, **settings(server, llm_tier="text")) as bot:
            assert await bot.sweep() == ["A reminder: call mum"]
        assert len(server.requests) == before


async def test_a_delivery_that_fails_is_tried_again_and_shown(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        bot.platform.on_send.append(Fault(PlatformUnavailable("the line is cut", may_be_posted=False)))
        assert await bot.sweep() == []
        shown = await bot.command("followups")
        assert "call mum — on its way after 1 tries: the line is cut" in shown
        bot.clock.advance(minutes=1)
        async with asyncio.timeout(10):
            while "call mum — delivered" not in await bot.command("followups"):
                await asyncio.sleep(0)
        assert [text for _, text in bot.platform.sent][-1] == "You wanted: call mum"


async def test_a_delivery_that_is_refused_is_shown_as_such(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        bot.platform.on_send.append(Fault(DeliveryRefused("the channel is gone")))
        await bot.sweep()
        assert "call mum — not delivered: the channel is gone" in await bot.command("followups")


async def test_a_person_who_writes_meanwhile_is_answered_and_the_reminder_is_heard(tmp_path: Path) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()
    is_first = True

    async def reply(request: Request) -> Reply:
        nonlocal is_first
        if told(request)["type"] == "follow_up" and is_first:
            is_first = False
            asked.set()
            await gate.wait()
            return answer("Let me see.", ("list_follow_ups", {"request_heartbeat": True}))
        return (
            says("You wanted to call mum.")
            if request["messages"][-1]["role"] == "tool" and not is_first
            else obeys(request)
        )

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="call mum")
        bot.clock.advance(days=1)
        await bot.app.sweep()
        await asked.wait()
        writes = asyncio.create_task(bot.say("Hi"))
        await asyncio.sleep(0)
        gate.set()
        await writes
        await bot.app.lanes.idle()
        said = [text for _, text in bot.platform.sent]
    assert said[-2:] == ["You wanted to call mum.", "Hello."]


async def test_while_the_agent_is_paused_it_is_kept_for_later(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        await bot.command("pause")
        assert await bot.sweep() == []
        came_to = await asks(bot, when="2026-04-02T09:00", note="x")
        assert "Memory is paused" in came_to["message"]
        await bot.command("resume")
        assert await bot.sweep() == ["You wanted: call mum"]


async def test_one_that_is_about_to_be_looked_at_when_the_agent_is_paused_is_kept_too(tmp_path: Path) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        if told(request).get("message") == "wait":
            asked.set()
            await gate.wait()
        return obeys(request)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await asks(bot, when=NINE, note="stretch", repeat="0 9 * * *")
        await due(bot)
        busy = asyncio.create_task(bot.say("wait"))
        await asked.wait()
        pausing = asyncio.create_task(bot.command("pause"))
        await asyncio.sleep(0)
        while len(bot.app.lanes._lanes["console:dm:ada"].jobs) < 1:
            await asyncio.sleep(0)
        await bot.app.sweep()
        gate.set()
        await asyncio.gather(busy, pausing)
        await bot.app.lanes.idle()
        assert [text for _, text in bot.platform.sent][-1] == "Hello."
        await bot.command("resume")
        said = await bot.sweep()
        assert sorted(text.splitlines()[0] for text in said) == ["You wanted: call mum", "You wanted: stretch"]


async def test_in_a_channel_in_which_the_bot_is_off_it_is_kept_for_later(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.write(json.dumps({"tool": "schedule_follow_up", "when": NINE, "note": "the cake"}))
        await bot.choose_mode(Mode.OFF)
        bot.clock.advance(days=1)
        assert await bot.sweep() == []
        await bot.choose_mode(Mode.MENTION)
        bot.clock.advance(hours=2)
        (said,) = await bot.sweep()
        assert said.startswith("You wanted: the cake")


async def test_an_agent_that_nobody_writes_to_cannot_keep_itself_awake(tmp_path: Path) -> None:
    """It sets itself a follow-up whenever it is woken by one."""

    def reply(request: Request) -> Reply:
        event = told(request)
        if request["messages"][-1]["role"] == "tool":
            return answer(None, ("stay_silent", {"reason": "x"})) if event["type"] == "follow_up" else says("Yes.")
        at = datetime.fromisoformat(event["time"]) + timedelta(hours=1)
        call = {"when": at.isoformat(), "note": "again", "request_heartbeat": True}
        return answer(None, ("schedule_follow_up", call))

    more = {"heartbeat_idle_days": 1, "heartbeat_messages_per_day": 100}
    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server, **more)) as bot:
        await bot.say("Hello")
        for _ in range(40):
            bot.clock.advance(hours=1)
            await bot.sweep()
        assert "Nobody has written for long" in str(texts(server.requests[-1]["messages"], "tool"))
        calls = len(server.requests)
        assert 40 < calls < 80
        bot.clock.advance(days=400)
        assert await bot.app.sweep() is None
        assert len(server.requests) == calls


async def test_nothing_is_said_to_somebody_who_was_shut_out(tmp_path: Path) -> None:
    platform = RecordingPlatform("discord")
    async with ScriptedServer(obeys) as server:
        given = settings(server, bot_owners="discord:1")
        async with open_bot(tmp_path, platform=platform, **given) as bot:
            origin = direct("7", platform="discord")
            order = {"tool": "schedule_follow_up", "when": f"{NINE}+00:00", "note": "x"}
            await bot.write_at(origin, json.dumps(order))
            await bot.give(at_channel("1"), "admin deny discord:7")
            bot.clock.advance(days=1)
            assert await bot.sweep() == []


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
        name = answered.text.split("`")[1].removeprefix("/restore ")
        await bot.in_chat(f"restore {name}")
        assert [timer.note for timer in await waiting(bot)] == ["first"]


async def test_who_deletes_the_message_deletes_what_was_promised_in_it(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        order = {"tool": "schedule_follow_up", "when": NINE, "note": "the surprise party"}
        await bot.write(json.dumps(order), message_id="m1")
        await bot.app.changes.change("console", MessageChange(among_many("ada"), ("m1",), None))
        bot.clock.advance(days=1)
        assert await bot.sweep() == []


# ── killed, and twice at once ────────────────────────────────────────────────────────────────────────


async def test_two_sweeps_at_once_hand_it_over_once(tmp_path: Path) -> None:
    async with ScriptedServer(obeys) as server, open_bot(tmp_path, **settings(server)) as bot:
        await due(bot)
        await asyncio.gather(*(bot.app.sweep() for _ in range(5)))
        await bot.app.lanes.idle()
        await bot.app.outbox.settled(ADA.address)
        assert [text for _, text in bot.platform.sent].count("You wanted: call mum") == 1


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
