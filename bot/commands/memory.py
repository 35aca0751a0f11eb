"""/agent memory."""

from bot.agent import Agent
from bot.command import CommandContext
from bot.registry import command


@command
async def memory(context: CommandContext) -> str:
    """Show what I keep in mind."""
    found: list[Agent] = []

    async def find() -> None:
        found.append(await context.agents.get(context.scope))

    await context.in_lane(find)
    (agent,) = found
    counter = context.shelves.counter
    parts = [
        f"**{block.label}** ({counter.count(block.value)} of {block.limit} tokens)\n\n{block.value or '(empty)'}"
        for block in agent.core
    ]
    messages = await context.shelves.recall.count(agent.id)
    notes = await context.shelves.archival.count(agent.id)
    parts.append(f"Beyond that I can search {messages} messages and {notes} notes.")
    return "\n\n".join(parts)
