"""/agent admin allow."""

from bot.command import CommandContext
from bot.permissions import For
from bot.person_named import direct_scope_named, person_named
from bot.registry import command
from memory.people import Admitted


@command(may=For.OWNERS, concerns=direct_scope_named)
async def allow(context: CommandContext, person: str) -> str:
    """Let somebody in: by the code that I gave them, or by their id."""
    named = await person_named(context, person)
    if await context.parts.admission.decide(named, Admitted.ALLOWED, by=context.author, at=context.given_at):
        return f"{named} may use me now."
    return f"{named} was let in before."
