"""What deleted messages, and memory that was reset, left behind, and what of it is to go with them (pure).

The messages that began a turn together are one source: whatever the turn made of them names the last. Of such a turn,
what rests on the messages that are left stays. What a message quotes belongs to it, and may be deleted without it.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memory.core.provenance import LineHistory, histories
from memory.ports import BlockEdit, Kind, Message, ToolUse
from memory.search.words import text_terms

AGENT = "agent"
"""The author of the agent's own edits."""

SAID_BY = "send_message"
"""The tool whose calls are what people heard: they stay."""

REDACTED = "(removed with the message that it came from)"

RESET = "(removed: memory was reset)"

UNDONE = "(removed: it was undone)"

CORRECTED = "(removed: somebody corrected it)"

WRITE_CORE = frozenset({"core_memory_append", "core_memory_replace"})
WRITE_ARCHIVE = frozenset({"archival_memory_insert"})
SEARCHES = frozenset({"conversation_search", "archival_memory_search"})
"""Tools by what of memory their calls and results show."""


@dataclass(frozen=True, slots=True)
class Source:
    """The messages of a turn, some of which were deleted, or what some of them quote.

    Attributes:
        own: terms that nobody but the deleted messages said.
        left: the text of those that are left.
        heir: the newest of these; None if none is left.
        unquoted: if only what they quote was deleted, what that said.
    """

    own: frozenset[str]
    left: str
    heir: int | None
    unquoted: str | None = None

    def bears(self, text: str) -> bool:
        """Whether what was made of the turn's messages rests on those that are left."""
        return self.supports(text) and not self.betrays(text)

    def supports(self, text: str) -> bool:
        """Whether it may rest on them: all that does not speak of the quote, if that alone is gone."""
        if self.heir is None:
            return False
        return _shares(text, self.left) or (self.unquoted is not None and not _shares(text, self.unquoted))

    def betrays(self, text: str) -> bool:
        """Whether a text holds a word that only the deleted messages said."""
        return not self.own.isdisjoint(text_terms(text))


Sources = Mapping[int, Source]
"""By the ids of all messages of the turns, deleted or not."""


def sources_of(
    messages: Sequence[Message],
    deleted_ids: Collection[int],
    said_by_others: Collection[str],
    unquoted_ids: Collection[int] = (),
) -> dict[int, Source]:
    """The sources that deleted messages were a part of, or were quoted in.

    Args:
        messages: all messages of their turns.
        deleted_ids: those that were deleted.
        said_by_others: terms that stand in other messages of people, too.
        unquoted_ids: those that quote what was deleted.
    """
    sources: dict[int, Source] = {}
    for turn_id in dict.fromkeys(message.turn_id for message in messages):
        said = [message for message in messages if message.turn_id == turn_id and message.kind is Kind.USER_MESSAGE]
        gone = [message for message in said if message.id in deleted_ids]
        left = [message for message in said if message.id not in deleted_ids]
        unquoted = _quotes(message for message in left if message.id in unquoted_ids)
        words_gone = "\n".join((_joined(gone), _quotes(gone), unquoted))
        words_left = "\n".join((_joined(left), _quotes(message for message in left if message.id not in unquoted_ids)))
        own = frozenset(text_terms(words_gone)).difference(text_terms(words_left), said_by_others)
        heir = max((message.id for message in left), default=None)
        source = Source(own, words_left, heir, unquoted if not gone else None)
        # What an earlier change left nameless is found by the turn, whose id is that of its first message.
        sources |= dict.fromkeys([turn_id, *(message.id for message in said)], source)
    return sources


def doomed_lines(value: str, edits: Sequence[BlockEdit], sources: Sources, texts: Mapping[int, str]) -> frozenset[str]:
    """Lines of a block, now or ever, that are to go: their only source was deleted.

    A line that others support too stays, unless it holds a word that only the deleted messages said.

    Args:
        value: the block.
        edits: its whole journal, oldest first.
        sources: what was deleted.
        texts: the texts of the other messages that edits name.
    """
    found = histories(value, edits)
    return frozenset(line for line, history in found.items() if _is_doomed(line, history, sources, texts))


def betrayed_lines(
    value: str, edits: Sequence[BlockEdit], made: Collection[BlockEdit], sources: Sources
) -> frozenset[str]:
    """Lines of a block, now or ever, that hold a word which only deleted messages said, and that came of some edits.

    Of what is made of many messages at once (a reflection) the journal names one for each edit, the likeliest.

    Args:
        value: the block.
        edits: its whole journal, oldest first.
        made: those of the edits.
        sources: what was deleted.
    """

    def is_theirs(line: str, history: LineHistory) -> bool:
        is_made = any(edit in made for edit in history.edits) and not history.was_there
        return is_made and not any(_wrote(edit, line) for edit in history.edits)

    found = histories(value, edits)
    secret = set(sources.values())
    return frozenset(
        line
        for line, history in found.items()
        if is_theirs(line, history) and any(source.betrays(line) for source in secret)
    )


def without_lines(text: str, doomed: Collection[str]) -> str:
    """A block without some lines."""
    return "\n".join(line for line in text.split("\n") if line not in doomed)


def redacted(message: Message, source: Source) -> Message:
    """What the agent thought, called and found in a turn, without what came from deleted messages.

    What it said to people stays.
    """
    is_empty = source.heir is None

    def is_to_go(text: str | None) -> bool:
        return bool(text) and (is_empty or source.betrays(text or ""))

    if message.kind is Kind.TOOL_RESULT:
        is_telling = source.betrays(message.text or "")
        return replace(message, text=json.dumps({"status": REDACTED})) if is_telling else message
    if message.kind is not Kind.ASSISTANT:
        return message
    uses = tuple(
        ToolUse(use.id, use.name, "{}") if use.name != SAID_BY and is_to_go(use.arguments) else use
        for use in message.tool_uses
    )
    return replace(message, thoughts=REDACTED if is_to_go(message.thoughts) else message.thoughts, tool_uses=uses)


def without_hits(message: Message, message_ids: Collection[int], note_ids: Collection[int]) -> Message:
    """The result of a search without what it showed of messages and notes that are gone, or were rewritten."""
    return _without(message, lambda hit: _shows(hit, message_ids, note_ids))


def page_without(text: str | None, message_ids: Collection[int], note_ids: Collection[int]) -> str | None:
    """The same of the text alone."""
    return _page_without(text, lambda hit: _shows(hit, message_ids, note_ids))


def without_calls(
    turns: Sequence[Message],
    tools: Collection[str],
    is_of_them: Callable[[Mapping[str, Any]], bool],
    instead: str = RESET,
) -> tuple[Message, ...]:
    """Of turns, the messages that showed what some tools wrote, without it.

    Args:
        turns: their messages, in order.
        tools: by name; what they were given, and what came of it, goes.
        is_of_them: whether a hit of a search shows what they wrote.
        instead: what is put in the place of their results.
    """
    changed, called = [], dict[str, str]()
    for message in turns:
        new = message
        if message.kind is Kind.ASSISTANT:
            called = {use.id: use.name for use in message.tool_uses}
            uses = (ToolUse(use.id, use.name, "{}") if use.name in tools else use for use in message.tool_uses)
            new = replace(message, tool_uses=tuple(uses))
        elif message.kind is Kind.TOOL_RESULT:
            is_theirs = called.get(message.tool_use_id or "") in tools
            new = replace(message, text=json.dumps({"status": instead})) if is_theirs else _without(message, is_of_them)
        if new != message:
            changed.append(new)
    return tuple(changed)


def shows_core_memory(hit: Mapping[str, Any]) -> bool:
    """Whether a hit is a line of core memory."""
    return "line" in hit


def shows_archive(hit: Mapping[str, Any]) -> bool:
    """Whether a hit is a note, or a piece of a document."""
    return "line" not in hit and "from" not in hit


def _without(message: Message, is_to_go: Callable[[Mapping[str, Any]], bool]) -> Message:
    left = _page_without(message.text, is_to_go)
    return message if left == message.text else replace(message, text=left)


def _page_without(text: str | None, is_to_go: Callable[[Mapping[str, Any]], bool]) -> str | None:
    try:
        page = json.loads(text or "")
    except (ValueError, RecursionError):
        return text
    hits = page.get("results") if isinstance(page, dict) else None
    if not isinstance(hits, list):
        return text
    left = [hit for hit in hits if not (isinstance(hit, dict) and is_to_go(hit))]
    return text if len(left) == len(hits) else json.dumps(page | {"results": left}, ensure_ascii=False)


def _shows(hit: Mapping[str, Any], message_ids: Collection[int], note_ids: Collection[int]) -> bool:
    """As the tools tell it: a line of core memory, a message, or a note."""
    whence = hit.get("from_message")
    if "line" in hit:
        return isinstance(whence, dict) and whence.get("id") in message_ids
    return hit.get("id") in (message_ids if "from" in hit else note_ids)


def _is_doomed(line: str, history: LineHistory, sources: Sources, texts: Mapping[int, str]) -> bool:
    own = [sources[id_] for edit in history.edits if (id_ := edit.source_message_id) is not None and id_ in sources]
    if not own or history.was_there or any(_wrote(edit, line) for edit in history.edits):
        return False
    others = [texts[id_] for edit in history.edits if (id_ := edit.source_message_id) in texts and id_ is not None]
    if not others and not any(source.supports(line) for source in own):
        return True
    secret = frozenset().union(*(source.own for source in own)).difference(text_terms("\n".join(others)))
    return not secret.isdisjoint(text_terms(line))


def _wrote(edit: BlockEdit, line: str) -> bool:
    """Whether a person wrote the line as it stands, not the agent, and not because somebody had said so."""
    is_own = edit.author != AGENT and edit.source_message_id is None
    return is_own and line in edit.after.split("\n") and line not in edit.before.split("\n")


def _shares(text: str, other: str) -> bool:
    return not set(text_terms(text)).isdisjoint(text_terms(other))


def _joined(messages: Iterable[Message]) -> str:
    return "\n".join(message.text or "" for message in messages)


def _quotes(messages: Iterable[Message]) -> str:
    return "\n".join(message.quote.text for message in messages if message.quote is not None)
