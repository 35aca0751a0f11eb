"""Notes for good."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import ToolFailed
from bot.events import local_time
from bot.executor import ToolContext
from bot.registry import tool
from bot.text import excerpt
from bot.tools.paging import MAX_RESULT_CHARS, page_of_results
from memory.ports import NewPassage


@tool
async def archival_memory_insert(context: ToolContext, content: str, tags: list[str] | None = None) -> None:
    """Keep a note in archival storage: details too many or too long for core memory.

    Args:
        content: The note, understandable by itself.
        tags: Words to filter by later.
    """
    if not content.strip():
        raise ToolFailed("The content is empty.")
    context.keep(
        NewPassage(
            content=content,
            tags=tuple(dict.fromkeys(tags or ())),
            source_message_id=context.event.id,
            created_at=context.now,
        )
    )


@tool
async def archival_memory_search(
    context: ToolContext, query: str, tags: list[str] | None = None, cursor: str | None = None
) -> Mapping[str, Any]:
    """Search your notes and documents by meaning. A page may not hold the answer: read on.

    Args:
        query: What to look for.
        tags: Only notes with all of these.
        cursor: next_cursor of the page before.
    """

    async def find() -> Sequence[int]:
        return await context.shelves.archival.search(context.agent.id, query, tags or ())

    async def show(ids: Sequence[int], words: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "id": passage.id,
                "time": local_time(passage.created_at, context.agent.zone),
                "tags": list(passage.tags),
                "text": excerpt(passage.content, words, MAX_RESULT_CHARS),
            }
            for passage in await context.shelves.archival.get(context.agent.id, ids)
        ]

    return await page_of_results(context, "archival", query, cursor, find, show)
