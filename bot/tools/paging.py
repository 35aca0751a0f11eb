"""Search results in pages: how many there are, how many are unseen, and the cursor of the next page."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bot.errors import ToolFailed
from bot.executor import ToolContext
from memory.ports import ResultList
from memory.search import query_words

PAGE_SIZE = 5
MAX_RESULT_CHARS = 700
"""Of one hit; of a longer text, the part around the first word that was looked for."""

Find = Callable[[], Awaitable[Sequence[int]]]
Show = Callable[[Sequence[int], Sequence[str]], Awaitable[Sequence[Mapping[str, Any]]]]
"""Items by id; the words that were looked for say which part of a long one is shown."""


async def page_of_results(
    context: ToolContext, store: str, query: str, cursor: str | None, find: Find, show: Show
) -> Mapping[str, Any]:
    """The first page of a new search, or the page that a cursor names.

    A cursor is `<list>.<offset>`, where the list is kept for a day: new messages do not shift its pages.

    Raises:
        ToolFailed: the cursor names nothing (any more).
    """
    results, offset = await _continued(context, store, cursor) if cursor else await _begun(context, store, query, find)
    words = query_words(results.query)
    shown: list[Mapping[str, Any]] = []
    seen, size = offset, 0
    for item_id in results.ids[offset:]:
        items = await show([item_id], words)  # none if it was erased meanwhile
        size += sum(context.shelves.counter.count(str(item)) for item in items)
        if len(shown) == PAGE_SIZE or (shown and size > context.shelves.room.result):
            break
        shown += items
        seen += 1
    unseen = len(results.ids) - seen
    page: dict[str, Any] = {"total": len(results.ids), "seen": seen, "unseen": unseen, "results": shown}
    return page | ({"next_cursor": f"{results.id}.{seen}"} if unseen else {})


async def _begun(context: ToolContext, store: str, query: str, find: Find) -> tuple[ResultList, int]:
    results = ResultList(secrets.token_hex(4), store, query, tuple(await find()), context.now)
    if len(results.ids) > 1:
        context.keep_results(results)
    return results, 0


async def _continued(context: ToolContext, store: str, cursor: str) -> tuple[ResultList, int]:
    list_id, _, offset = cursor.partition(".")
    drafted = next((results for results in context.draft.result_lists if results.id == list_id), None)
    results = drafted or await context.shelves.result_lists.find(context.agent.id, list_id, context.now)
    if results is None or results.store != store or not offset.isdecimal():
        raise ToolFailed("This cursor names no search, or one older than a day. Search again without a cursor.")
    return results, min(int(offset), len(results.ids))
