"""/agent help."""

from bot.registry import command
from bot.slash.command import CommandContext


@command
async def help(context: CommandContext) -> str:
    """List the commands that you may give here."""
    return context.commands.help(context.may)
