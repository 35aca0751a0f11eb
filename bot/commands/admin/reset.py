"""/agent admin reset."""

from bot.memory_rights.resets import Part
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.slash.question import Question
from bot.slash.reset_command import ask_to_reset


@command(may=For.MODERATORS, choices=[part.value for part in Part])
async def reset(context: CommandContext, part: str) -> Question:
    """Let this channel's memory begin anew, or a part of it; I ask before."""
    return await ask_to_reset(context, Part(part), "/agent admin reset")
