"""What `/agent undo` and `/agent admin undo` share: the last change is undone, and what came of it is shown.

A reset is a change, too: what it took away comes back after a question, by its name (`undo reset`) or as the last one.
"""

from datetime import timedelta

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.events import local_time
from bot.memory_rights.checkpoints import CheckpointUnusable
from bot.memory_rights.reset_undo import BroughtBack
from bot.memory_rights.resets import named
from bot.memory_rights.undo import May, Undone
from bot.slash.changes_text import Shows, told_by, told_edits
from bot.slash.command import CommandContext
from bot.slash.question import Question
from bot.text import counted
from memory.core.change_journal import MemoryChange
from memory.erasing.undoable_resets import UNDOABLE, UndoableReset

RESET = "reset"

PAUSED = "Memory is paused, so I change nothing in it. `/agent resume` ends that."

NOTHING = "There is nothing to undo."

NO_RESET = (
    f"There is no reset to undo: none was made in the last {UNDOABLE // timedelta(days=1)} days, or it was undone."
)


async def undo_last(
    context: CommandContext, reason: str, may: May, shows: Shows, *, may_undo_resets: bool
) -> str | Question:
    """Undo the newest change that the caller may undo, and show it; if that is a reset, ask before.

    Raises:
        CommandRefused: there is none, or memory is paused.
    """
    undo = context.parts.rights.undo
    if await context.parts.agents.id_of(context.scope) is None:
        raise CommandRefused(NOTHING)

    async def work(agent: Agent) -> Undone | UndoableReset:
        _refuse_if_paused(agent)
        reset = await context.parts.rights.reset_undo.last(agent)
        change = await undo.last(agent, may)
        if reset is not None and may_undo_resets and (change is None or change.id <= reset.change_id):
            return reset
        if change is None:
            raise CommandRefused(NOTHING)
        return await undo.undo(agent, change, author=context.author, reason=reason)

    undone = await context.in_lane(work)
    if isinstance(undone, UndoableReset):
        return await _ask(context, reason, undone)
    change = undone.change
    when, by = local_time(change.created_at, await context.zone()), told_by(change, context.author)
    told = f"Undone: what was changed at {when} {by}."
    shown = told_edits((*undone.edits, *undone.notes), {}, shows) if undone.edits or undone.notes else None
    further = [
        *([f"{counted(undone.kept, 'change')} of it stayed: the text was changed again since."] if undone.kept else ()),
        f"`{reason}` again goes one further back.",
    ]
    return "\n".join(part for part in (told, shown, " ".join(further)) if part)


async def undo_reset(context: CommandContext, reason: str) -> Question:
    """Ask whether the last reset is to be undone, whatever came since.

    Raises:
        CommandRefused: there is none, or memory is paused.
    """
    if await context.parts.agents.id_of(context.scope) is None:
        raise CommandRefused(NO_RESET)

    async def find(agent: Agent) -> UndoableReset:
        _refuse_if_paused(agent)
        if (reset := await context.parts.rights.reset_undo.last(agent)) is None:
            raise CommandRefused(NO_RESET)
        return reset

    return await _ask(context, reason, await context.in_lane(find))


async def _ask(context: CommandContext, reason: str, reset: UndoableReset) -> Question:
    reset_undo = context.parts.rights.reset_undo

    async def bring_back(agent: Agent) -> BroughtBack:
        _refuse_if_paused(agent)
        if (last := await reset_undo.last(agent)) is None or last.id != reset.id:
            raise CommandRefused(f"That is out of date by now, and nothing was changed. `{reason} {RESET}` asks anew.")
        return await reset_undo.undo(agent, reset, author=context.author, reason=reason)

    async def confirmed() -> str:
        try:
            brought = await context.in_lane(bring_back)
        except CheckpointUnusable as fault:
            raise CommandRefused(str(fault)) from None
        context.parts.expect(context.now)  # of follow-ups that came back some may be due soon
        stayed = [f"The block {label} stayed as it is: it was changed since." for label in brought.kept]
        return " ".join([f"Done: {named(reset.part)} is back, and what came since is still there.", *stayed])

    try:
        lines = await reset_undo.preview(reset)
    except CheckpointUnusable as fault:
        raise CommandRefused(str(fault)) from None
    listed = "\n".join(f"- {line}" for line in lines)
    when = local_time(reset.at, await context.zone())
    return Question(
        f"This brings back what was reset at {when}:\n{listed}\n\nWhat came since stays. What was deleted, edited, "
        "forgotten or erased since, or is too old by now, does not come back. Go on?",
        confirmed,
    )


def _refuse_if_paused(agent: Agent) -> None:
    if agent.paused_at is not None:
        raise CommandRefused(PAUSED)


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
