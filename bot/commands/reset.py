"""/agent reset."""

from bot.memory_rights.resets import Part
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.slash.question import Question
from bot.slash.reset_command import ask_to_reset


@command(may=For.OWN_OR_MODERATED, choices=[part.value for part in Part])
async def reset(context: CommandContext, part: str) -> Question:
    """Let me begin anew: the conversation, core memory, archive, follow-ups, or everything; I ask before."""
    return await ask_to_reset(context, Part(part), "/agent reset")
