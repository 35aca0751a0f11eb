"""Core memory: labelled blocks of text that always stand in the model's window and that the agent edits (pure).

The paper calls it *working context* (MemGPT, section 2.1); the tools call it core memory, and so do we.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from memory.ports import BlockFull, BlockNotFound, NoSingleMatch, TokenCounter


@dataclass(frozen=True, slots=True)
class Block:
    """A labelled text with room for `limit` tokens."""

    label: str
    value: str
    limit: int


@dataclass(frozen=True, slots=True)
class CoreMemory:
    """The blocks of one agent, in the order in which the model sees them."""

    blocks: tuple[Block, ...]

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
        labels = ", ".join(block.label for block in self.blocks)
        raise BlockNotFound(f"There is no block {label!r}. The blocks are: {labels}.")

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

    def render(self) -> str:
        """The blocks as they stand in the model's window."""
        tag = re.compile("<(?=/?(?:" + "|".join(re.escape(block.label) for block in self.blocks) + ")>)")
        # What people wrote must not close a block and open another.
        shown = ((block.label, tag.sub("‹", block.value)) for block in self.blocks)
        return "\n".join(f"<{label}>\n{value}\n</{label}>" for label, value in shown)

    def _with(self, block: Block, value: str, counter: TokenCounter) -> "CoreMemory":
        size, was = counter.count(value), counter.count(block.value)
        if size > block.limit and size > was:
            raise BlockFull(
                f"The block {block.label!r} holds {was} of {block.limit} tokens; the result would be {size}. "
                f"Room left: {max(0, block.limit - was)} tokens. Shorten or delete lines with core_memory_replace, "
                "or keep the text with archival_memory_insert."
            )
        new = replace(block, value=value)
        return CoreMemory(tuple(new if other.label == block.label else other for other in self.blocks))


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
