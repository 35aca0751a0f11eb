"""`agents`: who is there; and finding one of them by name, for the other commands."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.console.plain import note
from adapters.models.token_counter import BpeTokenCounter
from bot.operator.errors import CannotBeDone
from bot.operator.table import print_table
from bot.scopes import console_scope
from config.settings import Settings
from memory.overview import AgentAtAGlance, agent_ids, all_agents
from memory.sqlite.upkeep import Reader, beside, revision_at

CONSOLE = console_scope("")
FEW = 10
_HEADER = ("SCOPE", "NAME", "MESSAGES", "NOTES", "CORE TOKENS", "LAST ACTIVE")
_NUMBERS = (2, 3, 4)


async def list_agents(settings: Settings) -> None:
    """Print a table of all agents on stdout."""
    found: tuple[AgentAtAGlance, ...] = ()
    if await asyncio.to_thread(revision_at, settings.database_path) is not None:
        async with beside(settings.database_path) as connection:
            found = await all_agents(connection)
    counter = BpeTokenCounter()
    rows = [_HEADER, *(_row(agent, counter, settings.zone) for agent in found)]
    print_table(rows, _NUMBERS)
    if not found:
        note("There are no agents yet.")


def scope_named(name: str) -> str:
    """The scope that an operator means: written in full, or a console agent's name."""
    return name if ":" in name else console_scope(name)


async def agent_named(connection: Reader, name: str) -> tuple[int, str]:
    """An agent's id and scope.

    Raises:
        CannotBeDone: there is none; the known ones are named if they are few.
    """
    scope, known = scope_named(name), await agent_ids(connection)
    if scope in known:
        return known[scope], scope
    names = ", ".join(console_name(other) or other for other in known)
    told = f"There are: {names}." if 0 < len(known) <= FEW else "`python -m bot agents` lists them."
    raise CannotBeDone(f"There is no agent {scope}. {told if known else 'There are none yet.'}")


def console_name(scope: str) -> str | None:
    """The name of a console agent, or None of any other."""
    return scope.removeprefix(CONSOLE) if scope.startswith(CONSOLE) else None


def _row(agent: AgentAtAGlance, counter: BpeTokenCounter, zone: ZoneInfo) -> tuple[str, ...]:
    tokens = sum(counter.count(text) for text in agent.blocks)
    name = console_name(agent.scope) or "-"
    return (agent.scope, name, str(agent.messages), str(agent.passages), str(tokens), _when(agent.last_active, zone))


def _when(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}" if moment else "never"
