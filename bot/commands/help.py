"""/agent help."""

from bot.command import CommandContext
from bot.registry import command


@command
async def help(context: CommandContext) -> str:
    """List the commands that you may give here."""
    return context.commands.help(context.may)
