"""`reindex`: every index built anew from what SQL holds: words, and the vectors of messages and passages."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from adapters.console.plain import note, stdout_line
from bot.documents.library import Progress
from bot.implementations import open_embedder, open_stores, remove_indexes
from bot.operator.progress import watched
from bot.operator.storage import open_database
from bot.text import counted
from config.settings import Settings


async def reindex(settings: Settings, now: Callable[[], datetime]) -> None:
    """Build every index anew; stopped half way, the next start does the rest."""
    embedder = open_embedder(settings)
    try:
        async with open_database(settings, now) as database:
            await asyncio.to_thread(remove_indexes, settings)
            async with open_stores(settings, database, embedder, now) as stores:
                recall, archival = stores.recall, stores.archival
                messages, passages = await recall.begin_anew(), await archival.begin_anew()
                with watched() as watch:
                    await recall.catch_up(lambda done: watch(Progress("messages", min(done, messages), messages)))
                    await archival.index_pending(
                        lambda done: watch(Progress("passages", min(done, passages), passages))
                    )
                left = await archival.waiting() + await recall.waiting()
    except asyncio.CancelledError:
        note("Stopped. The next start does the rest.")
        raise
    finally:
        await embedder.close()
    waits = f"; {left} wait for their vectors, as the embedder cannot be reached" if left else ""
    stdout_line(f"Built anew: {counted(messages, 'message')} and {counted(passages, 'passage')}{waits}.")
