"""/agent resume."""

from bot.agent import Agent
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For


@command(may=For.OWN_OR_MODERATED)
async def resume(context: CommandContext) -> str:
    """End a pause: I keep again what is said."""

    async def change(agent: Agent) -> bool:
        if agent.paused_at is not None:
            await context.parts.agents.pause(agent, None)
        return agent.paused_at is not None

    if not await context.in_lane(change):
        return "Memory is not paused."
    context.parts.expect(context.now)  # what was to be heard meanwhile is heard now
    return "I keep again what is said. What was said during the pause is forgotten."
