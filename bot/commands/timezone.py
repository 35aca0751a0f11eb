"""/agent timezone."""

import asyncio
from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

from bot.errors import CommandRefused
from bot.registry import command
from bot.scopes import direct_scope
from bot.slash.command import CommandContext
from bot.text import counted, one_line

SUGGESTED = 3


@cache
def names_of_zones() -> frozenset[str]:
    """All there are; to be called off the event loop, since they are read from hundreds of files."""
    return frozenset(available_timezones())


async def _zones(context: CommandContext) -> list[str]:
    names = await asyncio.to_thread(names_of_zones)
    # Of those without a place in their names UTC alone: others have no summer time, or signs the other way round.
    return ["UTC", *sorted(name for name in names if "/" in name and not name.startswith("Etc/"))]


@command(suggest=_zones)
async def timezone(context: CommandContext, zone: str = "") -> str:
    """Show your time zone, or set it: a name such as Europe/Lisbon."""
    if not zone:
        return f"Your time zone is {await _told(context)}. Set it with `/agent timezone ZONE`, such as Europe/Lisbon."
    await context.parts.stores.people.set_timezone(context.author, await _known(zone))
    # The envelopes of messages tell local times: your own agent reads them anew.
    own = direct_scope(context.author)

    async def read_anew() -> None:
        context.parts.agents.let_go(own)

    await context.parts.lanes.submit(own, read_anew)
    moved = await context.parts.follow_ups.moved(context.author, await context.zone(), context.now)
    context.parts.expect(context.now if moved else None)
    also = f" By its clock there is a new time for {counted(moved, 'follow-up')}." if moved else ""
    return f"Your time zone is now {await _told(context)}.{also}"


async def _told(context: CommandContext) -> str:
    zone = await context.zone()
    return f"{zone.key} (it is {context.now.astimezone(zone):%H:%M} there)"


async def _known(written: str) -> str:
    """The IANA name that a person means.

    Raises:
        CommandRefused: there is none, with the names that come near.
    """
    wanted = "_".join(written.split()).casefold()
    names = {name.casefold(): name for name in await asyncio.to_thread(names_of_zones)}
    if wanted in names:
        return names[wanted]
    # Not those of "Etc": in their names the signs are the other way round.
    cities = {name.rpartition("/")[2]: name for name in sorted(names) if "/" in name and not name.startswith("etc/")}
    near = [names[cities[city]] for city in get_close_matches(wanted.rpartition("/")[2], cities, SUGGESTED)]
    meant = f" Did you mean {' or '.join(near)}?" if near else " It should be a name such as Europe/Lisbon."
    raise CommandRefused(f"I know no time zone {one_line(written, 40)!r}.{meant}")
