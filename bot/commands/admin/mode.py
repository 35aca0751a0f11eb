"""/agent admin mode."""

from datetime import datetime

from adapters.ports.commands import Announcement, CommandReply
from bot.errors import CommandRefused
from bot.events import local_time
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from memory.people.channels import Mode

DOES = {
    Mode.MENTION: "I answer when I am mentioned or replied to, and read nothing else",
    Mode.THREAD: "I answer when I am mentioned or replied to, each time in a thread, and read nothing else",
    Mode.LISTEN: "I read everything that is written here, to remember it, and answer when I am addressed",
    Mode.OPEN: "I read everything that is written here, to remember it, and may answer what is not meant for others",
    Mode.OFF: "I neither read nor answer",
}

CANNOT_READ = (
    "I am not allowed to read messages here that do not mention me, so I cannot {mode}. On Discord that is the message "
    "content intent, on Slack a scope for this kind of channel: whoever runs me can allow it. Nothing was changed."
)

NOT_SHOWN = "At present I am not shown what does not mention me, so I read no more than that."

UNSAID = (
    "I may not write in this channel, so I cannot tell everybody that I read along. Nothing was changed: let me write "
    "here, and try again."
)


@command(may=For.MODERATORS, choices=[mode.value for mode in Mode])
async def mode(context: CommandContext, mode: str = "") -> str | CommandReply:
    """Show how I behave in this channel, or change it: which messages I read and answer."""
    channels = context.parts.stores.channels
    now = await channels.find(context.scope)
    if not mode:
        by = f" (since {local_time(now.changed_at, await context.zone())})" if now.changed_at else ""
        but = f" {NOT_SHOWN}" if now.mode.reads_all and not context.reads_messages else ""
        return f"Mode: **{now.mode}**{by}. {DOES[now.mode]}.{but}"
    chosen = Mode(mode)
    if chosen.reads_all and not context.reads_messages:
        raise CommandRefused(CANNOT_READ.format(mode="listen" if chosen is Mode.LISTEN else "be open"))
    if chosen is now.mode:
        return f"The mode is **{chosen}** already. {DOES[chosen]}."

    async def choose(*, at: datetime | None = None) -> CommandReply:
        await channels.choose(context.scope, chosen, context.author, at or context.given_at)
        context.parts.expect(context.now)  # what a clock was to bring while it was off comes now
        return CommandReply(f"The mode is now **{chosen}**. {DOES[chosen]}.")

    if not chosen.reads_all:
        return await choose()
    return CommandReply(announcement=Announcement(_announced(chosen), choose, UNSAID))


def _announced(mode: Mode) -> str:
    what = DOES[mode]
    return (
        f"A moderator has set me to **{mode}** in this channel. From now on {what}. "
        "`/agent memory` shows what I know of this channel."
    )
