"""What `/agent undo` and `/agent admin undo` share: the last change is undone, and what came of it is shown."""

from bot.agent import Agent
from bot.changes_text import Shows, told_by, told_edits
from bot.command import CommandContext
from bot.errors import CommandRefused
from bot.events import local_time
from bot.text import counted
from bot.undo import May, Undone
from memory.change_journal import MemoryChange

PAUSED = "Memory is paused, so I change nothing in it. `/agent resume` ends that."

NOTHING = "There is nothing to undo."

OF_RESET = "What else was reset with it (conversation, archive) comes back only from the checkpoint that was made."


async def undo_last(context: CommandContext, reason: str, may: May, shows: Shows) -> str:
    """Undo the newest change that the caller may undo, and show it.

    Raises:
        CommandRefused: there is none, or memory is paused.
    """
    undo = context.parts.undo
    if await context.parts.agents.id_of(context.scope) is None:
        raise CommandRefused(NOTHING)

    async def work(agent: Agent) -> Undone:
        if agent.paused_at is not None:
            raise CommandRefused(PAUSED)
        change = await undo.last(agent, may)
        if change is None:
            raise CommandRefused(NOTHING)
        return await undo.undo(agent, change, author=context.author, reason=reason)

    undone = await context.in_lane(work)
    change = undone.change
    when, by = local_time(change.created_at, await context.zone()), told_by(change, context.author)
    told = f"Undone: what was changed at {when} {by}."
    shown = told_edits((*undone.edits, *undone.notes), {}, shows) if undone.edits or undone.notes else None
    further = [
        *([f"{counted(undone.kept, 'change')} of it stayed: the text was changed again since."] if undone.kept else ()),
        *([OF_RESET] if change.edits and change.edits[0].reason.endswith(" reset") else ()),
        f"`{reason}` again goes one further back.",
    ]
    return "\n".join(part for part in (told, shown, " ".join(further)) if part)


async def own_sources(context: CommandContext, change: MemoryChange) -> bool:
    """Whether all of a change came from the caller: written by a command of theirs, or from a message of theirs."""
    agent_id = await context.parts.agents.id_of(context.scope)
    if agent_id is None:
        return False
    named = [edit.source_message_id for edit in change.all_edits if edit.source_message_id is not None]
    messages = {message.id: message for message in await context.parts.shelves.recall.get(agent_id, named)}
    return all(
        edit.author == context.author
        or ((message := messages.get(edit.source_message_id or 0)) is not None and context.is_own(message))
        for edit in change.all_edits
    )
