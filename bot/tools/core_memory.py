"""Editing core memory."""

from bot.errors import ToolFailed
from bot.registry import tool
from bot.text import one_line
from bot.turns.tool_context import ToolContext
from memory.core.core_memory import CoreMemory, person_of_label
from memory.ports import NewPassage

MOST_PEOPLE = 200
"""People of whom one agent keeps a block; who has not been written of for longest goes into archival storage."""

MAX_LABEL_CHARS = 60


@tool
async def core_memory_append(context: ToolContext, label: str, content: str) -> None:
    """Add a line to a block of core memory, when you learn something to be remembered for good.

    Args:
        label: The block.
        content: The line to add.
    """
    if not content.strip():
        raise ToolFailed("The content is empty.")
    core = await _with_block(context, label)
    edited = core.append(label, content.strip(), context.shelves.counter)
    context.edit_core(label, edited, "core_memory_append")


@tool
async def core_memory_replace(context: ToolContext, label: str, old_content: str, new_content: str) -> None:
    """Correct or delete text in a block of core memory.

    Args:
        label: The block.
        old_content: Text that stands there exactly once, word for word.
        new_content: What to put in its place; empty deletes.
    """
    core = await _with_block(context, label)
    edited = core.replace(label, old_content, new_content, context.shelves.counter)
    context.edit_core(label, edited, "core_memory_replace")


async def _with_block(context: ToolContext, label: str) -> CoreMemory:
    """Core memory with a block of that label, made if it is on somebody of this channel who has none."""
    person, core = person_of_label(label), context.draft.core
    if person is None or context.agent.is_direct or any(block.label == label for block in core.people):
        return core
    if await context.shelves.recall.name_of(context.agent.id, person) is None:
        raise ToolFailed(
            f"Nobody of the id {one_line(person, 40)!r} has spoken here. The id stands in brackets behind the name."
        )
    if len(label) > MAX_LABEL_CHARS or any(sign in "<>" or not sign.isprintable() for sign in label):
        raise ToolFailed("This id can be no label. Keep it with archival_memory_insert.")
    if len(core.people) >= MOST_PEOPLE:
        await _put_away_oldest(context)
    return context.draft.core.with_person(label, context.shelves.room.person)


async def _put_away_oldest(context: ToolContext) -> None:
    """Make a note in archival storage of the block on a person that was not edited for longest."""
    agent, core, shelves = context.agent, context.draft.core, context.shelves
    just_edited = {edit.label for edit in context.draft.edits}
    labels = [block.label for block in core.people if block.label not in just_edited]
    if not labels:
        return
    label = await shelves.agents.least_recently_edited(agent.id, labels)
    name = await shelves.recall.name_of(agent.id, person_of_label(label) or "")
    note = NewPassage(
        content=f"{one_line(name or label, 80)} ({label}):\n{core.text(label)}",
        tags=(label,),
        source_message_id=context.event.id,
        created_at=context.now,
    )
    context.put_away(label, note, "moved to archival storage")
