"""/agent undo."""

from bot.command import CommandContext
from bot.registry import command
from bot.undo_command import own_sources, undo_last
from memory.change_journal import MemoryChange


@command
async def undo(context: CommandContext) -> str:
    """Undo my last change of memory (in a channel, the last that came from you); again, the one before."""

    async def may(change: MemoryChange) -> bool:
        return context.origin.is_direct or await own_sources(context, change)

    return await undo_last(context, "/agent undo", may, context.shows_edit)
