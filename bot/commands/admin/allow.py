"""/agent admin allow."""

from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.slash.person_named import concerned, whom_named
from memory.people.known import Admitted


@command(may=For.OWNERS, concerns=concerned)
async def allow(context: CommandContext, person: str) -> str:
    """Let somebody in, by the code that I gave them or their id; or all of a channel, a role, a server."""
    named = await whom_named(context, person)
    if await context.parts.admission.decide(named, Admitted.ALLOWED, by=context.author, at=context.given_at):
        return f"{named} may use me now."
    return f"{named} was let in before."
