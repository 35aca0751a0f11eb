"""Notes for good."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.documents.places import MAX_HEADING_CHARS, MAX_NAME_CHARS
from bot.errors import ToolFailed
from bot.events import age_of, local_time, speaker_of
from bot.registry import tool
from bot.text import one_line
from bot.tools.paging import Hit, Shelf, first_page, page_at
from bot.turns.tool_context import ToolContext
from memory.ports import Message, NewPassage, Passage, PassageKind

MAX_TAGS = 20
MAX_TAG_CHARS = 60

MOST_REPLACED = 10
"""Notes in whose place one may stand: what is beyond that is no tidying."""


@tool
async def archival_memory_insert(
    context: ToolContext, content: str, tags: list[str] | None = None
) -> Mapping[str, Any]:
    """Keep a note in archival storage: details too many or too long for core memory.

    Args:
        content: The note, understandable by itself.
        tags: Words to filter by later.
    """
    if not content.strip():
        raise ToolFailed("The content is empty.")
    if len(tags or ()) > MAX_TAGS or any(len(tag) > MAX_TAG_CHARS for tag in tags or ()):
        raise ToolFailed(
            f"Give at most {MAX_TAGS} tags of {MAX_TAG_CHARS} characters each; details belong in the note."
        )
    same = await context.shelves.archival.find_same(context.agent.id, content)
    if same is not None and set(tags or ()) <= set(same.tags):
        return {"kept_already": local_time(same.created_at, context.agent.zone)}
    context.keep(
        NewPassage(
            content=content,
            tags=tuple(dict.fromkeys(tags or ())),
            source_message_id=context.event.id,
            created_at=context.now,
        )
    )
    return {}


@tool
async def archival_memory_replace(context: ToolContext, note_ids: list[int], content: str) -> Mapping[str, Any]:
    """Put one note in the place of notes that say the same, or of one that no longer holds.

    Args:
        note_ids: The notes that go.
        content: The note that stands for them.
    """
    if not content.strip():
        raise ToolFailed("The content is empty. A note is not only deleted: write what holds now.")
    if len(note_ids) > MOST_REPLACED:
        raise ToolFailed(f"Name at most {MOST_REPLACED} notes at once.")
    found = await context.shelves.archival.get(context.agent.id, list(dict.fromkeys(note_ids)))
    notes = {note.id: note for note in found if note.kind is PassageKind.NOTE and note.document is None}
    missing = [id_ for id_ in note_ids if id_ not in notes or id_ in context.draft.replaced]
    if missing or not notes:
        raise ToolFailed(f"No such note: {', '.join(map(str, missing)) or 'none was named'}. A search shows their ids.")
    same = await context.shelves.archival.find_same(context.agent.id, content)
    going = [id_ for id_ in notes if same is None or id_ != same.id]
    if not going:
        return {"kept_already": True}
    newest = max(notes.values(), key=lambda note: (note.created_at, note.id))
    context.replace_notes(
        going,
        NewPassage(
            content=content,
            tags=tuple(dict.fromkeys(tag for note in notes.values() for tag in note.tags))[:MAX_TAGS],
            source_message_id=newest.source_message_id,
            created_at=newest.created_at,
        ),
    )
    return {}


@tool
async def archival_memory_search(
    context: ToolContext, query: str, tags: list[str] | None = None, cursor: str | None = None
) -> Mapping[str, Any]:
    """Search your notes and documents by meaning.

    Args:
        query: What to look for.
        tags: Only notes with all of these.
        cursor: next_cursor, or that of a cut result.
    """
    if cursor:
        return await page_at(context, cursor, _archival(context))
    found = await context.shelves.archival.find(context.agent.id, query, tags or (), zone=context.agent.zone)
    return await first_page(context, _archival(context), query, found.ids, found.untaken, is_cut=found.is_cut)


def _archival(context: ToolContext) -> Shelf:
    async def show(ids: Sequence[int], query: str) -> Sequence[Hit]:
        passages = await context.shelves.archival.get(context.agent.id, ids)
        notes = [passage for passage in passages if passage.kind is PassageKind.NOTE]
        named = [note.source_message_id for note in notes if note.source_message_id is not None]
        sources = {message.id: message for message in await context.shelves.recall.get(context.agent.id, named)}
        return [
            Hit(
                f"p{passage.id}",
                {
                    "id": passage.id,
                    **_whence(passage, context),
                    **(_source(sources.get(passage.source_message_id or 0), context) if passage in notes else {}),
                },
                passage.content,
            )
            for passage in passages
        ]

    return Shelf("archival", "p", show)


def _source(message: Message | None, context: ToolContext) -> dict[str, Any]:
    """The message that a note was made of, if it is still there; in a channel who wrote it, by their id."""
    if message is None:
        return {}
    told = {"id": message.id, "time": local_time(message.created_at, context.agent.zone)}
    if message.author_id is not None and not context.agent.is_direct:
        told["from"] = f"{one_line(speaker_of(message), 60)} ({one_line(message.author_id, 60)})"
    return {"from_message": told}


def _whence(passage: Passage, context: ToolContext) -> dict[str, Any]:
    """Of a note when it was made and its tags; of a piece of a document where it stands, as far as that is known.

    A primer has no tags: it says itself which messages it is about.
    """
    if passage.document is None:
        moment = passage.created_at
        told = {"time": local_time(moment, context.agent.zone), "age": age_of(moment, context.now)}
        if passage.kind is PassageKind.PRIMER:
            return told
        return {**told, "tags": [one_line(tag, MAX_TAG_CHARS) for tag in passage.tags[:MAX_TAGS]]}
    place = {
        "document": one_line(passage.document, MAX_NAME_CHARS),
        "heading": passage.heading and one_line(passage.heading, 2 * MAX_HEADING_CHARS),
        "page": passage.page,
    }
    return {name: value for name, value in place.items() if value is not None}
