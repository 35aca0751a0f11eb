"""Changes of memory as people are shown them: who changed what, when, and from which message."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from zoneinfo import ZoneInfo

from bot.events import local_time, named
from bot.memory_rights.like_orders import why_like_orders, with_hidden_shown
from bot.memory_rights.whose_notes import PERSONA
from bot.text import one_line, verbatim
from memory.core.change_journal import ChangeKind, MemoryChange
from memory.erasing.traces import AGENT
from memory.ports import BlockEdit, Message, NoteAction, NoteEdit

MAX_LINE_CHARS = 160

ARCHIVE = "archive"

ON_SOMEBODY_ELSE = "a note on somebody else"

Shows = Callable[[BlockEdit | NoteEdit], bool]
"""Whether a reader may see what an edit wrote."""

MARK = "⚠"
"""Stands beside a change that reads like an order to the agent, and not like a fact."""

MARK_LINE = f"    {MARK} reads like an order to me: "

_SIGNS = {NoteAction.ADDED: "+", NoteAction.TAGGED: "+", NoteAction.REMOVED: "-", NoteAction.UNTAGGED: "-"}


def told_change(
    change: MemoryChange,
    zone: ZoneInfo,
    messages: Mapping[int, Message],
    shows: Shows,
    reader: str,
    *,
    reads: Callable[[Message], bool],
) -> str:
    """A change in Markdown: a heading, and what is different since, block by block.

    Args:
        change: what is told of.
        zone: for its time.
        messages: those that it came from, by id.
        shows: whether the reader may see what an edit wrote.
        reader: as the journal names them.
        reads: whether the reader may see what a message says; of others they are told who wrote it.
    """
    undone = ", undone since" if change.is_undone else ""
    edits = told_edits(change.all_edits, messages, shows, reads)
    mark = f" {MARK}" if MARK_LINE in edits else ""
    return f"**{local_time(change.created_at, zone)}** {told_by(change, reader)}{undone}{mark}\n{edits}"


def told_by(change: MemoryChange, reader: str) -> str:
    """What made a change; `reader` as above."""
    if change.kind is ChangeKind.REFLECTION:
        return "by me, while I reflected"
    if change.kind is ChangeKind.TURN:
        return "by me"
    edit = change.all_edits[0]
    return f"by {'you' if edit.author == reader else edit.author} ({edit.reason})"


def told_source(message: Message, reads: Callable[[Message], bool]) -> list[str]:
    """The message that something came from; to who may not read it, who wrote it. Nothing of one that nobody wrote."""
    if reads(message):
        return [f"    from message {message.id}: {one_line(message.text or '', MAX_LINE_CHARS)}"]
    if message.author_id is None:
        return []
    return [f"    from a message of {named(one_line(message.author_name or '', 60), one_line(message.author_id, 60))}"]


def told_edits(
    edits: Iterable[BlockEdit | NoteEdit],
    messages: Mapping[int, Message],
    shows: Shows,
    reads: Callable[[Message], bool] = lambda message: True,
) -> str:
    """The lines that came (+) and went (-), each part below the name of its block, with the message it came from."""
    lines: list[str] = []
    label = ""
    for edit in edits:
        is_shown = shows(edit)
        of = (edit.label if isinstance(edit, BlockEdit) else ARCHIVE) if is_shown else ON_SOMEBODY_ELSE
        if of != label:
            lines.append(of)
            label = of
        if not is_shown:
            continue
        if isinstance(edit, BlockEdit):
            lines += _differences(edit)
        else:
            tags = f" [{', '.join(edit.tags)}]" if edit.tags else ""
            lines.append(f"{_SIGNS[edit.action]} {_shown(edit.content)}{tags[:80]}")
        if (why := _why_marked(edit)) is not None:
            lines.append(f"{MARK_LINE}{why}")
        if (message := messages.get(edit.source_message_id or 0)) is not None:
            lines += told_source(message, reads)
    return verbatim("\n".join(lines))


def _differences(edit: BlockEdit) -> Iterator[str]:
    old, new = (text.split("\n") if text else [] for text in (edit.before, edit.after))
    for change, from_old, to_old, from_new, to_new in SequenceMatcher(None, old, new, False).get_opcodes():
        if change != "equal":
            yield from (f"- {_shown(line)}" for line in old[from_old:to_old])
            yield from (f"+ {_shown(line)}" for line in new[from_new:to_new])


def _shown(line: str) -> str:
    return one_line(with_hidden_shown(line), MAX_LINE_CHARS)


def _why_marked(edit: BlockEdit | NoteEdit) -> str | None:
    """Why what an edit wrote reads like an order to the agent; a persona that somebody chose is made of orders."""
    if isinstance(edit, NoteEdit):
        return why_like_orders(edit.content) if edit.action is NoteAction.ADDED else None
    if edit.label == PERSONA and edit.author != AGENT:
        return None
    old = edit.before.split("\n")
    return why_like_orders("\n".join(line for line in edit.after.split("\n") if line not in old))
