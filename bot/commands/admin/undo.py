"""/agent admin undo."""

from bot.command import CommandContext
from bot.permissions import For
from bot.question import Question
from bot.registry import command
from bot.undo_command import RESET, undo_last, undo_reset
from memory.change_journal import MemoryChange

NAME = "/agent admin undo"


@command(may=For.MODERATORS, choices=[RESET])
async def undo(context: CommandContext, what: str = "") -> str | Question:
    """Undo the last change of this channel's memory, whoever made it, or the last reset; again: one more."""
    if what:
        return await undo_reset(context, NAME)

    async def may(change: MemoryChange) -> bool:
        return True

    return await undo_last(context, NAME, may, lambda label: True, may_undo_resets=True)
