"""Undoing all that one person brought into a channel's memory: the question before, and what is told after."""

from contextlib import aclosing

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.memory_rights.undo import Undone
from bot.slash.changes_text import told_change
from bot.slash.command import CommandContext
from bot.slash.question import Question
from bot.slash.undo_command import PAUSED
from bot.text import counted
from memory.core.change_journal import ChangeKind, MemoryChange
from memory.erasing.whose import Whose
from memory.turns.timers import WAITING, Timer

SHOWN = 5
"""Changes that the question shows, the newest ones."""

OF_OTHERS_TOO = "What I drew from several people's words goes whole where theirs were among them."


async def ask_to_undo_person(context: CommandContext, person: str) -> Question:
    """Show what came from somebody, and undo all of it on a yes.

    Args:
        context: of a moderator.
        person: as `bot.scopes.person_of` names them.

    Raises:
        CommandRefused: nothing did.
    """
    agent_id = await context.parts.agents.id_of(context.scope)
    changes = [] if agent_id is None else await _changes_of(context, agent_id, person)
    waiting = [] if agent_id is None else await _follow_ups_of(context, agent_id, person)
    if agent_id is None or not (changes or waiting):
        raise CommandRefused(f"Nothing in this channel's memory came from {person}, or it was undone.")
    undone: list[Undone] = []

    async def work(agent: Agent) -> None:
        if agent.paused_at is not None:
            raise CommandRefused(PAUSED)
        while changes_left := await _changes_of(context, agent.id, person, most=1):
            now = await context.parts.agents.get(context.scope)
            done = await context.parts.rights.undo.undo(
                now, changes_left[0], author=context.author, reason="/agent admin undo"
            )
            undone.append(done)

    async def confirmed() -> str:
        await context.in_lane(work)
        ids = [timer.id for timer in await _follow_ups_of(context, agent_id, person)]
        ended = await context.parts.stores.timers.end(agent_id, ids, context.now)
        stayed = sum(done.kept for done in undone)
        return " ".join(
            [
                f"Undone: {counted(len(undone), 'change')} that came from {person}.",
                *([f"{counted(len(ended), 'follow-up')} of theirs cancelled."] if ended else ()),
                *([f"{counted(stayed, 'edit')} of it stayed: the text was changed again since."] if stayed else ()),
                "What they wrote still stands in the conversation; it goes when it is deleted there.",
            ]
        )

    return Question(await _asked(context, agent_id, person, changes, waiting), confirmed)


async def _asked(
    context: CommandContext, agent_id: int, person: str, changes: list[MemoryChange], waiting: list[Timer]
) -> str:
    zone = await context.zone()
    shown = [
        told_change(change, zone, {}, lambda edit: True, context.author, reads=context.is_own)
        for change in changes[:SHOWN]
    ]
    is_mixed = any(change.kind is ChangeKind.REFLECTION for change in changes)
    newest = f", the newest {SHOWN} of them" if len(changes) > SHOWN else ""
    said = (
        f"{counted(len(changes), 'change')} of this channel's memory came from what {person} wrote or did{newest}:"
        if changes
        else f"No change of this channel's memory came from {person}."
    )
    further = [
        *([f"{counted(len(waiting), 'follow-up')} of theirs would be cancelled."] if waiting else ()),
        *([OF_OTHERS_TOO] if is_mixed else ()),
        "Undo all of it?",
    ]
    return "\n\n".join([said, *shown, " ".join(further)])


async def _changes_of(
    context: CommandContext, agent_id: int, person: str, most: int | None = None
) -> list[MemoryChange]:
    """The changes that can be undone and that came from somebody, at least in part, the newest first."""
    found: list[MemoryChange] = []
    async with aclosing(context.parts.stores.memory_changes.newest_first(agent_id, undoable=True)) as newest_first:
        async for change in newest_first:
            if await _came_from(context, agent_id, change, person):
                found.append(change)
            if len(found) == most:
                break
    return found


async def _came_from(context: CommandContext, agent_id: int, change: MemoryChange, person: str) -> bool:
    """Whether any of a change was made by a command of theirs, or from a message of theirs."""
    if any(edit.author == person for edit in change.all_edits):
        return True
    named = {edit.source_message_id for edit in change.all_edits if edit.source_message_id is not None}
    said = await context.parts.shelves.recall.get(agent_id, sorted(named))
    return any(message.author_id == Whose(person).author_id for message in said)


async def _follow_ups_of(context: CommandContext, agent_id: int, person: str) -> list[Timer]:
    found = await context.parts.stores.timers.follow_ups(agent_id)
    return [timer for timer in found if timer.person == person and timer.state == WAITING]
