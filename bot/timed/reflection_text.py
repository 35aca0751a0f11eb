"""What a reflection is about, as the model reads it (pure): how full memory is, its lines, and what was said since."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from bot.context.sources import Source
from bot.context.summary import gist
from bot.events import speaker_of
from bot.text import counted, one_line
from memory.core.core_memory import Block
from memory.ports import Kind, Message, Passage, TokenCounter
from memory.search.words import text_terms

MAX_LINE_CHARS = 120
MAX_SAID_CHARS, LEAST_SAID_CHARS = 800, 80
"""Of one message, what is shown, the less the smaller the room; the other words are found by a search."""

NEARLY_FULL = 0.8
"""The part of a block beyond which something is to be moved out of it."""

LINES_SHARE, NOTES_SHARE = 2, 8
"""The lines of memory take at most the second part of the room, notes that are alike the eighth."""

ALIKE = 0.5
"""Of two notes, the part of the shorter one's words that they share, if one may stand for both."""

MAX_NOTE_CHARS = 400
"""Of a note, what is shown; a search shows it in full."""


def enough(said: Sequence[Message], counter: TokenCounter, *, messages: int, tokens: int) -> bool:
    """Whether people have said so much that it is worth looking at."""
    theirs = [message.text or "" for message in said if message.kind is Kind.USER_MESSAGE]
    return len(theirs) >= messages or sum(map(counter.count, theirs)) >= tokens


def material(
    blocks: Sequence[tuple[Block, Sequence[Source]]],
    people: Mapping[str, str],
    notes: Sequence[Passage],
    said: Sequence[Message],
    zone: ZoneInfo,
    counter: TokenCounter,
    max_tokens: int,
    *,
    names_ids: bool,
) -> tuple[str, tuple[Message, ...]]:
    """The text, and the messages that it shows: the newest for which there is room.

    Args:
        blocks: of core memory, with the sources of their lines.
        people: the names of those whose blocks are among them, by label.
        notes: of the archive, that may say the same as each other, or as what was said.
        said: since the last time, oldest first.
        zone: for dates.
        counter: counts tokens.
        max_tokens: how long the text may be.
        names_ids: whether the ids of who spoke are told, by which blocks on people are named.
    """
    lines: list[str] = []
    left = max_tokens // LINES_SHARE
    for block, sources in blocks:
        told = [_heading(block, people.get(block.label), counter)]
        # Blocks on people are in view here alone; of the others the lines stand in core memory as well.
        told += [f"  {_day(source, zone)} | {_shown(block, source)}" for source in sources]
        for line in told:
            left -= counter.count(line) + 1
            if left < 0:
                break
            lines.append(line)
    head = "\n".join(["Core memory, how full each block is, and when each line was written:", *lines])
    head += _of_notes(notes, zone, counter, max_tokens // NOTES_SHARE)
    left = max_tokens - counter.count(head) - 40
    most_chars = min(MAX_SAID_CHARS, max(LEAST_SAID_CHARS, left // 2))  # at most about an eighth of the room
    shown: list[tuple[Message, str]] = []
    for message in reversed(said):
        line = _said(message, zone, most_chars, names_ids=names_ids)
        left -= counter.count(line) + 1
        if left < 0:
            break
        shown.append((message, line))
    shown.reverse()
    missing = len(said) - len(shown)
    older = f" ({counted(missing, 'older message')} left out; search for them)" if missing else ""
    text = "\n".join([head, "", f"Said since the last time, oldest first{older}:", *(line for _, line in shown)])
    return text, tuple(message for message, _ in shown)


def says_alike(one: str, other: str) -> bool:
    """Whether two notes share so many words that one may stand for both."""
    words, others = set(text_terms(one)), set(text_terms(other))
    return bool(words and others) and len(words & others) >= ALIKE * min(len(words), len(others))


def says_again(said: str, note: str) -> bool:
    """Whether what was said holds so many of a note's words that the note may say it already."""
    of_note = set(text_terms(note))
    shared = of_note.intersection(text_terms(said))
    return len(shared) > 1 and len(shared) >= ALIKE * len(of_note)


def source_of(added: str, known: str, messages: Sequence[Message]) -> int | None:
    """The message that new words of memory come from, by what they share; None if it cannot be told.

    Args:
        added: what stands in memory now.
        known: what stood in its place, whose sources are known: these words tell nothing.
        messages: those that it may come from, oldest first.
    """
    wanted = set(text_terms(added)).difference(text_terms(known))
    terms = [(message, wanted.intersection(text_terms(message.text or ""))) for message in messages]
    frequency: dict[str, int] = {}
    for _, shared in terms:
        for term in shared:
            frequency[term] = frequency.get(term, 0) + 1
    best, most = None, 0.0
    for message, shared in terms:
        score = sum(1 / frequency[term] for term in shared)
        if score >= most and shared and (len(shared) > 1 or len(shared) == len(wanted) or score == 1):
            best, most = message.id, score
    return best


def _of_notes(notes: Sequence[Passage], zone: ZoneInfo, counter: TokenCounter, most_tokens: int) -> str:
    """The part about notes, as far as there is room for it."""
    lines: list[str] = []
    for note in notes:
        line = f"  {note.id} | {note.created_at.astimezone(zone):%Y-%m-%d} | {one_line(note.content, MAX_NOTE_CHARS)}"
        most_tokens -= counter.count(line) + 1
        if most_tokens < 0:
            break
        lines.append(line)
    heading = "Notes in archival storage that may say the same, or no longer hold, by their ids:"
    return "\n".join(["\n", heading, *lines]) if lines else ""


def _heading(block: Block, name: str | None, counter: TokenCounter) -> str:
    size = counter.count(block.value)
    full = ", nearly full" if block.limit and size > NEARLY_FULL * block.limit else ""
    of = f" on {one_line(name, 60)}" if name else ""
    return f"{block.label}{of}: {size} of {block.limit} tokens{full}"


def _day(source: Source, zone: ZoneInfo) -> str:
    """When the line was said, or else written; of a line that was there from the beginning, nothing."""
    moment = source.message.created_at if source.message else source.edits[0].created_at if source.edits else None
    return "          " if moment is None else f"{moment.astimezone(zone):%Y-%m-%d}"


def _shown(block: Block, source: Source) -> str:
    return source.line if block.is_on_person else one_line(source.line, MAX_LINE_CHARS)


def _said(message: Message, zone: ZoneInfo, max_chars: int, *, names_ids: bool) -> str:
    moment = f"{message.created_at.astimezone(zone):%a %Y-%m-%d %H:%M}"
    speaker = one_line(speaker_of(message, agent="you (the agent)"), 60)
    if names_ids and message.author_id is not None:
        speaker = f"{speaker} ({message.author_id})"
    return f"  {moment} {speaker}: {gist(message.text or '', max_chars)}"
