"""What a reflection is about: what is new since the last one, as the model reads it, and where facts may come from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.agent import Queued
from bot.context.main_context import ContextCompiler
from bot.context.sources import sources_of
from bot.timed.reflection_text import enough, material, says_again, says_alike, source_of
from bot.turns.draft import Draft
from bot.turns.open_turn import OpenTurn
from bot.turns.shelves import Shelves
from memory.archival.storage import ArchivalStorage
from memory.core.core_memory import person_label
from memory.ports import BlockEdit, Kind, Message, NewPassage, Passage, PassageKind

ON_REQUEST = "set off by hand"
"""The text of a reflection that somebody wants now, however little is new."""

MOST_SAID = 300
"""Of what was said since the last time, the newest so many messages are looked at."""

ENOUGH_MESSAGES, ENOUGH_TOKENS = 5, 300
"""So many messages of people, or so many tokens of their words, are worth a reflection."""

MOST_NEW_NOTES, MOST_NEAR = 8, 5
"""Of what was kept since the last time, so many notes are held against so many that are near each in meaning."""

MOST_SOUGHT = 8
"""For so many of people's newest messages notes are looked for that say the same already."""

EVENT_SHARE = 2.0
"""What the event may take, against a message in a conversation: there is no conversation beside it."""

MARGIN = 0.85
"""What of that is text, as JSON takes some tokens more."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What stays the same in a reflection.

    Attributes:
        event: that woke the agent, with what the model is to read.
        shown: the same as it stands in the prompt.
        messages: those that facts may come from, oldest first.
        newest_id: of what was said.
    """

    event: Message
    shown: Queued
    messages: tuple[Message, ...]
    newest_id: int


async def scene_of(turn: OpenTurn, shelves: Shelves, compiler: ContextCompiler) -> Scene | None:
    """What the model is to read; None if there is too little new, unless somebody wants it now."""
    agent = turn.progress.agent
    said = await shelves.recall.said_since(agent.id, await shelves.agents.reflected_to(agent.id), MOST_SAID)
    is_enough = enough(said, shelves.counter, messages=ENOUGH_MESSAGES, tokens=ENOUGH_TOKENS)
    if not (is_enough or turn.event.text == ON_REQUEST):
        return None
    people = {
        person_label(message.author_id): message.author_name or message.author_id
        for message in said
        if message.author_id is not None and not agent.is_direct
    }
    blocks = [
        (block, await sources_of(shelves, agent.id, block.label, block.value))
        for block in agent.core
        if not block.is_on_person or block.label in people
    ]
    most_tokens = int(compiler.room.message * EVENT_SHARE * MARGIN)
    is_of_many = not agent.is_direct
    since = said[0].created_at if said else datetime.min.replace(tzinfo=UTC)
    alike = await notes_alike(shelves.archival, agent.id, since)
    alike |= await notes_of_before(shelves.archival, agent.id, since, said)
    notes = [alike[id_] for id_ in sorted(alike)]
    text, shown = material(blocks, people, notes, said, agent.zone, shelves.counter, most_tokens, names_ids=is_of_many)
    event = replace(turn.event, text=text)
    (queued,) = compiler.queued([event], agent.zone, names_speaker=False, share=EVENT_SHARE)
    behind_lines = [source.message for _, sources in blocks for source in sources if source.message is not None]
    messages = {message.id: message for message in (*behind_lines, *shown)}
    newest = max((message.id for message in said), default=turn.id)
    return Scene(event, queued, tuple(messages[id_] for id_ in sorted(messages)), newest)


async def notes_alike(archival: ArchivalStorage, agent_id: int, since: datetime) -> dict[int, Passage]:
    """Notes that were kept since a moment, with others that share most of their words, by their ids."""
    alike: dict[int, Passage] = {}
    for new in await archival.newest(agent_id, since, MOST_NEW_NOTES):
        notes = await _notes_near(archival, agent_id, new.content)
        near = [note for note in notes if note.id != new.id and says_alike(note.content, new.content)]
        alike |= {note.id: note for note in (new, *near) if near}
    return alike


async def notes_of_before(
    archival: ArchivalStorage, agent_id: int, before: datetime, said: Sequence[Message]
) -> dict[int, Passage]:
    """Notes that were kept before a moment, however long, and may say already what people said last, by their ids."""
    theirs = [message.text for message in said if message.kind is Kind.USER_MESSAGE and message.text]
    noted: dict[int, Passage] = {}
    for text in theirs[-MOST_SOUGHT:]:
        notes = await _notes_near(archival, agent_id, text)
        noted |= {note.id: note for note in notes if note.created_at < before and says_again(text, note.content)}
    return noted


async def _notes_near(archival: ArchivalStorage, agent_id: int, text: str) -> list[Passage]:
    found = await archival.get(agent_id, (await archival.find(agent_id, text)).ids[:MOST_NEAR])
    return [note for note in found if note.kind is PassageKind.NOTE and note.document is None]


def with_sources(draft: Draft, scene: Scene) -> Draft:
    """The draft with what it keeps naming the message that it comes from, in the place of the event."""
    passages = tuple(replace(passage, source_message_id=_source_of_note(passage, scene)) for passage in draft.passages)
    return replace(draft, edits=tuple(_with_source(edit, scene.messages) for edit in draft.edits), passages=passages)


def _source_of_note(note: NewPassage, scene: Scene) -> int | None:
    """What it shares words with, or else what the notes came from for which it stands."""
    known = note.source_message_id if note.source_message_id != scene.event.id else None
    return source_of(note.content, "", scene.messages) or known


def _with_source(edit: BlockEdit, messages: Sequence[Message]) -> BlockEdit:
    """The edit with the message that its new words come from; those of lines that it changes are known."""
    old, new = edit.before.split("\n"), edit.after.split("\n")
    added = "\n".join(line for line in new if line not in old)
    gone = "\n".join(line for line in old if line not in new)
    return replace(edit, source_message_id=source_of(added, gone, messages) if added else None)
