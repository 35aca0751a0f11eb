"""Coming back to something at a time."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from bot.errors import ToolFailed
from bot.events import local_time
from bot.registry import tool
from bot.text import one_line
from bot.turns.tool_context import ToolContext
from memory.turns.timers import WAITING, Timer

MAX_SHOWN_CHARS = 200


@tool
async def schedule_follow_up(
    context: ToolContext, when: str, note: str, repeat: str | None = None
) -> Mapping[str, Any]:
    """Be woken at a time, to remind them or look after something.

    Args:
        when: Local ISO 8601 time; of a span, as "in an hour", with its UTC offset.
        note: What about.
        repeat: Cron expression, to come again.
    """
    if context.allowance is not None and not context.is_allowed_to_be_heard:
        raise ToolFailed(f"{context.allowance.why} A follow-up would be heard unasked as well.")
    planned = await context.follow_ups.plan(
        context.origin,
        context.event,
        context.now,
        agent=context.agent,
        when=when,
        note=note,
        repeat=repeat,
        drafted=context.draft.follow_ups,
        cancelled=context.draft.cancelled,
    )
    context.follow_up(planned)
    return planned.told


@tool
async def list_follow_ups(context: ToolContext) -> Mapping[str, Any]:
    """List what you are to be woken for."""
    return {"follow_ups": [_shown(timer, context) for timer in await _waiting(context)]}


@tool
async def cancel_follow_up(context: ToolContext, follow_up_id: int) -> None:
    """Cancel a follow-up.

    Args:
        follow_up_id: Its id.
    """
    waiting = {timer.id: timer for timer in await _waiting(context)}
    if follow_up_id not in waiting:
        there = "; ".join(f"{id_} ({one_line(timer.note, 60)})" for id_, timer in waiting.items()) or "none"
        raise ToolFailed(f"No follow-up {follow_up_id} waits. There are: {there}.")
    if not context.agent.is_direct and waiting[follow_up_id].person != context.for_:
        raise ToolFailed("That is somebody else's, and only their own message may cancel it.")
    context.cancel_follow_up(follow_up_id)


async def _waiting(context: ToolContext) -> list[Timer]:
    found = await context.follow_ups.timers.follow_ups(context.agent.id)
    return [timer for timer in found if timer.state == WAITING and timer.id not in context.draft.cancelled]


def _shown(timer: Timer, context: ToolContext) -> dict[str, Any]:
    zone = ZoneInfo(timer.zone) if timer.zone is not None else context.agent.zone
    shown = {"id": timer.id, "due": local_time(timer.due_at, zone), "note": one_line(timer.note, MAX_SHOWN_CHARS)}
    return shown | ({"repeat": timer.repeat} if timer.repeat is not None else {})
