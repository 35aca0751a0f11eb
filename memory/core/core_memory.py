"""Core memory: labelled blocks of text that always stand in the model's window and that the agent edits (pure).

The paper calls it *working context* (MemGPT, section 2.1); the tools call it core memory, and so do we.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from memory.ports import BlockFull, BlockNotFound, NoSingleMatch, TokenCounter

_PERSON = "person:"


def person_label(person_id: str) -> str:
    """The label of the block on somebody, by the platform's immutable id."""
    return _PERSON + person_id


def person_of_label(label: str) -> str | None:
    """Whom a block is on; None of the other blocks."""
    return label.removeprefix(_PERSON) if label.startswith(_PERSON) else None


@dataclass(frozen=True, slots=True)
class Block:
    """A labelled text with room for `limit` tokens."""

    label: str
    value: str
    limit: int

    @property
    def is_on_person(self) -> bool:
        """Whether it is on one of the people of a channel."""
        return person_of_label(self.label) is not None


@dataclass(frozen=True, slots=True)
class CoreMemory:
    """The blocks of one agent, in the order in which the model sees them.

    Those on the people of a channel are in view only while these speak. One that becomes empty is gone.
    """

    blocks: tuple[Block, ...]

    @property
    def people(self) -> tuple[Block, ...]:
        """The blocks on people."""
        return tuple(block for block in self.blocks if block.is_on_person)

    @property
    def always_in_view(self) -> tuple[Block, ...]:
        """All other blocks."""
        return tuple(block for block in self.blocks if not block.is_on_person)

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def block(self, label: str) -> Block:
        """The block of that label.

        Raises:
            BlockNotFound: naming the labels there are.
        """
        for block in self.blocks:
            if block.label == label:
                return block
        labels = ", ".join(block.label for block in self.always_in_view)
        raise BlockNotFound(f"There is no block {label!r}. The blocks are: {labels}.")

    def text(self, label: str) -> str:
        """What stands in a block; nothing if there is none."""
        return next((block.value for block in self.blocks if block.label == label), "")

    def with_person(self, label: str, limit: int) -> "CoreMemory":
        """The same with a block on somebody, to be written to; it is empty if there was none."""
        is_there = any(block.label == label for block in self.blocks)
        return self if is_there else CoreMemory((*self.blocks, Block(label, "", limit)))

    def with_limits(self, block: int, person: int) -> "CoreMemory":
        """The same with room for so many tokens in each block, and in each on a person; nothing in them is cut."""
        limits = [person if of.is_on_person else block for of in self.blocks]
        if all(of.limit == limit for of, limit in zip(self.blocks, limits, strict=True)):
            return self
        return CoreMemory(tuple(replace(of, limit=limit) for of, limit in zip(self.blocks, limits, strict=True)))

    def append(self, label: str, content: str, counter: TokenCounter) -> "CoreMemory":
        """Add a line to a block.

        Raises:
            BlockNotFound: no such label.
            BlockFull: with the room that is left, in tokens.
        """
        block = self.block(label)
        value = f"{block.value}\n{content}" if block.value else content
        return self._with(block, value, counter)

    def replace(self, label: str, old_content: str, new_content: str, counter: TokenCounter) -> "CoreMemory":
        """Put `new_content` where `old_content` stands, exactly once; an empty new text deletes it.

        Raises:
            BlockNotFound: no such label.
            NoSingleMatch: the old text is not there (with the nearest lines), or is there more than once.
            BlockFull: with the room that is left, in tokens.
        """
        block = self.block(label)
        found = len(re.findall(f"(?={re.escape(old_content)})", block.value)) if old_content else 0  # overlaps count
        if found != 1:
            raise NoSingleMatch(_why_no_match(block, old_content, found))
        before, _, after = block.value.partition(old_content)
        return self._with(block, before + new_content + after if new_content else _close(before, after), counter)

    def rewrite(self, label: str, content: str, counter: TokenCounter) -> "CoreMemory":
        """Put a text in the place of all that stands in a block.

        Raises:
            BlockNotFound: no such label.
            BlockFull: with the room that is left, in tokens.
        """
        return self._with(self.block(label), content, counter)

    def rewrite_line(self, label: str, number: int, content: str, counter: TokenCounter) -> "CoreMemory":
        """Put a text in the place of a line, by its number from 1 among those that say something; empty takes it out.

        Raises:
            BlockNotFound: no such label.
            NoSingleMatch: no such line.
            BlockFull: with the room that is left, in tokens.
        """
        block = self.block(label)
        lines = block.value.split("\n")
        at = dict(enumerate((at for at, line in enumerate(lines) if line.strip()), 1)).get(number)
        if at is None:
            raise NoSingleMatch(f"There is no line {number} in {label!r}.")
        lines[at : at + 1] = [content] if content else []
        return self._with(block, "\n".join(lines), counter)

    def without_edit(self, label: str, before: str, after: str) -> "CoreMemory | None":
        """The same as if an edit from `before` to `after` had not been made; later edits stay.

        Returns:
            None if what the edit wrote has been changed since, so that it cannot be told apart any more.
        """
        core = self if person_of_label(label) is None else self.with_person(label, 0)
        block = next((block for block in core.blocks if block.label == label), None)
        value = None if block is None else _unedited(block.value, before, after)
        if block is None or value is None:
            return None
        return core._put(replace(block, value=value))

    def render(self) -> str:
        """The blocks as they always stand in the model's window."""
        blocks = self.always_in_view
        tag = re.compile("<(?=/?(?:" + "|".join(re.escape(block.label) for block in blocks) + ")>)")
        # What people wrote must not close a block and open another.
        shown = ((block.label, tag.sub("‹", block.value)) for block in blocks)
        return "\n".join(f"<{label}>\n{value}\n</{label}>" for label, value in shown)

    def _with(self, block: Block, value: str, counter: TokenCounter) -> "CoreMemory":
        size, was = counter.count(value), counter.count(block.value)
        if size > block.limit and size > was:
            raise BlockFull(
                f"The block {block.label!r} holds {was} of {block.limit} tokens; the result would be {size}. "
                f"Room left: {max(0, block.limit - was)} tokens. Shorten or delete lines with core_memory_replace, "
                "or keep the text with archival_memory_insert."
            )
        return self._put(replace(block, value=value))

    def _put(self, new: Block) -> "CoreMemory":
        """The same with a block in the place of the one of its label."""
        if new.is_on_person and not new.value:
            return CoreMemory(tuple(block for block in self.blocks if block.label != new.label))
        return CoreMemory(tuple(new if block.label == new.label else block for block in self.blocks))


def _unedited(value: str, before: str, after: str) -> str | None:
    """A text with the edit from `before` to `after` taken out of it, line by line; None if that is impossible."""
    if value == after:
        return before
    lines, old, new = (text.split("\n") if text else [] for text in (value, before, after))
    # From the end, so that a place found in `lines` is not shifted by what is changed further down.
    for change, from_new, to_new, from_old, to_old in reversed(SequenceMatcher(None, new, old, False).get_opcodes()):
        if change == "equal":
            continue
        written, erased = new[from_new:to_new], old[from_old:to_old]
        at = _place(lines, written) if written else _after(lines, new[:from_new])
        if at is None:
            return None
        lines[at : at + len(written)] = erased
    return "\n".join(lines)


def _place(lines: list[str], wanted: list[str]) -> int | None:
    """Where some lines stand together, the last place if there are several."""
    places = range(len(lines) - len(wanted), -1, -1)
    return next((at for at in places if lines[at : at + len(wanted)] == wanted), None)


def _after(lines: list[str], above: list[str]) -> int:
    """Where a line goes that stood below these: behind the nearest of them that is still there, else at the top."""
    for line in reversed(above):
        if line in lines:
            return len(lines) - lines[::-1].index(line)
    return 0


def _close(before: str, after: str) -> str:
    """Join what stood around a deleted text; a line of which nothing is left goes with it."""
    above, _, left = before.rpartition("\n")
    right, _, below = after.partition("\n")
    if (left + right).strip():
        return before + after
    return "\n".join(lines for lines in (above, below) if lines)


def _why_no_match(block: Block, old_content: str, found: int) -> str:
    if not old_content:
        return "old_content is empty. To add a line, use core_memory_append."
    if found > 1:
        return f"old_content stands {found} times in {block.label!r}. Give a longer piece that stands there once."
    lines = [line for line in block.value.splitlines() if line.strip()]
    wanted = old_content[:500]  # comparing takes the product of both lengths
    ranked = sorted(lines, key=lambda line: SequenceMatcher(None, line[:500], wanted).ratio(), reverse=True)
    nearest = " | ".join(ranked[:3]) or "(the block is empty)"
    return f"old_content does not stand in {block.label!r} word for word. Nearest lines: {nearest}"
