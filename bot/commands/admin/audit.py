"""/agent admin audit."""

import re

from bot.errors import CommandRefused
from bot.events import local_time
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.text import verbatim

SHOWN = 15


@command(may=For.OWNERS)
async def audit(context: CommandContext, before: str = "") -> str:
    """Show what moderators and owners have done, the newest first; with a number, what came before it."""
    if before and not re.fullmatch(r"\d{1,18}", before, re.ASCII):
        raise CommandRefused("It is `admin audit` alone, or with the number of an entry: then what came before it.")
    zone = await context.zone()
    acts = await context.parts.stores.audit.newest(SHOWN + 1, before=int(before) if before else None)
    if not acts:
        return "Nothing was done before that." if before else "Nothing was done yet."
    lines = [f"{act.id}  {local_time(act.at, zone)}  {act.who}  {act.what}  {act.scope}" for act in acts[:SHOWN]]
    more = f"\nWhat came before: `/agent admin audit {acts[SHOWN - 1].id}`" if len(acts) > SHOWN else ""
    return f"Who did what as a moderator or an owner, and about which memory:\n{verbatim(chr(10).join(lines))}{more}"
