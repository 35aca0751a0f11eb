"""Core memory: labelled blocks of text that always stand in the model's window and that the agent edits (pure).

The paper calls it *working context* (MemGPT, section 2.1); the tools call it core memory, and so do we.
"""

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
        found = block.value.count(old_content) if old_content else 0
        if found != 1:
            raise NoSingleMatch(_why_no_match(block, old_content, found))
        value = block.value.replace(old_content, new_content)
        if not new_content:  # a deleted line leaves no empty line behind
            value = "\n".join(line for line in value.splitlines() if line.strip())
        return self._with(block, value, counter)

    def render(self) -> str:
        """The blocks as they stand in the model's window."""
        return "\n".join(f"<{block.label}>\n{block.value}\n</{block.label}>" for block in self.blocks)

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


def _why_no_match(block: Block, old_content: str, found: int) -> str:
    if not old_content:
        return "old_content is empty. To add a line, use core_memory_append."
    if found > 1:
        return f"old_content stands {found} times in {block.label!r}. Give a longer piece that stands there once."
    lines = [line for line in block.value.splitlines() if line.strip()]
    ranked = sorted(lines, key=lambda line: SequenceMatcher(None, line, old_content).ratio(), reverse=True)
    nearest = " | ".join(ranked[:3]) or "(the block is empty)"
    return f"old_content does not stand in {block.label!r} word for word. Nearest lines: {nearest}"
