"""/agent admin undo."""

from bot.command import CommandContext
from bot.permissions import For
from bot.person_named import person_named
from bot.question import Question
from bot.registry import command
from bot.undo_command import undo_last
from bot.undo_person import ask_to_undo_person
from memory.change_journal import MemoryChange


@command(may=For.MODERATORS)
async def undo(context: CommandContext, person: str = "") -> str | Question:
    """Undo this channel's last change of memory, whoever it came from; or all that came from a person."""
    if person:
        return await ask_to_undo_person(context, await person_named(context, person))

    async def may(change: MemoryChange) -> bool:
        return True

    return await undo_last(context, "/agent admin undo", may, lambda edit: True)
