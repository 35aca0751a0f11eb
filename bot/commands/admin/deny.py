"""/agent admin deny."""

from bot.errors import CommandRefused
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.slash.person_named import concerned, whom_named
from memory.people.known import Admitted


@command(may=For.OWNERS, concerns=concerned)
async def deny(context: CommandContext, person: str) -> str:
    """Shut somebody out, by the code that I gave them or their id; or all of a channel, a role, a server."""
    named = await whom_named(context, person)
    if context.parts.admission.is_owner(named):
        raise CommandRefused("Owners can always use me: take them out of BOT_OWNERS first.")
    if await context.parts.admission.decide(named, Admitted.DENIED, by=context.author, at=context.given_at):
        return f"{named} is shut out: I neither read nor answer what they write. What I know of them stays."
    return f"{named} was shut out before."
