"""Finding what was said."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from bot.errors import ToolFailed
from bot.events import local_time, speaker_of
from bot.executor import ToolContext
from bot.registry import tool
from bot.text import excerpt, one_line
from bot.tools.paging import MAX_RESULT_CHARS, page_of_results


@tool
async def conversation_search(context: ToolContext, query: str, cursor: str | None = None) -> Mapping[str, Any]:
    """Search every past message, also those no longer in your window. A page may not hold the answer: read on.

    Args:
        query: Words that the message holds.
        cursor: next_cursor of the page before.
    """

    async def find() -> Sequence[int]:
        return await context.shelves.recall.search(context.agent.id, query, before_id=context.event.id)

    return await page_of_results(context, "recall", query, cursor, find, _shower(context))


@tool
async def conversation_search_date(
    context: ToolContext, start_date: str, end_date: str, cursor: str | None = None
) -> Mapping[str, Any]:
    """List past messages of some days, oldest first.

    Args:
        start_date: First day, ISO 8601.
        end_date: Last day, included.
        cursor: next_cursor of the page before.
    """
    start, end = _moment(context, start_date, is_end=False), _moment(context, end_date, is_end=True)
    if end <= start:
        raise ToolFailed("end_date is before start_date.")

    async def find() -> Sequence[int]:
        return await context.shelves.recall.between(context.agent.id, start, end)

    return await page_of_results(context, "recall", f"{start_date} to {end_date}", cursor, find, _shower(context))


def _shower(context: ToolContext) -> Any:
    async def show(ids: Sequence[int], words: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "id": message.id,
                "time": local_time(message.created_at, context.agent.zone),
                "from": speaker_of(message),
                "text": excerpt(message.text or "", words, MAX_RESULT_CHARS),
            }
            for message in await context.shelves.recall.get(context.agent.id, ids)
        ]

    return show


def _moment(context: ToolContext, written: str, *, is_end: bool) -> datetime:
    try:
        moment = datetime.fromisoformat(written.strip())
        if len(written.strip()) <= len("2026-03-31"):
            moment = datetime.combine(moment.date(), time()) + timedelta(days=1 if is_end else 0)
        return (moment if moment.tzinfo else moment.replace(tzinfo=context.agent.zone)).astimezone(UTC)
    except OverflowError:  # the day after the last one
        return datetime.max.replace(tzinfo=UTC)
    except ValueError:
        raise ToolFailed(f"{one_line(written, 40)!r} is not an ISO 8601 date such as 2026-03-31.") from None
