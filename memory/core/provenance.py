"""Where the lines of core memory come from: a block, read against the journal of its edits (pure)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from memory.ports import BlockEdit
from memory.search.words import text_terms

MAX_EDITS = 3
"""Of one line, the newest so many edits are told."""


@dataclass(frozen=True, slots=True)
class SourcedLine:
    """A line of a block, and the edits that made it, newest first; none: it stood there from the beginning."""

    text: str
    edits: tuple[BlockEdit, ...] = ()


def sourced_lines(value: str, edits: Iterable[BlockEdit]) -> tuple[SourcedLine, ...]:
    """The lines of a block that say something, with what they come from.

    Args:
        value: the block as it is now.
        edits: its journal, oldest first; where edits are missing from it, what they wrote has no source.
    """
    lines: list[SourcedLine] = []
    earlier: dict[str, tuple[BlockEdit, ...]] = {}
    for edit in edits:
        lines = _edited(lines, edit.before, None, earlier)
        lines = _edited(lines, edit.after, edit, earlier)
    lines = _edited(lines, value, None, earlier)
    return tuple(SourcedLine(line.text, line.edits[:MAX_EDITS]) for line in lines if line.text.strip())


@dataclass(slots=True)
class LineHistory:
    """Of a text that was a line of a block at any time: all edits that had a part in it, in the order of the journal.

    `was_there`: it also stood there without any edit.
    """

    edits: list[BlockEdit]
    was_there: bool = False


def histories(value: str, edits: Iterable[BlockEdit]) -> dict[str, LineHistory]:
    """Every line that the block ever had; arguments as in `sourced_lines`."""
    lines: list[SourcedLine] = []
    earlier: dict[str, tuple[BlockEdit, ...]] = {}
    found: dict[str, LineHistory] = {}

    def take_in(lines: Collection[SourcedLine]) -> None:
        for line in lines:
            history = found.setdefault(line.text, LineHistory([]))
            history.edits += [edit for edit in reversed(line.edits) if edit not in history.edits]
            history.was_there |= not line.edits

    for edit in edits:
        take_in(lines := _edited(lines, edit.before, None, earlier))
        take_in(lines := _edited(lines, edit.after, edit, earlier))
    take_in(_edited(lines, value, None, earlier))
    return {text: history for text, history in found.items() if text.strip()}


def _edited(
    lines: Sequence[SourcedLine], text: str, edit: BlockEdit | None, earlier: dict[str, tuple[BlockEdit, ...]]
) -> list[SourcedLine]:
    """The lines as an edit left them; a line that comes back (a turn was taken back) keeps what it came from."""
    old, new = [line.text for line in lines], text.split("\n") if text else []
    if old == new:
        return list(lines)
    earlier.update((line.text, line.edits) for line in lines if line.edits)
    edited: list[SourcedLine] = []
    for change, from_old, to_old, from_new, to_new in SequenceMatcher(None, old, new, False).get_opcodes():
        if change == "equal":
            edited += lines[from_old:to_old]
            continue
        is_rewritten = to_old - from_old == to_new - from_new  # line by line
        replaced = lines[from_old:to_old]
        for number, line in enumerate(new[from_new:to_new]):
            before = earlier.get(line) or (replaced[number].edits if is_rewritten else _of_alike(line, replaced))
            edited.append(SourcedLine(line, ((edit,) if edit else ()) + before))
    return edited


def _of_alike(text: str, replaced: Sequence[SourcedLine]) -> tuple[BlockEdit, ...]:
    """The edits of those lines of which one that several were made one of has words, the newest first."""
    if not replaced:
        return ()
    terms = set(text_terms(text))
    alike = {edit: None for line in replaced if not terms.isdisjoint(text_terms(line.text)) for edit in line.edits}
    return tuple(sorted(alike, key=lambda edit: edit.created_at, reverse=True))
