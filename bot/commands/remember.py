"""/agent remember."""

from bot.command import CommandContext
from bot.errors import CommandRefused
from bot.registry import command
from memory.ports import CoreMemoryFault


@command
async def remember(context: CommandContext, text: str) -> str:
    """Write something to my core memory, word for word."""

    async def write() -> None:
        agent = await context.agents.get(context.scope)
        label = "human" if agent.is_direct else "channel"
        edited = agent.core.append(label, " ".join(text.split()), context.shelves.counter)
        author = f"{context.origin.address.platform}:{context.origin.person.id}"
        await context.agents.edit_core(agent, label, edited, author=author, reason="/agent remember")

    try:
        await context.in_lane(write)
    except CoreMemoryFault:
        raise CommandRefused("My core memory has no room for that. Let me tidy it first, or make it shorter.") from None
    return "I will remember that."
