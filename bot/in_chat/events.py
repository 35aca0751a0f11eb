"""/heartbeat, /memorywarning and /reflect: events that otherwise come by themselves."""

from adapters.ports.commands import CommandReply
from bot.context.queue_manager import PRESSURE_ALERT
from bot.events import heartbeat as heartbeat_event
from bot.events import reflection, system_alert
from bot.registry import command
from bot.slash.command import CommandContext
from bot.timed.reflection_scene import ON_REQUEST


@command
async def heartbeat(context: CommandContext) -> CommandReply:
    """Wake me as a timed heartbeat would."""
    event = heartbeat_event("A heartbeat, set off by hand.", context.now)
    return CommandReply(turn=await context.parts.wake(context.origin, event))


@command
async def memorywarning(context: CommandContext) -> CommandReply:
    """Tell me that my window is nearly full."""
    return CommandReply(turn=await context.parts.wake(context.origin, system_alert(PRESSURE_ALERT, context.now)))


@command
async def reflect(context: CommandContext) -> CommandReply:
    """Let me tidy my memory now; `/memory changes` shows what came of it."""
    told = "I look through my memory. `/memory changes` shows what comes of it."
    return CommandReply(told, turn=await context.parts.wake(context.origin, reflection(ON_REQUEST, context.now)))
