"""/agent help."""

from bot.command import CommandContext, usage
from bot.registry import command


@command
async def help(context: CommandContext) -> str:
    """List these commands."""
    return "\n".join(f"- `{usage(each)}`: {each.description}" for _, each in sorted(context.commands.items()))
