"""/agent search."""

from zoneinfo import ZoneInfo

from bot.documents.places import MAX_NAME_CHARS, details_of
from bot.events import local_time, speaker_of
from bot.registry import command
from bot.slash.command import CommandContext
from bot.text import clean, counted, excerpt, one_line
from memory.ports import Passage, PassageKind
from memory.search.words import query_words

SHOWN = 5


@command
async def search(context: CommandContext, query: str) -> str:
    """Search what was said here (in a channel, by you), what I noted, and the documents that I have.

    `from:Ada`, `after:2026-03-31`, `before:` and `on:` narrow the search.
    """
    shelves, zone = context.parts.shelves, await context.zone()
    agent_id = await context.parts.agents.id_of(context.scope)
    if agent_id is None:
        return "We have not talked yet, so there is nothing to find."
    found = await shelves.recall.find(agent_id, query, zone=zone)
    message_ids = found.ids
    if not context.origin.is_direct:
        own = await shelves.recall.ids_of(agent_id, clean(context.origin.person.id))
        message_ids = tuple(id_ for id_ in message_ids if id_ in own)
    kept = await shelves.archival.find(agent_id, query, zone=zone)
    note_ids = kept.ids
    if not context.origin.is_direct:  # what primers tell, others have said, and notes on somebody are theirs
        found_notes = await shelves.archival.get(agent_id, note_ids)
        note_ids = tuple(
            note.id for note in found_notes if note.kind is PassageKind.NOTE and context.shows_note(note.tags)
        )
    words = query_words(query)
    messages = [
        f"- {local_time(message.created_at, zone)} **{speaker_of(message, person='you', agent='I')}**: "
        f"{one_line(excerpt(message.text or '', words, 180))}"
        for message in await shelves.recall.get(agent_id, message_ids[:SHOWN])
    ]
    notes = [
        f"- {_whence(note, zone)} {one_line(excerpt(note.content, words, 180))}"
        for note in await shelves.archival.get(agent_id, note_ids[:SHOWN])
    ]
    parts = [f"({'; '.join(found.untaken)})"] if found.untaken else []
    if messages:
        parts.append(f"{_best_of(len(message_ids), 'message', found.is_cut)}:\n" + "\n".join(messages))
    if notes:
        noun = "passage" if await shelves.archival.count_pieces(agent_id) else "note"
        parts.append(f"{_best_of(len(note_ids), noun, kept.is_cut)}:\n" + "\n".join(notes))
    if not messages and not notes:
        parts.append(f"I found nothing about “{one_line(query, 60)}”.")
    return "\n\n".join(parts)


def _whence(passage: Passage, zone: ZoneInfo) -> str:
    """When a note was made, or where a piece of a document stands."""
    if passage.document is None:
        return local_time(passage.created_at, zone)
    details = details_of(passage)
    return f"**{one_line(passage.document, MAX_NAME_CHARS)}**" + (f" ({details}):" if details else ":")


def _best_of(number: int, noun: str, is_cut: bool) -> str:
    told = f"At least {counted(number, noun)}" if is_cut else counted(number, noun)
    return f"{told}, the best {SHOWN}" if number > SHOWN else told
