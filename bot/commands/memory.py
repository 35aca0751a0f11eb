"""/agent memory."""

from bot.agent import Agent
from bot.command import CommandContext
from bot.registry import command
from bot.text import verbatim


@command
async def memory(context: CommandContext) -> str:
    """Show what I keep in mind."""
    found: list[Agent] = []

    async def find() -> None:
        found.append(await context.agents.get(context.scope))

    await context.in_lane(find)
    (agent,) = found
    counter = context.shelves.counter
    parts = []
    for block in agent.core:
        size = f"({counter.count(block.value)} of {block.limit} tokens)"
        parts.append(f"**{block.label}** {size}\n{verbatim(block.value or '(empty)')}")
    messages = await context.shelves.recall.count(agent.id)
    notes = await context.shelves.archival.count(agent.id)
    parts.append(f"Beyond that I can search {messages} messages and {notes} notes.")
    return "\n\n".join(parts)
