"""`load`: documents into archival storage, with a progress bar for whoever watches."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.console.plain import note, stdout_line
from bot.agents import make_agent
from bot.choices import Choices, first_memory_of
from bot.documents.library import Library, loaded_alert
from bot.implementations import document_reader, open_embedder, open_stores, web_pages
from bot.operator.agents import agent_named, console_name, scope_named
from bot.operator.errors import CannotBeDone
from bot.operator.progress import watched
from bot.operator.storage import open_database
from bot.text import counted
from config.settings import Settings
from memory.archival.documents import Documents
from memory.overview import agent_ids
from memory.ports import NewMessage
from memory.sqlite.database import Database, finish
from memory.stores import Stores


async def load(
    settings: Settings,
    paths: Sequence[str],
    agent: str,
    source: str | None,
    now: Callable[[], datetime],
    *,
    drops_missing: bool,
) -> None:
    """Load files, attach them to an agent, and say what came of it; a console agent that is not there is made."""
    embedder = open_embedder(settings)
    try:
        async with (
            open_database(settings, now) as database,
            open_stores(settings, database, embedder, now) as stores,
        ):
            library = Library(Documents(database, now), stores.archival, document_reader(), web_pages(settings))
            agent_id, scope = await _agent(database, agent)
            with watched() as watch:
                loaded = await library.load(paths, source, agent_id, watch, drops_missing=drops_missing)
            _note_faults(loaded.faults)
            if not loaded.outcomes and not loaded.dropped:
                raise CannotBeDone(f"{', '.join(paths)}: nothing was found that can be loaded.")
            if agent_id is None and loaded.outcomes:  # only now, so that a load of nothing makes nobody
                await library.attach(await _make(settings, stores, scope, now), loaded.source)
            if agent_id is not None and loaded.is_news:
                await _tell(stores, agent_id, loaded_alert(loaded, now()))
            (kept,) = [kept for kept in await library.sources() if kept.name == loaded.source]
            holds = f"source {kept.name} holds {counted(kept.documents, 'document')} in {counted(kept.pieces, 'piece')}"
            stdout_line(f"{scope}: {loaded.told}; {holds}.")
    except asyncio.CancelledError:
        note("Stopped. Each document is there whole or not at all; load again for the rest.")
        raise
    finally:
        await embedder.close()


async def _tell(stores: Stores, agent_id: int, alert: NewMessage) -> None:
    """Let the agent know of them when it next wakes."""

    async def commit() -> None:
        async with stores.database.write() as transaction:
            if not await stores.agents.is_paused(transaction, agent_id):
                last_turn = await stores.recall.last_turn(transaction, agent_id)
                await stores.recall.append(transaction, agent_id, last_turn, [alert])

    await finish(commit())


async def _agent(database: Database, name: str) -> tuple[int | None, str]:
    """Its id (None of a console agent that is not there yet) and its scope."""
    async with database.read() as connection:
        scope = scope_named(name)
        if console_name(scope) is not None:
            return (await agent_ids(connection)).get(scope), scope
        return await agent_named(connection, name)


async def _make(settings: Settings, stores: Stores, scope: str, now: Callable[[], datetime]) -> int:
    first = first_memory_of(Choices(settings.bot_preset), settings.bot_data_dir, settings.bot_persona)

    async def commit() -> int:
        async with stores.database.write() as transaction:
            return (await make_agent(transaction, stores.agents, scope, first, now())).id

    return await finish(commit())


def _note_faults(faults: Sequence[str]) -> None:
    if faults:
        from adapters.console.interactive import printable  # a name of a file may hold what steers a terminal

        for fault in faults:
            note(printable(fault))
