"""Timed heartbeats: seldom, where people were lately, and not in their way; where they are off nothing happens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Aim
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, Clock, direct, open_bot, texts
from memory.people.channels import Mode
from memory.turns.timers import HEARTBEAT, Timer

ADA = direct("ada")
SILENT = answer(None, ("stay_silent", {"reason": "nothing new"}))


class Model:
    """Answers people, and heartbeats as it is told to."""

    def __init__(self, *to_heartbeats: Reply) -> None:
        self.to_heartbeats = list(to_heartbeats) or [SILENT]
        self.beats: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "user" and json.loads(last["content"])["type"] == "user_message":
            return says("Hello.")
        self.beats.append(request)
        return self.to_heartbeats.pop(0) if len(self.to_heartbeats) > 1 else self.to_heartbeats[0]


@asynccontextmanager
async def bot_with(tmp_path: Path, model: Model, clock: Clock | None = None, **more: Any) -> AsyncIterator[Bot]:
    async with ScriptedServer(model) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools"} | more
        async with open_bot(tmp_path, clock=clock, **given) as bot:
            yield bot


async def heart(bot: Bot) -> Timer | None:
    return await bot.app.stores.timers.find((await bot.agent()).id, HEARTBEAT)


async def live(bot: Bot, until: datetime) -> list[tuple[datetime, str]]:
    """Sweep whenever something is due, and at least every hour, until a moment; what was said, and when."""
    said = []
    while bot.clock.moment < until:
        words = await bot.sweep()
        said += [(bot.clock.moment, text) for text in words]
        due = await bot.app.sweep()
        step = timedelta(hours=1) if due is None else min(due - bot.clock.moment, timedelta(hours=1))
        bot.clock.moment = min(until, bot.clock.moment + max(step, timedelta(seconds=1)))
    return said


# ── off ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_off_is_off_for_ever(tmp_path: Path) -> None:
    model = Model()
    async with bot_with(tmp_path, model) as bot:
        await bot.say("Hello")
        assert await heart(bot) is None
        bot.clock.advance(days=400)
        assert await bot.app.sweep() is None
        assert model.beats == []


async def test_who_turns_it_off_is_left_alone(tmp_path: Path) -> None:
    model = Model(says("Hi!"))
    async with bot_with(tmp_path, model, heartbeat_interval_minutes=60) as bot:
        await bot.say("Hello")
        assert "never wake by myself" in await bot.command("heartbeat off")
        await bot.say("Hello again")
        bot.clock.advance(hours=5)
        assert await bot.sweep() == []
        assert model.beats == []


async def test_who_turns_it_off_hears_nothing_of_one_that_is_about_to_begin(tmp_path: Path) -> None:
    model = Model(says("Hello?"))
    async with bot_with(tmp_path, model) as bot:
        await bot.command("heartbeat every 60")
        bot.clock.advance(hours=2)
        bot.app.receiver._agenda.is_closing = True  # for now no turn begins
        await bot.sweep()
        await bot.command("heartbeat off")
        bot.app.receiver._agenda.is_closing = False
        bot.app.receiver.go_on("console:dm:ada")
        await bot.app.lanes.idle()
        assert (model.beats, bot.platform.sent) == ([], [])


async def test_what_an_earlier_setting_left_is_forgotten(tmp_path: Path) -> None:
    clock, model = Clock(), Model()
    async with bot_with(tmp_path, model, clock, heartbeat_interval_minutes=60) as bot:
        await bot.say("Hello")
    async with bot_with(tmp_path, model, clock) as bot:
        clock.advance(hours=2)
        assert await bot.app.sweep() is None
        assert await heart(bot) is None
        assert model.beats == []


# ── on ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_on_it_beats_a_while_after_people_were_there(tmp_path: Path) -> None:
    model = Model(SILENT, says("Did you sleep well?"))
    async with bot_with(tmp_path, model) as bot:
        await bot.say("Hello")
        told = await bot.command("heartbeat every 60")
        assert "about every 60 minutes" in told
        assert "may write to you unasked, 2 messages a day" in told
        bot.clock.advance(minutes=50)
        assert await bot.sweep() == []
        assert model.beats == []
        bot.clock.advance(minutes=30)
        assert await bot.sweep() == []
        (beat,) = model.beats
        event = json.loads(texts(beat["messages"], "user")[-1])
        assert (event["type"], event["message"].partition(".")[0]) == ("heartbeat", "Nobody has written for 1 hour")
        assert beat["tool_choice"] == "required"
        bot.clock.advance(minutes=80)
        assert await bot.sweep() == ["Did you sleep well?"]


async def test_text_alone_is_not_sent_and_nothing_is_asked_again(tmp_path: Path) -> None:
    model = Model(answer("I could write to Ada now."))
    async with bot_with(tmp_path, model) as bot:
        await bot.command("heartbeat every 60")
        bot.clock.advance(hours=2)
        assert await bot.sweep() == []
        assert len(model.beats) == 1
        assert bot.platform.notices == []


async def test_to_a_person_who_has_not_asked_for_it_nothing_is_written(tmp_path: Path) -> None:
    model = Model(says("Hi!"), SILENT)
    async with bot_with(tmp_path, model, heartbeat_interval_minutes=60) as bot:
        await bot.say("Hello")
        assert "do not write to you unasked" in await bot.command("heartbeat")
        bot.clock.advance(hours=2)
        assert await bot.sweep() == []
        assert "they have not asked" in texts(model.beats[0]["messages"], "user")[-1]
        refused = json.loads(texts(model.beats[1]["messages"], "tool")[-1])
        assert "have not asked to be written to" in refused["message"]
        assert len(model.beats) == 2


async def test_a_follow_up_is_no_way_round_what_may_be_written_unasked(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool":
            told.append(json.loads(last["content"]))
            return SILENT
        event = json.loads(last["content"])
        if event["type"] == "user_message":
            return says("Hello.")
        beats.append(event["type"])
        at = datetime.fromisoformat(event["time"]) + timedelta(minutes=20)
        nag = ("schedule_follow_up", {"when": at.isoformat(), "note": "nag", "request_heartbeat": True})
        return answer(None, ("send_message", {"message": event["type"]}), nag)

    told, beats = list[dict[str, str]](), list[str]()
    async with ScriptedServer(reply) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools", "heartbeat_interval_minutes": 60}
        async with open_bot(tmp_path, **given) as bot:
            await bot.say("Hello")
            bot.clock.advance(hours=2)
            assert await bot.sweep() == []
            assert "have not asked to be written to unasked" in told[-1]["message"]
            await bot.command("heartbeat every 60")  # now they have
            bot.clock.moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
            until = bot.clock.moment + timedelta(hours=12)
            assert [text for _, text in await live(bot, until)] == ["heartbeat", *["follow_up"] * 2]
            assert "enough follow-ups of your own accord" in told[-1]["message"]


async def test_in_a_channel_it_takes_a_moderator_and_is_nobodys_in_particular(tmp_path: Path) -> None:
    model = Model(says("Anybody here?"))
    async with bot_with(tmp_path, model, budget_tokens_per_user_day=1_000_000) as bot:
        await bot.write("Hello")
        await bot.command("heartbeat every 60", channel="general")
        bot.clock.advance(hours=2)
        assert await bot.sweep() == ["Anybody here?"]
        async with bot.app.stores.database.read() as connection:
            rows = await connection.exec_driver_sql("SELECT person, is_timed FROM usage ORDER BY id")
            assert [tuple(row) for row in rows] == [("console:ada", 0), (None, 1)]


@pytest.mark.parametrize("how", ["every 5", "every", "sometimes", "every 100000", "every 4000", "on and on"])
async def test_what_cannot_be_chosen_is_refused(tmp_path: Path, how: str) -> None:
    async with bot_with(tmp_path, Model()) as bot:
        told = await bot.command(f"heartbeat {how}")
    assert "I do not understand" in told or "It may be every 15 to" in told


# ── what stands against it ───────────────────────────────────────────────────────────────────────────


async def test_none_comes_in_quiet_hours_of_the_persons_own_clock(tmp_path: Path) -> None:
    model = Model(SILENT)
    clock = Clock(datetime(2026, 3, 27, 12, tzinfo=UTC))  # the night of the 29th is an hour shorter in Lisbon
    async with bot_with(tmp_path, model, clock) as bot:
        await bot.command("timezone Asia/Tokyo")
        await bot.command("heartbeat every 30")
        await live(bot, clock.moment + timedelta(days=2))
        tokyo = [json.loads(texts(beat["messages"], "user")[-1])["time"] for beat in model.beats]
        assert len(tokyo) > 30
        assert all("T08" <= time[10:13] < "T22" for time in tokyo)
        model.beats.clear()
        await bot.command("timezone Europe/Lisbon")
        await live(bot, clock.moment + timedelta(days=1))
        lisbon = [json.loads(texts(beat["messages"], "user")[-1])["time"] for beat in model.beats]
        assert lisbon
        assert all("T08" <= time[10:13] < "T22" for time in lisbon)


async def test_after_days_without_people_it_stops_and_with_them_it_begins_anew(tmp_path: Path) -> None:
    model = Model()
    async with bot_with(tmp_path, model, heartbeat_idle_days=1) as bot:
        await bot.say("Hello")
        await bot.command("heartbeat every 60")
        await live(bot, bot.clock.moment + timedelta(days=10))
        beats = len(model.beats)
        assert 8 <= beats <= 15
        assert await heart(bot) is None
        await bot.say("I am back")
        bot.clock.advance(hours=2)
        await bot.sweep()
        assert len(model.beats) == beats + 1


async def test_so_many_messages_a_day_and_no_more(tmp_path: Path) -> None:
    model = Model(says("Hi!"))
    async with bot_with(tmp_path, model, heartbeat_messages_per_day=2) as bot:
        await bot.say("Hello")
        await bot.command("heartbeat every 30")
        said = await live(bot, bot.clock.moment + timedelta(days=2))
        days = [moment.date().isoformat() for moment, _ in said]
        assert days == ["2026-03-01"] * 2 + ["2026-03-02"] * 2 + ["2026-03-03"] * 2
        assert len(model.beats) == 6  # on a day on which nothing may be said nothing is asked


async def test_nor_more_than_are_left_in_one_turn(tmp_path: Path) -> None:
    three = answer(None, *[("send_message", {"message": text}) for text in ("one", "two", "three")])
    model = Model(three, SILENT)
    async with bot_with(tmp_path, model) as bot:
        await bot.command("heartbeat every 60")
        bot.clock.advance(hours=2)
        assert await bot.sweep() == ["one", "two"]
        assert "enough unasked for one day" in texts(model.beats[1]["messages"], "tool")[-1]


async def test_while_somebody_is_talking_it_is_put_off(tmp_path: Path) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()

    class Slow(Model):
        async def wait(self, request: Request) -> Reply:
            if "Slowly" in request["messages"][-1]["content"]:
                asked.set()
                await gate.wait()
            return self(request)

    model = Slow()
    async with ScriptedServer(model.wait) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools"}
        async with open_bot(tmp_path, **given) as bot:
            await bot.command("heartbeat every 60")
            bot.clock.advance(hours=2)
            talking = asyncio.create_task(bot.say("Slowly"))
            await asked.wait()
            due = await bot.app.sweep()
            assert due is not None
            assert due > bot.clock.moment + timedelta(minutes=55)
            gate.set()
            await talking
            await bot.app.lanes.idle()
            assert model.beats == []


async def test_where_people_talk_with_each_other_it_does_not_come_between(tmp_path: Path) -> None:
    model = Model(says("By the way!"))
    async with bot_with(tmp_path, model) as bot:
        await bot.choose_mode(Mode.LISTEN)
        await bot.write("The sun shines.", channel="other", aim=Aim.AT_ALL)
        await bot.command("heartbeat every 60", channel="general")
        bot.clock.advance(minutes=50)
        await bot.write("The bus comes at nine.", person="bob", aim=Aim.AT_ALL)
        bot.clock.advance(minutes=50)
        assert await bot.sweep() == []
        bot.clock.advance(minutes=30)
        assert await bot.sweep() == ["By the way!"]
        bot.clock.advance(days=1)
        assert await bot.app.stores.timers.find((await bot.agent(channel="other")).id, HEARTBEAT) is None


async def test_the_agent_rests_for_a_while_whoever_writes_meanwhile(tmp_path: Path) -> None:
    rests = answer(None, ("pause_heartbeats", {"minutes": 360, "request_heartbeat": True}))
    model = Model(rests, SILENT)
    async with bot_with(tmp_path, model) as bot:
        await bot.command("heartbeat every 30")
        bot.clock.advance(hours=1)
        await bot.sweep()
        assert len(model.beats) == 2
        assert json.loads(texts(model.beats[1]["messages"], "tool")[-1])["status"] == "ok"
        rested_at = bot.clock.moment
        await bot.say("Hello")
        await live(bot, rested_at + timedelta(hours=5, minutes=50))
        assert len(model.beats) == 2
        await live(bot, rested_at + timedelta(hours=6, minutes=20))
        assert len(model.beats) == 3


@pytest.mark.parametrize("minutes", [0, -5, 361, 10**9])
async def test_it_rests_no_longer_than_may_be(tmp_path: Path, minutes: int) -> None:
    model = Model(answer(None, ("pause_heartbeats", {"minutes": minutes})), SILENT)
    async with bot_with(tmp_path, model) as bot:
        await bot.command("heartbeat every 60")
        bot.clock.advance(hours=2)
        await bot.sweep()
        assert "1 to 360" in texts(model.beats[1]["messages"], "tool")[-1]


async def test_where_its_part_of_the_budget_is_spent_nothing_is_asked_before_tomorrow(tmp_path: Path) -> None:
    model = Model(SILENT)
    given = {"budget_tokens_per_user_day": 40_000, "budget_heartbeat_fraction": 0.15}
    async with bot_with(tmp_path, model, **given) as bot:
        await bot.command("heartbeat every 30")
        await live(bot, bot.clock.moment + timedelta(hours=9))
        today = len(model.beats)
        assert 1 <= today <= 3  # each takes more than 2,000 tokens of the 6,000
        assert bot.platform.notices == []
        assert "Put aside" not in await bot.command("status")
        await live(bot, bot.clock.moment + timedelta(hours=12))
        assert len(model.beats) > today
        assert await bot.say("Hello") == ["Hello."]  # people have the rest


@pytest.mark.parametrize("reply", [fails(503, retry_after_ms="1"), fails(400, "no"), answer(None, ("nonsense", {}))])
async def test_what_goes_wrong_is_told_to_nobody_and_not_tried_again(tmp_path: Path, reply: Reply) -> None:
    model = Model(reply)
    async with bot_with(tmp_path, model) as bot:
        await bot.command("heartbeat every 60")
        bot.clock.advance(hours=2)
        assert await bot.sweep() == []
        assert bot.platform.notices == []
        assert "Put aside" not in await bot.command("status")
        async with bot.app.stores.database.read() as connection:
            states = list((await connection.exec_driver_sql("SELECT state FROM turns")).scalars())
        assert states == ["done"]


async def test_a_paused_agent_sleeps(tmp_path: Path) -> None:
    model = Model()
    async with bot_with(tmp_path, model) as bot:
        await bot.command("heartbeat every 60")
        await bot.command("pause")
        bot.clock.advance(hours=2)
        await bot.sweep()
        assert model.beats == []


async def test_a_model_that_only_writes_text_has_no_heartbeats(tmp_path: Path) -> None:
    async with bot_with(tmp_path, Model(), llm_tier="text", heartbeat_interval_minutes=60) as bot:
        await bot.say("Hello")
        assert "only writes answers" in await bot.command("heartbeat on")
        bot.clock.advance(hours=2)
        await bot.sweep()
        assert not any(queued.message.kind == "heartbeat" for queued in (await bot.agent()).queue)


# ── missed, and spread ───────────────────────────────────────────────────────────────────────────────


async def test_three_days_down_one_comes_for_all_that_were_missed(tmp_path: Path) -> None:
    clock, model = Clock(), Model()
    async with bot_with(tmp_path, model, clock, heartbeat_idle_days=9) as bot:
        await bot.command("heartbeat every 60")
    clock.advance(days=3)
    async with bot_with(tmp_path, model, clock, heartbeat_idle_days=9) as bot:
        await bot.sweep()
        await bot.sweep()
        assert len(model.beats) == 1


@pytest.mark.parametrize("is_begun", [False, True])
async def test_one_that_a_stop_kept_from_its_end_does_not_come_in_the_night(tmp_path: Path, is_begun: bool) -> None:
    bots = list[Bot]()

    class Stopped(Model):
        def __call__(self, request: Request) -> Reply:
            if self.beats:
                bots[-1].app.receiver._agenda.is_closing = True  # as at SIGTERM
            return super().__call__(request)

    looks = answer(None, ("list_follow_ups", {"request_heartbeat": True}))
    model, clock = Stopped(looks, looks, says("Awake?")), Clock()
    async with bot_with(tmp_path, model, clock) as bot:
        bots.append(bot)
        await bot.command("heartbeat every 60")
        bot.app.receiver._agenda.is_closing = not is_begun
        clock.advance(hours=2)
        await bot.sweep()
    assert len(model.beats) == (2 if is_begun else 0)
    clock.moment = datetime(2026, 3, 2, 3, tzinfo=UTC)
    begun = len(model.beats)
    async with bot_with(tmp_path, model, clock) as bot:
        await bot.app.lanes.idle()
        assert (await bot.sweep(), bot.platform.sent) == ([], [])
        assert len(model.beats) == begun
        clock.moment = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        await bot.sweep()
        assert len(model.beats) > begun


async def test_agents_that_were_busy_together_do_not_all_wake_together(tmp_path: Path) -> None:
    async with bot_with(tmp_path, Model(), heartbeat_interval_minutes=100) as bot:
        for number in range(20):
            await bot.say("Hello", person=f"p{number}")
        async with bot.app.stores.database.read() as connection:
            due = sorted((await connection.exec_driver_sql("SELECT due_at - set_at FROM timers")).scalars())
    assert len(due) == 20
    assert due[0] >= 100 * 60 * 10**6
    assert due[-1] <= 120 * 60 * 10**6
    assert len(set(due)) == 20
    assert due[-1] - due[0] > 60 * 10**6


async def test_a_person_who_writes_during_one_goes_first_and_it_is_not_gone_on_with(tmp_path: Path) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()
    thinks = answer("Hm.", ("archival_memory_search", {"query": "x", "request_heartbeat": True}))

    async def reply(request: Request) -> Reply:
        if json.loads(texts(request["messages"], "user")[-1])["type"] == "heartbeat":
            asked.set()
            await gate.wait()
            return thinks
        return says("Hello.")

    async with ScriptedServer(reply) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools"}
        async with open_bot(tmp_path, **given) as bot:
            await bot.command("heartbeat every 60")
            bot.clock.advance(hours=2)
            await bot.app.sweep()
            await asked.wait()
            assert bot.platform.at_work == {}  # nobody is shown that something may come
            writes = asyncio.create_task(bot.say("Hi"))
            await asyncio.sleep(0)
            gate.set()
            assert await writes == ["Hello."]
            assert len(server.requests) == 2
