"""An agent that is asked for follow-ups, and does as it is told: what their tests share."""

import json
from typing import Any

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, direct, texts
from memory.turns.timers import WAITING, Timer

ADA = direct("ada")
NINE = "2026-03-02T09:00"


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_tier": "tools"} | more


def told(request: Request) -> dict[str, Any]:
    """The newest envelope in a request."""
    found: dict[str, Any] = json.loads(texts(request["messages"], "user")[-1])
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
    found = await bot.app.stores.timers.follow_ups((await bot.agent()).id)
    return [timer for timer in found if timer.state == WAITING]


async def due(bot: Bot, **more: Any) -> None:
    await asks(bot, when=NINE, note="call mum", **more)
    bot.clock.advance(hours=21, seconds=10)
