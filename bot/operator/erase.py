"""`erase`: an agent and all that is kept of it, removed; then a search that shows it."""

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

from adapters.console.plain import stdout_line
from bot.operator.agents import agent_named, console_name
from bot.operator.errors import CommandUnclear
from bot.operator.storage import backups, open_database
from bot.scopes import owner_of
from config.settings import Settings
from memory.checkpoints import checkpoint_folder
from memory.chroma_index import ChromaIndex
from memory.documents import sources_of_nobody_else
from memory.erasure import erase_agent, rows_left
from memory.exports import export_folder
from memory.ports import IndexLost, StorageUnavailable, owner_of_source
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
            sources = await sources_of_nobody_else(connection, agent_id)
        person = owner_of(scope)
        owners = [agent_id, *map(owner_of_source, sources)]
        # The rows go last: killed before that, the agent is still there to be named, and erased again.
        vectors = await _in_index(settings, lambda index: index.forget_owners(owners))
        files = await asyncio.to_thread(_remove_files, settings, scope)
        async with database.write(alone=True) as transaction:
            removed = await erase_agent(transaction, agent_id, scope, person, sources)
        await database.truncate_log()
        async with database.snapshot() as connection:
            left = await rows_left(connection, agent_id, scope, person, sources)
        left |= {"chroma": await _in_index(settings, lambda index: index.count(owners))}
    for line in _receipt(settings, scope, removed, sources.values(), vectors, files, left):
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
    """What is kept outside the database: checkpoints, exports, a damaged index set aside, what was typed."""
    doomed = [
        checkpoint_folder(settings.bot_data_dir, scope),
        export_folder(settings.bot_data_dir, scope),
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


def _receipt(
    settings: Settings,
    scope: str,
    removed: Mapping[str, int],
    sources: Collection[str],
    vectors: int,
    files: list[Path],
    left: Mapping[str, int],
) -> list[str]:
    rows = ", ".join(f"{table} {count}" for table, count in sorted(removed.items()))
    found = ", ".join(f"{place} {count}" for place, count in left.items() if count) or "nothing"
    lines = [
        f"Erased: {scope}",
        f"Rows removed: {rows}",
        f"Documents removed, as no other agent has them: {', '.join(sources) or 'none'}",
        f"Vectors removed: {vectors}{' (the index was written anew without them)' if vectors else ''}",
        f"Files removed: {', '.join(str(path) for path in files) or 'none were there'}",
        f"Searched again: {', '.join(sorted(left))}",
        f"Found: {found}",
    ]
    copies = backups(settings)
    if copies:
        lines.append(f"Copies from before migrations may still hold it: {', '.join(str(copy) for copy in copies)}")
    return [*lines, "Exports and backups that you made yourself are not looked for."]


def _chroma(settings: Settings) -> Path:
    return settings.bot_data_dir / "chroma"
