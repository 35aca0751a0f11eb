"""What the operator did with people's memory at the command line is written down, as what owners do by commands."""

from collections.abc import Callable
from datetime import datetime

from adapters.console.plain import note
from config.settings import Settings
from memory.people.audit import Audit, add_beside
from memory.ports import StorageUnavailable
from memory.sqlite.database import Database

OPERATOR = "operator"
"""Whoever has the machine; who of them it was, the machine may know."""

EVERYTHING = "everything"
"""In the place of a scope."""


async def write_down_beside(settings: Settings, what: str, scope: str, now: Callable[[], datetime]) -> None:
    """Keep that something is about to be taken out, beside a running bot.

    A database that cannot be written to (a copy on a medium for reading) can be read by whoever has it, so that is only
    said.
    """
    try:
        await add_beside(settings.database_path, OPERATOR, what, scope, now())
    except StorageUnavailable as fault:
        note(f"It could not be written down that this was done: {fault}")


async def write_down(database: Database, what: str, scope: str, now: Callable[[], datetime]) -> None:
    """Keep that something is done, with the database at hand."""
    await Audit(database).add(OPERATOR, what, scope, now())
