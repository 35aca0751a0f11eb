"""`erase`: a person with their agent, or a channel's agent, and all that is kept; then a search that shows it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from adapters.console.plain import note, stdout_line
from adapters.models.token_counter import BpeTokenCounter
from bot.implementations import open_embedder, open_stores
from bot.memory_rights.erasing import whose_agent
from bot.operator.acts import write_down
from bot.operator.agents import agent_named, scope_named
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.storage import open_database
from config.settings import Settings
from memory.erasing.erasure import Erased, Erasure, has_spoken
from memory.erasing.floors import Floors
from memory.erasing.stores import SOMEBODY
from memory.ports import StorageUnavailable
from memory.sqlite.database import Database
from memory.sqlite.upkeep import Reader, beside

Confirm = Callable[[str], bool]
"""Asks a yes-or-no question."""


async def erase(settings: Settings, name: str, confirm: Confirm | None, now: Callable[[], datetime]) -> None:
    """Erase whose agent that is, everywhere, as `/agent erase-me` does; of a channel the agent. Prints a receipt.

    Args:
        settings: where the data is.
        name: the agent.
        confirm: asks the operator; None if nobody can be asked.
        now: the clock.
    """
    async with beside(settings.database_path) as connection:
        scope = await _scope(connection, name)
    whose = whose_agent(scope)
    if confirm is None:
        raise CommandUnclear(f"Say --yes to erase {scope} for ever; nothing was erased.")
    what = "everything that it remembers" if whose is None else "everything that is kept of them, in channels as well"
    if not confirm(f"Erase {scope} with {what}, for ever?"):
        stdout_line("Nothing was erased.")
        return
    async with offline(settings, now) as (database, erasure):
        if whose is not None:
            request = await erasure.ask_for_person(whose, now())
        else:
            request = await erasure.ask_for_agent(scope)
        if whose is not None:
            await write_down(database, "erase", SOMEBODY, now)  # who it was is not to be known any more
        erased = await erasure.run(request)
        if whose is None:  # before, it would be erased with what else was done about that channel
            await write_down(database, "erase", scope, now)
    for line in _receipt(scope, erased):
        stdout_line(line)
    if not erased.is_clean:
        raise StorageUnavailable(f"{scope}: something was left; run erase again.")


@asynccontextmanager
async def offline(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[tuple[Database, Erasure]]:
    """What erases while no bot is running; what an earlier process left undone is done first.

    Raises:
        StorageUnavailable: a bot is running, or the data cannot be used.
    """
    embedder = open_embedder(settings)
    try:
        async with open_database(settings, now) as database:
            floors = Floors(database, settings.bot_data_dir)
            await floors.open()
            async with open_stores(settings, database, embedder, now) as stores:
                erasure = Erasure(stores, floors, BpeTokenCounter(), settings.bot_data_dir, now)
                await erasure.ask_again()
                for request in await erasure.pending():
                    await erasure.run(request)
                    note("An erasure that was not done was brought to its end.")
                yield database, erasure
    finally:
        await embedder.close()


async def _scope(connection: Reader, name: str) -> str:
    """The agent's scope; or that of a person who has no agent, but has spoken in channels."""
    try:
        return (await agent_named(connection, name))[1]
    except CannotBeDone:
        scope = scope_named(name)
        whose = whose_agent(scope) if scope.count(":") > 1 else None
        if whose is None or not await has_spoken(connection, whose):
            raise
        return scope


def _receipt(scope: str, erased: Erased) -> list[str]:
    rows = ", ".join(f"{table} {count}" for table, count in sorted(erased.rows.items()))
    blanked = ", ".join(f"{table} {count}" for table, count in sorted(erased.blanked.items()) if count)
    found = ", ".join(f"{place} {count}" for place, count in erased.found.items()) or "nothing"
    vectors = f"{erased.vectors}{' (the index was written anew without them)' if erased.vectors else ''}"
    lines = [
        f"Erased: {scope}",
        f"Rows removed: {rows}",
        f"Rows that name nobody any more: {blanked or 'none'}",
        f"Channels: {erased.channels}, lines of core memory removed there {erased.lines}, "
        f"messages of the agents that say less now {erased.rewritten}",
        f"Documents removed, as no other agent has them: {', '.join(erased.documents) or 'none'}",
        f"Vectors removed: {vectors}",
        f"Files removed: {', '.join(str(path) for path in erased.files) or 'none were there'}",
        f"Checkpoints of channels written anew: {erased.checkpoints}",
        f"Searched again: {', '.join(sorted(erased.searched))}"
        f"{f'; for {erased.words} words that only they had used' if erased.words else ''}",
        f"Found: {found}",
    ]
    if erased.backups:
        copies = ", ".join(str(copy) for copy in erased.backups)
        lines.append(f"Copies from before migrations may still hold it: {copies}")
    return [*lines, "Exports and backups that you made yourself are not looked for."]
