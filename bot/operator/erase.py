"""`erase`: an agent and all that is kept of it, removed; then a search that shows it."""

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from adapters.console.plain import stdout_line
from bot.operator.agents import agent_named, console_name
from bot.operator.errors import CommandUnclear
from bot.operator.storage import backups, open_database
from config.settings import Settings
from memory.checkpoints import checkpoint_folder
from memory.chroma_index import ChromaIndex
from memory.database import Database
from memory.erasure import erase_agent, rows_left
from memory.ports import IndexLost, StorageUnavailable
from memory.upkeep import beside

Confirm = Callable[[str], bool]
"""Asks a yes-or-no question."""


async def erase(settings: Settings, name: str, confirm: Confirm | None, now: Callable[[], datetime]) -> None:
    """Remove an agent and print a receipt.

    Args:
        settings: where the data is.
        name: the agent.
        confirm: asks the operator; None if nobody can be asked.
        now: the clock.
    """
    async with beside(settings.database_path) as connection:
        _, scope = await agent_named(connection, name)
    if confirm is None:
        raise CommandUnclear(f"Say --yes to erase {scope} for ever; nothing was erased.")
    if not confirm(f"Erase {scope} with everything that it remembers, for ever?"):
        stdout_line("Nothing was erased.")
        return
    async with open_database(settings, now) as database:
        async with database.read() as connection:
            agent_id, scope = await agent_named(connection, name)
        # The rows go last: killed before that, the agent is still there to be named, and erased again.
        vectors = await _in_index(settings, lambda index: index.forget_agent(agent_id))
        files = await asyncio.to_thread(_remove_files, settings, scope)
        async with database.write() as transaction:
            removed = await erase_agent(transaction, agent_id)
        await database.truncate_log()
        left = await _left(settings, database, agent_id, scope)
    for line in _receipt(settings, scope, removed, vectors, files, left):
        stdout_line(line)
    if any(left.values()):
        raise StorageUnavailable(f"{scope}: something was left; run erase again.")


async def _in_index(settings: Settings, work: Callable[[ChromaIndex], Awaitable[int]]) -> int:
    if not _chroma(settings).is_dir():
        return 0
    index = ChromaIndex(_chroma(settings))
    try:
        with contextlib.suppress(IndexLost):  # nothing is in it, and the next start fills it from SQL
            return await work(index)
        return 0
    finally:
        await index.close()


def _remove_files(settings: Settings, scope: str) -> list[Path]:
    """What is kept outside the database: checkpoints, a damaged index set aside, what was typed in the terminal."""
    doomed = [
        checkpoint_folder(settings.bot_data_dir, scope),
        _chroma(settings).with_name("chroma.damaged"),
    ]
    if console_name(scope) is not None:  # it does not say who was written to, so all of it goes
        doomed.append(settings.bot_data_dir / "console_history")
    found = [path for path in doomed if path.exists()]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return found


async def _left(settings: Settings, database: Database, agent_id: int, scope: str) -> dict[str, int]:
    async with database.snapshot() as connection:
        left = await rows_left(connection, agent_id, scope)
    return left | {"chroma": await _in_index(settings, lambda index: index.count(agent_id))}


def _receipt(
    settings: Settings, scope: str, removed: Mapping[str, int], vectors: int, files: list[Path], left: Mapping[str, int]
) -> list[str]:
    rows = ", ".join(f"{table} {count}" for table, count in sorted(removed.items()))
    found = ", ".join(f"{place} {count}" for place, count in left.items() if count) or "nothing"
    lines = [
        f"Erased: {scope}",
        f"Rows removed: {rows}",
        f"Vectors removed: {vectors}{' (the index was written anew without them)' if vectors else ''}",
        f"Files removed: {', '.join(str(path) for path in files) or 'none were there'}",
        f"Searched again: {', '.join(sorted(left))}",
        f"Found: {found}",
    ]
    copies = backups(settings)
    if copies:
        lines.append(f"Copies from before migrations still hold it: {', '.join(str(copy) for copy in copies)}")
    return [*lines, "Exports and backups that you made yourself are not looked for."]


def _chroma(settings: Settings) -> Path:
    return settings.bot_data_dir / "chroma"
