"""A month of a thousand agents, ten of whom somebody talks with: the clock runs, and every call is counted."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, Clock, open_bot

AGENTS, ACTIVE, DAYS = 1000, 10, 30
BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)
SILENT = answer(None, ("stay_silent", {"reason": "nothing new"}))

# Their hearts beat when the month begins; people were last there two months before.
SLEEPERS = (
    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})",
    "INSERT INTO agents (id, scope, created_at, summary) {n} "
    "SELECT n, 'console:dm:sleeper' || n, {long_ago}, '' FROM n",
    "INSERT INTO timers (agent_id, kind, state, due_at, set_at, platform, person, origin, note) "
    "SELECT id, 'heartbeat', 'waiting', {begin} + id * 60000000, {long_ago}, 'console', 'console:sleeper' || id, "
    """'{{"address": {{"platform": "console", "channel": "x", "thread": null}}, """
    """"person": {{"id": "x", "name": "X"}}, "is_direct": true, "space": null}}', '' FROM agents""",
)


async def put_to_sleep(bot: Bot) -> None:
    begin = int(BEGIN.timestamp()) * 10**6
    given = {"count": AGENTS - ACTIVE, "begin": begin, "long_ago": begin - 60 * 86_400 * 10**6}
    numbers = SLEEPERS[0].format(**given)
    async with bot.app.stores.database.write(alone=True) as transaction:
        for statement in SLEEPERS[1:]:
            await transaction.exec_driver_sql(statement.format(n=numbers, **given))


async def test_the_idle_cost_nothing_and_the_active_what_their_caps_allow(tmp_path: Path) -> None:
    asked, beats = Counter[str](), list[datetime]()

    def reply(request: Request) -> Reply:
        event = json.loads([it for it in request["messages"] if it["role"] == "user"][-1]["content"])
        asked[event["type"]] += 1
        if event["type"] == "user_message":
            return says("Hello.")
        beats.append(datetime.fromisoformat(event["time"]))
        return says("How are you?") if len(beats) % 2 else SILENT

    clock = Clock(BEGIN)
    async with ScriptedServer(reply) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools", "llm_context_window": 200_000}
        async with open_bot(tmp_path, clock=clock, heartbeat_interval_minutes=360, **given) as bot:
            await put_to_sleep(bot)
            people = [f"active{number}" for number in range(ACTIVE)]
            for person in people:
                await bot.command("heartbeat every 360", person=person)
            for day in range(DAYS):
                clock.moment = max(clock.moment, BEGIN + timedelta(days=day))
                for person in people if day < 20 else ():  # for the last ten days nobody is there
                    await bot.say("Hello", person=person)
                while (due := await bot.app.sweep()) is not None and due < BEGIN + timedelta(days=day + 1):
                    await bot.app.lanes.idle()
                    clock.moment = max(clock.moment, due)
                await bot.app.lanes.idle()
            async with bot.app.stores.database.read() as connection:
                rows = await connection.exec_driver_sql(
                    "SELECT scope, count(*), sum(is_timed) FROM usage JOIN agents ON agents.id = agent_id "
                    "GROUP BY scope"
                )
                calls = {row[0]: (row[1], row[2]) for row in rows}
                woken = (await connection.exec_driver_sql("SELECT count(*) FROM inbox WHERE is_timed")).scalar()
                left = (await connection.exec_driver_sql("SELECT count(*) FROM timers")).scalar()
                spoken = await connection.exec_driver_sql(
                    "SELECT max(n) FROM (SELECT count(*) n FROM outbox JOIN turns ON turns.id = turn_id WHERE is_timed "
                    "GROUP BY outbox.agent_id, created_at / 86400000000)"
                )
                most_spoken = spoken.scalar()
    assert set(calls) == {f"console:dm:{person}" for person in people}  # nothing was spent for anybody else
    assert asked["user_message"] == 20 * ACTIVE
    assert asked["heartbeat"] == woken == sum(timed for _, timed in calls.values())
    assert sum(asked.values()) == len(server.requests) == sum(total for total, _ in calls.values())
    assert 20 * ACTIVE < woken <= 23 * ACTIVE * 3  # at most three fit between eight and ten at night
    assert all(8 <= beat.hour < 22 for beat in beats)
    assert max(beats) < BEGIN + timedelta(days=23)
    assert most_spoken <= 2
    assert left == 0  # whoever sleeps has none any more
