"""Search results in pages: how many there are, how many are unseen, and the cursor of the next page.

A hit whose text is too long is shown in part, with a cursor of its own that reads on (`bot.tools.parts`). A page is no
longer than the prompt has room for, so that nothing is left out of it later.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.errors import ToolFailed
from bot.text import defuse_json, one_line
from bot.tools.parts import Part, Place, first_part, part_at
from bot.turns.tool_context import ToolContext
from memory.ports import ResultList
from memory.search.words import query_words

PAGE_SIZE = 5
MAX_RESULT_CHARS = 700
"""Of one hit, at once."""

MIN_RESULT_CHARS = 40
_SHORTER = (80, 40, 20, 10)
"""Characters of what is told beside a text, where even a little of the text leaves too little room."""

PAGE_TOKENS = 60
"""What a page takes beside its hits."""

CUT = "total is at least that: more may answer, too many to list; narrow the search to find them"
"""Told with each page of what is not all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A thing that was found: its name in cursors, what is told of it, and its text."""

    item: str
    told: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a tool searches.

    Attributes:
        store: what lists of its results are marked with.
        letter: what the names of its items begin with; empty if they have none.
        show: hits by id, for a query; things that are gone, or that the agent may not see, are left out.
    """

    store: str
    letter: str
    show: Callable[[Sequence[int], str], Awaitable[Sequence[Hit]]]


async def first_page(
    context: ToolContext,
    shelf: Shelf,
    query: str,
    ids: Sequence[int],
    notes: Sequence[str] = (),
    *,
    is_cut: bool = False,
) -> Mapping[str, Any]:
    """The first page of what a search found, best first.

    Args:
        context: who searches.
        shelf: where.
        query: what for.
        ids: what was found.
        notes: told beside, such as what was not understood.
        is_cut: whether there may be more than was found.
    """
    results = ResultList(_new_id(), shelf.store, query, tuple(ids), context.now, is_cut)
    if len(results.ids) > 1:
        context.keep_results(results)
    return await _page(context, shelf, results, 0, notes)


async def page_at(context: ToolContext, cursor: str, *shelves: Shelf) -> Mapping[str, Any]:
    """The page that a cursor names, or the next part of a long text.

    The cursor of a page is `<list>.<offset>`, where the list is kept for a day: new messages do not shift its pages.

    Raises:
        ToolFailed: the cursor names nothing (any more) on these shelves.
    """
    if (place := Place.of(cursor)) is not None:
        return await _next_part(context, place, shelves)
    list_id, _, offset = cursor.strip().partition(".")
    drafted = next((results for results in context.draft.result_lists if results.id == list_id), None)
    results = drafted or await context.shelves.result_lists.find(context.agent.id, list_id, context.now)
    shelf = next((shelf for shelf in shelves if results is not None and results.store == shelf.store), None)
    if results is None or shelf is None or not (offset.isascii() and offset.isdecimal()):
        raise ToolFailed("This cursor names no search, or one older than a day. Search again without a cursor.")
    return await _page(context, shelf, results, min(int(offset[:9]), len(results.ids)))


async def _page(
    context: ToolContext, shelf: Shelf, results: ResultList, offset: int, notes: Sequence[str] = ()
) -> Mapping[str, Any]:
    words = query_words(results.query)
    notes = [*notes, CUT] if results.is_cut else notes
    beside = {"note": "; ".join(notes)} if notes else {}
    whole = room = context.result_room - PAGE_TOKENS - (_tokens(context, beside) if beside else 0)
    shown: list[Mapping[str, Any]] = []
    seen = offset

    def part_of(hit: Hit, max_chars: int) -> Part:
        return first_part(hit.item, hit.text, words, max_chars)

    for item_id in results.ids[offset:]:
        hits = await shelf.show([item_id], results.query)  # none if it was erased meanwhile
        told = [_fitting(context, hit, whole, part_of) for hit in hits]
        room -= sum(_tokens(context, item) for item in told)
        if len(shown) == PAGE_SIZE or (shown and room < 0):
            break
        shown += told
        seen += 1
    unseen = len(results.ids) - seen
    page: dict[str, Any] = {
        "total": len(results.ids),
        "seen": seen,
        "unseen": unseen,
        **beside,
        "results": shown,
    }
    return page | ({"next_cursor": f"{results.id}.{seen}"} if unseen else {})


async def _next_part(context: ToolContext, place: Place, shelves: Sequence[Shelf]) -> Mapping[str, Any]:
    shelf = next((shelf for shelf in shelves if shelf.letter and place.item.startswith(shelf.letter)), None)
    for hit in await shelf.show([int(place.item[1:])], "") if shelf else ():
        if part_at(place, hit.text, MAX_RESULT_CHARS) is not None:
            room = context.result_room - PAGE_TOKENS
            told = _fitting(context, hit, room, lambda hit, most: part_at(place, hit.text, most) or Part("", None))
            return {"total": 1, "seen": 1, "unseen": 0, "results": [told]}
    raise ToolFailed("This cursor names no text that you could read on in. Search again without a cursor.")


def _new_id() -> str:
    """Two letters first: an id such as `c1234567` would read as a place in a text (`bot.tools.parts`)."""
    return f"ls{secrets.token_hex(4)}"


def _fitting(context: ToolContext, hit: Hit, room: int, part_of: Callable[[Hit, int], Part]) -> Mapping[str, Any]:
    """A hit with so much of its text as there is room for; if a little of it is too much, what is told of it is cut."""
    chars = MAX_RESULT_CHARS
    while _tokens(context, told := _told(hit, part_of(hit, chars))) > room and chars > MIN_RESULT_CHARS:
        chars = max(MIN_RESULT_CHARS, chars * 3 // 4)
    for most in _SHORTER:
        if _tokens(context, told) <= room:
            break
        hit = replace(hit, told=_shortened(hit.told, most))
        told = _told(hit, part_of(hit, chars))
    return told


def _shortened(told: Any, most: int) -> Any:
    """What is told, each text of so many characters, and of a list the first few."""
    if isinstance(told, str):
        return one_line(told, most)
    if isinstance(told, Mapping):
        return {name: _shortened(value, most) for name, value in told.items()}
    return [_shortened(value, most) for value in told[: most // 8]] if isinstance(told, list) else told


def _told(hit: Hit, part: Part) -> Mapping[str, Any]:
    told = {**hit.told, "text": part.text} if hit.text else hit.told
    return {**told, "cut": True, "cursor": part.rest.cursor} if part.rest else told


def _tokens(context: ToolContext, item: Mapping[str, Any]) -> int:
    return context.shelves.counter.count(defuse_json(json.dumps(item, ensure_ascii=False)))
