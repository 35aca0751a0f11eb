"""/agent search."""

from bot.command import CommandContext
from bot.events import local_time, speaker_of
from bot.registry import command
from bot.text import excerpt, one_line
from memory.search import query_words

SHOWN = 5


@command
async def search(context: CommandContext, query: str) -> str:
    """Search what was said here and what I noted."""
    agent_id, zone = await context.agents.id_of(context.scope), context.agents.zone
    if agent_id is None:
        return "We have not talked yet, so there is nothing to find."
    message_ids = await context.shelves.recall.search(agent_id, query)
    note_ids = await context.shelves.archival.search(agent_id, query)
    words = query_words(query)
    messages = [
        f"- {local_time(message.created_at, zone)} **{speaker_of(message, person='you', agent='I')}**: "
        f"{one_line(excerpt(message.text or '', words, 180))}"
        for message in await context.shelves.recall.get(agent_id, message_ids[:SHOWN])
    ]
    notes = [
        f"- {local_time(note.created_at, zone)} {one_line(excerpt(note.content, words, 180))}"
        for note in await context.shelves.archival.get(agent_id, note_ids[:SHOWN])
    ]
    parts = []
    if messages:
        parts.append(f"{_count(len(message_ids), 'message')}:\n" + "\n".join(messages))
    if notes:
        parts.append(f"{_count(len(note_ids), 'note')}:\n" + "\n".join(notes))
    return "\n\n".join(parts) or f"I found nothing about “{one_line(query, 60)}”."


def _count(number: int, noun: str) -> str:
    counted = f"{number} {noun}{'' if number == 1 else 's'}"
    return f"{counted}, the best {SHOWN}" if number > SHOWN else counted
