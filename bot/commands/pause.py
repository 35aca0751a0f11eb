"""/agent pause."""

from bot.agent import Agent
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For


@command(may=For.OWN_OR_MODERATED)
async def pause(context: CommandContext) -> str:
    """Let me answer without keeping anything of what is said, until you resume."""

    async def change(agent: Agent) -> bool:
        if agent.paused_at is None:
            timers = context.parts.stores.timers
            await context.parts.agents.pause(agent, context.now, lambda it: timers.give_back(it, agent.id))
        return agent.paused_at is None

    if not await context.in_lane(change):
        return "Memory is paused already. `/agent resume` ends it."
    return (
        "Memory is paused. I go on answering and know what I knew, but from now on I keep nothing of what is said, and "
        "wake at no time of my own. `/agent resume` ends it; then I forget what was said meanwhile."
    )
