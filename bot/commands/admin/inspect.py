"""/agent admin inspect."""

from bot.agent import Agent
from bot.agent_text import told_beyond, told_blocks, told_pause, told_window
from bot.command import CommandContext
from bot.events import local_time
from bot.permissions import For
from bot.registry import command
from bot.usage_text import told_usage


@command(may=For.MODERATORS)
async def inspect(context: CommandContext) -> str:
    """Show all that I am in this channel: mode, memory, window, usage."""
    parts, zone = context.parts, await context.zone()
    channel = await parts.channels.find(context.scope)
    by = f", chosen by {channel.changed_by} at {local_time(channel.changed_at, zone)}" if channel.changed_at else ""
    lines = [f"- Channel: {context.scope}", f"- Mode: {channel.mode}{by}"]
    if await parts.agents.id_of(context.scope) is None:
        return "\n".join([*lines, "- Nobody has talked to me here yet."])

    async def show(agent: Agent) -> list[str]:
        today, in_all = await parts.usage.sum(agent.id, parts.budgets.midnight()), await parts.usage.sum(agent.id)
        lines.extend(f"- {told}" for told in told_pause(agent, zone))
        lines.append(f"- Used today: {told_usage(today)}")
        lines.append(f"- Used in all: {told_usage(in_all)}")
        window = told_window(agent, parts.shelves, parts.queue_manager)
        return [*told_blocks(agent.core, parts.shelves), window, await told_beyond(agent, parts.shelves)]

    shown = await context.in_lane(show)
    return "\n\n".join(["\n".join(lines), *shown])
