"""An export for people: its records as Markdown, in their order (pure).

The machinery is left out: thoughts, calls of tools and what came of them stand in the records. A kind of record that
nothing is known of here is told field by field, so that none is missing.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from memory.portable.records import (
    AgentState,
    BlockText,
    End,
    Head,
    KeptChange,
    KeptCompaction,
    KeptDocument,
    KeptEdit,
    KeptFollowUp,
    KeptMessage,
    KeptNoteEdit,
    KeptPassage,
    KeptPiece,
    KeptSource,
    KeptUsage,
    Record,
)
from memory.ports import Kind

HEADINGS = {
    "block": "Core memory",
    "message": "What was said",
    "block_edit": "How core memory changed",
    "note_edit": "How notes changed",
    "passage": "Notes",
    "follow_up": "What is to be come back to",
    "usage": "What the model took",
    "source": "Documents",
    "document": "Documents",
}
"""The sections; records of another kind stand under its name."""


class Readable:
    """Makes Markdown of the records of one export, one after the other.

    Args:
        zone: for times.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._section = ""
        self._pieces: Counter[int] = Counter()
        self._usage: Counter[str] = Counter()
        self._tellers: dict[type[BaseModel], Callable[[Any], Iterator[str]]] = {
            Head: self._head,
            AgentState: self._agent,
            BlockText: self._block,
            KeptMessage: self._message,
            KeptCompaction: _nothing,
            KeptChange: _nothing,
            KeptEdit: self._edit,
            KeptNoteEdit: self._note_edit,
            KeptPassage: self._note,
            KeptFollowUp: self._follow_up,
            KeptUsage: self._call,
            KeptSource: self._source,
            KeptDocument: self._document,
            KeptPiece: _nothing,
            End: self._end,
        }

    def take(self, record: Record) -> str:
        """The Markdown of the next record; it may be empty."""
        lines = list(self._tellers.get(type(record), self._anything)(record))
        heading = HEADINGS.get(record.type, _words(record.type)) if lines else self._section
        if lines and heading != self._section and not isinstance(record, Head | AgentState | End):
            self._section = heading
            lines = [f"## {heading}\n", *lines]
        return "".join(f"{line}\n" for line in lines)

    # ── a kind each ──────────────────────────────────────────────────────────────────────────────────

    def _head(self, head: Head) -> Iterator[str]:
        yield "# What the bot remembers\n"
        if head.person is not None:
            yield f"This is the part of `{head.person}` in the memory of a channel.\n"

    def _agent(self, agent: AgentState) -> Iterator[str]:
        yield f"`{agent.scope}`, since {self._at(agent.created_at)}. Times are in {self._zone.key}.\n"
        if agent.summary:
            yield f"## Summary of what left the conversation\n\n{_quoted(agent.summary)}\n"

    def _block(self, block: BlockText) -> Iterator[str]:
        yield f"### {block.label}\n\n{_quoted(block.value or '(empty)')}\n"

    def _message(self, message: KeptMessage) -> Iterator[str]:
        if not message.text or message.kind is Kind.TOOL_RESULT:
            return
        who = {Kind.USER_MESSAGE: message.author_name or message.author_id or "somebody", Kind.ASSISTANT: "the bot"}
        yield f"**{who.get(message.kind, _words(message.kind.value))}**, {self._at(message.created_at)}\n"
        yield f"{_quoted(message.text)}\n"

    def _edit(self, edit: KeptEdit) -> Iterator[str]:
        before, after = edit.before.split("\n"), edit.after.split("\n")
        yield f"**{edit.label}**, {self._at(edit.created_at)}, by {edit.author} ({edit.reason})\n"
        went = [f"> − {line}" for line in before if line.strip() and line not in after]
        came = [f"> + {line}" for line in after if line.strip() and line not in before]
        yield "  \n".join((*went, *came)) + "\n"

    def _note_edit(self, edit: KeptNoteEdit) -> Iterator[str]:
        yield f"{edit.action.capitalize()}, {self._at(edit.created_at)}, by {edit.author} ({edit.reason})\n"
        yield f"{_quoted(edit.content)}\n"

    def _follow_up(self, timer: KeptFollowUp) -> Iterator[str]:
        again = f", again by `{timer.repeat}`" if timer.repeat is not None else ""
        yield f"{self._at(timer.due_at)}{again}\n"
        yield f"{_quoted(timer.note)}\n"

    def _note(self, note: KeptPassage) -> Iterator[str]:
        tags = f", {', '.join(note.tags)}" if note.tags else ""
        yield f"{self._at(note.created_at)}{tags}\n"
        yield f"{_quoted(note.content)}\n"

    def _call(self, call: KeptUsage) -> Iterator[str]:
        self._usage.update(calls=1, prompt=call.prompt_tokens, completion=call.completion_tokens)
        return iter(())

    def _source(self, source: KeptSource) -> Iterator[str]:
        yield f"### {source.name}\n"

    def _document(self, document: KeptDocument) -> Iterator[str]:
        yield f"- {document.name}, {self._at(document.loaded_at)}"

    def _end(self, end: End) -> Iterator[str]:
        if calls := self._usage["calls"]:
            yield f"\n## {HEADINGS['usage']}\n"
            yield f"{calls} calls, {self._usage['prompt']} tokens read, {self._usage['completion']} tokens written\n"

    def _anything(self, record: BaseModel) -> Iterator[str]:
        told = [
            f"{_words(name)}: {self._plain(value)}" for name, value in record if name != "type" and value is not None
        ]
        yield f"{_quoted(chr(10).join(told))}\n"

    def _plain(self, value: object) -> str:
        return self._at(value) if isinstance(value, datetime) else str(value)

    def _at(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M}"


def _nothing(record: BaseModel) -> Iterator[str]:
    return iter(())


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _quoted(text: str) -> str:
    """A text that cannot become a part of the page around it."""
    return "\n".join(f"> {line}" for line in text.split("\n"))
