"""Editing core memory."""

from bot.errors import ToolFailed
from bot.executor import ToolContext
from bot.registry import tool


@tool
async def core_memory_append(context: ToolContext, label: str, content: str) -> None:
    """Add a line to a block of core memory, when you learn something to be remembered for good.

    Args:
        label: The block.
        content: The line to add.
    """
    if not content.strip():
        raise ToolFailed("The content is empty.")
    edited = context.draft.core.append(label, content.strip(), context.shelves.counter)
    context.edit_core(label, edited, "core_memory_append")


@tool
async def core_memory_replace(context: ToolContext, label: str, old_content: str, new_content: str) -> None:
    """Correct or delete text in a block of core memory.

    Args:
        label: The block.
        old_content: Text that stands there exactly once, word for word.
        new_content: What to put in its place; empty deletes.
    """
    edited = context.draft.core.replace(label, old_content, new_content, context.shelves.counter)
    context.edit_core(label, edited, "core_memory_replace")
