"""/agent heartbeat."""

import re
from dataclasses import replace
from datetime import datetime

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.events import local_time
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.text import one_line
from memory.sqlite.database import Transaction

USUAL_MINUTES = 240
"""Where the operator has set none."""

LEAST_MINUTES, MOST_MINUTES = 15, 7 * 24 * 60


async def _ways(context: CommandContext) -> list[str]:
    return ["on", "off", "every 60", f"every {USUAL_MINUTES}", "every 1440"]


@command(may=For.CHANGES_MODERATED, suggest=_ways)
async def heartbeat(context: CommandContext, how: str = "") -> str:
    """Show whether I wake by myself and may write unasked, or choose it: on, off, every N (minutes)."""
    if not how:
        return await context.in_lane(lambda agent: _shown(context, agent))
    heartbeats = context.parts.heartbeats
    most = max(LEAST_MINUTES, min(MOST_MINUTES, heartbeats.most_minutes))
    minutes = _read(how, heartbeats.minutes_of(None) or USUAL_MINUTES, most)
    if minutes and not await heartbeats.are_of_use(context.scope):
        raise CommandRefused("My language model only writes answers, so it could do nothing if it woke by itself.")
    due = await context.in_lane(lambda agent: _set(context, agent, minutes))
    context.parts.expect(due)
    return await context.in_lane(lambda agent: _shown(context, agent))


def _read(how: str, usual: int, most: int) -> int:
    typed = " ".join(how.split()).casefold()
    if typed in ("on", "off"):
        return usual if typed == "on" else 0
    named = re.fullmatch(r"every (\d{1,6})(?: ?m(?:in(?:utes)?)?)?", typed)
    if named is None:
        raise CommandRefused(f"I do not understand {one_line(how, 40)!r}: it is `on`, `off` or `every N`, in minutes.")
    if not LEAST_MINUTES <= int(named[1]) <= most:
        raise CommandRefused(f"It may be every {LEAST_MINUTES} to {most} minutes.")
    return int(named[1])


async def _set(context: CommandContext, agent: Agent, minutes: int) -> datetime | None:
    chosen, due = replace(agent, heartbeat_minutes=minutes), list[datetime | None]()

    async def restart(transaction: Transaction) -> None:
        due.append(await context.parts.heartbeats.restart(transaction, chosen, context.origin, context.now))

    await context.parts.agents.choose_heartbeat(chosen, restart)
    return due[-1]


async def _shown(context: CommandContext, agent: Agent) -> str:
    heartbeats = context.parts.heartbeats
    minutes = heartbeats.minutes_of(agent.heartbeat_minutes)
    if not minutes:
        return "I never wake by myself. `/agent heartbeat on` lets me."
    whom = "here" if not agent.is_direct else "to you"
    may_write = f"and may write {whom} unasked, {heartbeats.messages_told} a day"
    if agent.is_direct and not agent.heartbeat_minutes:
        may_write = "but do not write to you unasked (`/agent heartbeat on` lets me)"
    due = await heartbeats.next_of(agent)
    zone = await context.zone()
    soon = f" Next: not before {local_time(due, zone)}." if due is not None else ""
    return (
        f"I wake by myself about every {minutes} minutes while you are around now and then, {may_write}; not in quiet "
        f"hours ({heartbeats.quiet_told}).{soon} `/agent heartbeat off` ends it."
    )
