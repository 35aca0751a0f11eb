"""/agent erase-me."""

from bot.errors import CommandRefused
from bot.registry import command
from bot.slash.command import CommandContext
from bot.text import counted

TYPED = "erase me"


@command
async def erase_me(context: CommandContext, confirmation: str = "") -> str:
    """Erase all that I keep of you, everywhere and for ever; I ask you to type it out."""
    if not confirmation:
        return await _asked(context)
    if " ".join(confirmation.split()).strip("\"'`“”.").casefold() != TYPED:
        raise CommandRefused(f"Nothing was erased. If you want it, it is `/agent erase-me {TYPED}`, word for word.")
    return await context.parts.rights.erasing.erase(context.origin, context.given_at)


async def _asked(context: CommandContext) -> str:
    there = await context.parts.rights.erasing.preview(context.origin)
    lines = [
        f"our direct messages, with all that I made of them: {counted(there.messages, 'message')}, "
        f"{counted(there.notes, 'note')}, what I keep in mind, summaries, documents, checkpoints, whatever waits",
        f"in channels: {counted(there.messages_there, 'message')} of yours in {counted(there.channels, 'channel')}, "
        "the turns about them, and what I noted there of you or because of you",
        "your time zone, your budgets, and that you were let in",
    ]
    body = "\n".join(f"- {line}" for line in lines)
    copy = " `/agent export` first gives you a copy." if "export" in context.commands.names else ""
    return (
        f"This erases you, wherever I know you from, and nobody can undo it:\n{body}\n\nWhat I spent on you stays as "
        f"numbers without a name; what other people wrote is theirs.{copy}\n\n"
        f"To go on, type `/agent erase-me {TYPED}`."
    )
