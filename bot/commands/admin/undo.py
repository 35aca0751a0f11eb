"""/agent admin undo."""

from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.slash.person_named import person_named
from bot.slash.question import Question
from bot.slash.undo_command import RESET, undo_last, undo_reset
from bot.slash.undo_person import ask_to_undo_person
from memory.core.change_journal import MemoryChange

NAME = "/agent admin undo"


@command(may=For.MODERATORS)
async def undo(context: CommandContext, what: str = "") -> str | Question:
    """Undo this channel's last change of memory; or the last `reset`; or all that came from a person."""
    if what == RESET:
        return await undo_reset(context, NAME)
    if what:
        return await ask_to_undo_person(context, await person_named(context, what))

    async def may(change: MemoryChange) -> bool:
        return True

    return await undo_last(context, NAME, may, lambda edit: True, may_undo_resets=True)
