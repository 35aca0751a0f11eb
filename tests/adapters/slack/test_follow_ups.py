"""A follow-up on Slack, which tells in which time zone somebody lives: nobody has to ask."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.ports.commands import CommandCall
from adapters.ports.messages import Address, Origin, Person
from adapters.testing import Reply, Request, answer, says
from tests.platforms.slack.served import serving
from tests.platforms.slack.world import World


def promises(request: Request) -> Reply:
    last = request["messages"][-1]
    if last["role"] == "tool":
        came_to = json.loads(last["content"])
        return says(f"Noted: {came_to.get('due') or came_to['message']}")
    event = json.loads(last["content"])
    if event["type"] == "follow_up":
        return says(f"Do not forget: {event['message']}")
    at = (datetime.fromisoformat(event["time"]) + timedelta(days=1)).strftime("%Y-%m-%dT09:00")
    return answer(None, ("schedule_follow_up", {"when": at, "note": "call mum", "request_heartbeat": True}))


async def test_remind_me_tomorrow_at_nine(world: World, tmp_path: Path) -> None:
    kim = world.person("Kim")
    kim.timezone = "Asia/Tokyo"
    async with serving(world, tmp_path, promises) as served:
        place = world.dm(kim)
        asked = await world.says(kim, place, "remind me tomorrow at nine to call mum")
        promised = await world.hears(place, after=asked)
        assert "T09:00:00+09:00" in promised.text
        at = datetime.fromisoformat(promised.text.partition("\n")[0].partition(": ")[2]).astimezone(UTC)
        world.clock.advance((at - world.clock.now()).total_seconds() + 1)
        await served.app.sweep()
        heard = await world.hears(place, after=promised)
    assert heard.text.startswith("Do not forget: call mum")
    assert heard.thread_ts == promised.thread_ts


async def test_what_somebody_sets_themselves_comes_before_what_slack_tells(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, promises) as served:
        place, me = world.dm(world.ada), served.app
        origin = Origin(
            Address("slack", place.id), Person(world.ada.id, "Ada"), is_direct=True, space=world.state.workspace.id
        )
        await me.commands.run(CommandCall(origin, "timezone America/New_York"))
        asked = await world.says(world.ada, place, "remind me")
        promised = await world.hears(place, after=asked)
    assert promised.text.partition("\n")[0].endswith(("-05:00", "-04:00"))
