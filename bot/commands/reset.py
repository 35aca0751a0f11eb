"""/agent reset."""

from bot.command import CommandContext
from bot.permissions import For
from bot.question import Question
from bot.registry import command
from bot.reset_command import ask_to_reset
from bot.resets import Part


@command(may=For.OWN_OR_MODERATED, choices=[part.value for part in Part])
async def reset(context: CommandContext, part: str) -> Question:
    """Let me begin anew: the conversation, core memory, archive, follow-ups, or everything; I ask before."""
    return await ask_to_reset(context, Part(part), "/agent reset")
