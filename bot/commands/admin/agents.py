"""/agent admin agents."""

import re

from bot.errors import CommandRefused
from bot.events import local_time
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.text import counted, verbatim

SHOWN = 20


@command(may=For.OWNERS)
async def agents(context: CommandContext, page: str = "1") -> str:
    """List my agents: whose they are, how much they keep, when they were last active."""
    if not re.fullmatch(r"[1-9]\d{0,8}", page, re.ASCII):
        raise CommandRefused("It is `admin agents` alone, or with the number of a page.")
    overview, zone = context.parts.stores.overview, await context.zone()
    in_all, direct = await overview.count()
    pages = max(1, -(-in_all // SHOWN))
    if int(page) > pages:
        raise CommandRefused(f"There is no page {page}: the last is {pages}.")
    lines = []
    for agent in await overview.page(int(page), SHOWN):
        last = f"last active {local_time(agent.last_active, zone)}" if agent.last_active else "nothing said"
        paused = ", paused" if agent.paused_at else ""
        lines.append(
            f"{agent.scope}  {counted(agent.messages, 'message')}, {counted(agent.notes, 'note')}, {last}{paused}"
        )
    told = f"{counted(in_all, 'agent')}: {direct} of direct messages, {in_all - direct} of channels."
    if not lines:
        return told
    more = f"\nPage {page} of {pages}. The next: `/agent admin agents {int(page) + 1}`" if int(page) < pages else ""
    return f"{told}\n{verbatim(chr(10).join(lines))}{more}"
