"""/agent admin undo."""

from bot.command import CommandContext
from bot.permissions import For
from bot.registry import command
from bot.undo_command import undo_last
from memory.change_journal import MemoryChange


@command(may=For.MODERATORS)
async def undo(context: CommandContext) -> str:
    """Undo the last change of this channel's memory, whoever it came from; again, the one before."""

    async def may(change: MemoryChange) -> bool:
        return True

    return await undo_last(context, "/agent admin undo", may, lambda label: True)
