"""A follow-up on Discord: promised where it was asked for, by the clock of whoever asked, and heard there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.ports.commands import CommandCall
from adapters.ports.messages import Address, Origin, Person
from adapters.testing import Reply, Request, answer, says
from tests.platforms.discord.served import Served, serving
from tests.platforms.discord.things import Channel
from tests.platforms.discord.world import World


def promises(request: Request) -> Reply:
    """A model that reminds people of things, at nine on the next day, and asks for their zone if it must."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        came_to = json.loads(last["content"])
        failed = came_to["status"] == "error"
        return says("In which city do you live?" if failed else f"I will remind you at {came_to['due']}.")
    event = json.loads(last["content"])
    if event["type"] == "follow_up":
        return says(f"Do not forget: {event['message']}")
    at = (datetime.fromisoformat(event["time"]) + timedelta(days=1)).strftime("%Y-%m-%dT09:00")
    zone = f"[{event['message']}]" if "/" in event["message"] else ""
    call: dict[str, Any] = {"when": f"{at}{zone}", "note": "call mum", "request_heartbeat": True}
    return answer(None, ("schedule_follow_up", call))


async def days_pass(world: World, served: Served, to: datetime) -> None:
    world.clock.advance((to - world.clock.now()).total_seconds())
    await served.app.sweep()


async def asks(world: World, place: Channel, text: str, **more: Any) -> str:
    asked = await world.says(world.ada, place, text, **more)
    return (await world.hears(place, after=asked)).content


async def test_remind_me_tomorrow_at_nine(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, promises) as served:
        place = world.dm(world.ada)
        assert (await asks(world, place, "remind me tomorrow at nine to call mum")).startswith("In which city")
        promised = await asks(world, place, "Asia/Tokyo")
        assert "T09:00:00+09:00" in promised
        at = datetime.fromisoformat(promised.partition(" at ")[2].partition(".")[0]).astimezone(UTC)
        last = max(place.messages.values(), key=lambda message: message.id)
        await days_pass(world, served, at + timedelta(seconds=1))
        heard = await world.hears(place, after=last)
        assert heard.content == "Do not forget: call mum"
        again = await asks(world, place, "remind me tomorrow at nine to call mum")
        assert "+09:00" in again  # it is asked once


async def test_in_a_channel_it_comes_to_the_channel_and_is_shown_to_who_asked_alone(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path, promises) as served:
        origin = _in_general(world)
        await served.app.commands.run(CommandCall(origin, "timezone Europe/Lisbon"))
        promised = await asks(world, world.general, "remind me of it", mentions=[world.bot])
        assert "T09:00:00" in promised
        shown = await served.app.commands.run(CommandCall(origin, "followups"))
        assert "call mum" in shown.text
        last = max(world.general.messages.values(), key=lambda message: message.id)
        await days_pass(world, served, world.clock.now() + timedelta(days=2))
        heard = await world.hears(world.general, after=last)
    assert heard.content.startswith("Do not forget: call mum")
    assert "comes late" in heard.content


def _in_general(world: World) -> Origin:
    place = Address("discord", str(world.general.id))
    return Origin(place, Person(str(world.ada.id), "Ada"), is_direct=False, space=str(world.guild.id))
