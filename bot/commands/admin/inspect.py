"""/agent admin inspect."""

from dataclasses import replace

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.events import local_time
from bot.metering.usage_text import told_usage
from bot.origins import directly
from bot.registry import command
from bot.scopes import direct_scope
from bot.slash.agent_text import told_beyond, told_blocks, told_pause, told_window
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.slash.person_named import direct_scope_named, person_named

TOLD = (
    "An owner of this bot ({who}) has had a look at what I keep in mind of our direct messages. Whoever runs me allows "
    "that to owners; each such look is written down, and `/agent status` tells you of it."
)


@command(may=For.INSPECTORS, concerns=direct_scope_named)
async def inspect(context: CommandContext, person: str = "") -> str:
    """Show all that I am in this channel; for owners who may, in somebody's direct messages."""
    if person:
        return await _break_glass(context, await person_named(context, person))
    channel = await context.parts.stores.channels.find(context.scope)
    by = (
        f", chosen by {channel.changed_by} at {local_time(channel.changed_at, await context.zone())}"
        if channel.changed_at
        else ""
    )
    return await _shown(context, [f"- Channel: {context.scope}", f"- Mode: {channel.mode}{by}"])


async def _break_glass(context: CommandContext, person: str) -> str:
    """Show somebody else's; nothing of it before it is certain that they will be told."""
    theirs = replace(context, scope=direct_scope(person))
    if await context.parts.agents.id_of(theirs.scope) is None:
        raise CommandRefused(f"{person} has not talked to me in direct messages.")
    await context.parts.notices.tell(directly(person), TOLD.format(who=context.author))
    return await _shown(theirs, [f"- Direct messages: {theirs.scope}", "- They are told that you had a look."])


async def _shown(context: CommandContext, lines: list[str]) -> str:
    """The agent of a scope, below some lines about that."""
    parts, zone = context.parts, await context.zone()
    if await parts.agents.id_of(context.scope) is None:
        return "\n".join([*lines, "- Nobody has talked to me here yet."])

    async def show(agent: Agent) -> list[str]:
        today, in_all = (
            await parts.stores.usage.sum(agent.id, parts.budgets.midnight()),
            await parts.stores.usage.sum(agent.id),
        )
        about = [*told_pause(agent, zone), f"Used today: {told_usage(today)}", f"Used in all: {told_usage(in_all)}"]
        window = told_window(agent, parts.minds.of(agent))
        memory = [*told_blocks(agent.core, parts.shelves), window, await told_beyond(agent, parts.shelves)]
        return ["\n".join([*lines, *(f"- {told}" for told in about)]), *memory]

    return "\n\n".join(await context.in_lane(show))
