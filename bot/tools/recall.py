"""Finding what was said, and where the lines of core memory come from."""

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from bot.context.sources import Source, sources_of
from bot.errors import ToolFailed
from bot.events import age_of, local_time, speaker_of
from bot.registry import tool
from bot.text import one_line
from bot.tools.paging import Hit, Shelf, first_page, page_at
from bot.turns.tool_context import ToolContext
from memory.ports import Kind, Message

_MESSAGE = re.compile(r"\s*message\s*#?\s*(\d{1,18})\s*", re.IGNORECASE | re.ASCII)
_SOURCES = re.compile(r"\s*sources? of\s+(?:the\s+)?['\"]?(.+?)['\"]?(?:\s+block)?\s*[.!?]*\s*", re.IGNORECASE)
MAX_LINE_CHARS = 200


@tool
async def conversation_search(context: ToolContext, query: str, cursor: str | None = None) -> Mapping[str, Any]:
    """Search every past message, also those no longer in your window.

    Args:
        query: Words; from:Ada, after:2026-03-31, before: and on: narrow it. Or "message 12", or "sources of human".
        cursor: next_cursor, or that of a cut result.
    """
    if cursor:
        return await page_at(context, cursor, _recall(context), _core(context))
    if (label := _named_block(context, query)) is not None:
        return await first_page(context, _core(context), query, list(await _sources(context, label)))
    recall = context.shelves.recall
    if named := _MESSAGE.fullmatch(query):
        id_ = int(named[1])
        if await _recall(context).show([id_], query):
            return await first_page(context, _recall(context), query, [id_])
        return await first_page(context, _recall(context), query, [], [f"there is no message {id_} that you can read"])
    agent, zone = context.agent.id, context.agent.zone
    found = await recall.find(agent, query, before_id=context.event.id, zone=zone)
    return await first_page(context, _recall(context), query, found.ids, found.untaken, is_cut=found.is_cut)


@tool
async def conversation_search_date(
    context: ToolContext, start_date: str, end_date: str, cursor: str | None = None
) -> Mapping[str, Any]:
    """List past messages of some days, oldest first.

    Args:
        start_date: First day, ISO 8601.
        end_date: Last day, included.
        cursor: The same.
    """
    start, end = _moment(context, start_date, is_end=False), _moment(context, end_date, is_end=True)
    if end <= start:
        raise ToolFailed("end_date is before start_date.")
    if cursor:
        return await page_at(context, cursor, _recall(context))
    found = await context.shelves.recall.between(context.agent.id, start, end)
    return await first_page(context, _recall(context), f"{start_date} to {end_date}", found)


def _recall(context: ToolContext) -> Shelf:
    async def show(ids: Sequence[int], query: str) -> Sequence[Hit]:
        messages = await context.shelves.recall.get(context.agent.id, ids)
        return [
            Hit(f"m{message.id}", {"id": message.id, **_whence(message, context)}, message.text)
            for message in messages
            if message.text and message.kind is not Kind.TOOL_RESULT
        ]

    return Shelf("recall", "m", show)


def _core(context: ToolContext) -> Shelf:
    """The lines of a block, by their numbers."""

    async def show(ids: Sequence[int], query: str) -> Sequence[Hit]:
        label = _named_block(context, query)
        sources = await _sources(context, label) if label is not None else {}
        return [_line_hit(sources[id_], context) for id_ in ids if id_ in sources]

    return Shelf("core", "", show)


def _line_hit(source: Source, context: ToolContext) -> Hit:
    told: dict[str, Any] = {"line": one_line(source.line, MAX_LINE_CHARS), "written_by": source.written_by("you")}
    if source.edits:
        told["time"] = local_time(source.edits[0].created_at, context.agent.zone)
    if (message := source.message) is None:
        return Hit("", told, "")
    told["from_message"] = {"id": message.id, **_whence(message, context)}
    return Hit(f"m{message.id}", told, message.text or "")


def _whence(message: Message, context: ToolContext) -> dict[str, str]:
    moment, zone = message.created_at, context.agent.zone
    is_of_program = message.kind.is_event and message.kind is not Kind.USER_MESSAGE
    speaker = "the program" if is_of_program else speaker_of(message)
    return {"time": local_time(moment, zone), "age": age_of(moment, context.now), "from": one_line(speaker, 80)}


async def _sources(context: ToolContext, label: str) -> Mapping[int, Source]:
    """By line, in order; its number is made of its text, so that pages do not shift when other lines are edited."""
    draft, seen = context.draft, Counter[str]()
    sources = await sources_of(context.shelves, context.agent.id, label, draft.core.block(label).value, draft.edits)
    numbered = {}
    for source in sources:
        seen[source.line] += 1  # two lines may be equal
        numbered[zlib.crc32(f"{seen[source.line]} {source.line}".encode())] = source
    return numbered


def _named_block(context: ToolContext, query: str) -> str | None:
    """The block whose sources a query asks for, if it is one of the agent's."""
    asked = _SOURCES.fullmatch(query)
    return next(
        (block.label for block in context.draft.core if asked and block.label.lower() == asked[1].lower()), None
    )


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
