"""/agent undo."""

from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.slash.question import Question
from bot.slash.undo_command import RESET, own_sources, undo_last, undo_reset
from memory.core.change_journal import MemoryChange

NAME = "/agent undo"


@command(may=For.CHANGES_MODERATED, choices=[RESET])
async def undo(context: CommandContext, what: str = "") -> str | Question:
    """Undo my last change of memory (in a channel: the last from you), or the last reset; again: one more."""
    if what:
        return await undo_reset(context, NAME)
    is_direct = context.origin.is_direct

    async def may(change: MemoryChange) -> bool:
        return is_direct or await own_sources(context, change)

    return await undo_last(context, NAME, may, context.shows_edit, may_undo_resets=is_direct)
