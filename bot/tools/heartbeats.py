"""Resting from timed heartbeats."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.errors import ToolFailed
from bot.events import local_time
from bot.registry import tool
from bot.timed.heartbeats import MOST_PAUSED
from bot.turns.tool_context import ToolContext


@tool
async def pause_heartbeats(context: ToolContext, minutes: int) -> Mapping[str, Any]:
    """Have no timed heartbeats for a while.

    Args:
        minutes: At most 360.
    """
    if not timedelta() < timedelta(minutes=min(minutes, 10**6)) <= MOST_PAUSED:
        raise ToolFailed("Give 1 to 360 minutes.")
    until = context.now + timedelta(minutes=minutes)
    context.rest_until(until)
    return {"until": local_time(until, context.agent.zone)}
