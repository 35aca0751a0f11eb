"""/agent remember."""

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.events import shown
from bot.registry import command
from bot.scopes import scope_of
from bot.slash.command import CommandContext
from memory.ports import CoreMemoryFault
from memory.turns.inbox import NewEvent

NOT_LET_IN = "Whoever wrote that is not let in, so I keep nothing of what they write. Nothing was changed."

ERASED = "Whoever wrote that has had all of it erased, so I keep nothing of it. Nothing was changed."


@command(asks="What shall I remember?")
async def remember(context: CommandContext, text: str) -> str:
    """Write something to my core memory, word for word."""
    parts = context.parts
    if context.about is not None and not await parts.admission.admits(context.about.origin):
        raise CommandRefused(NOT_LET_IN)
    if context.about is not None and parts.rights.erasing.was_erased(context.about.origin, context.about.sent_at):
        raise CommandRefused(ERASED)

    async def write(agent: Agent) -> None:
        if agent.paused_at is not None:
            raise CommandRefused("Memory is paused, so I write nothing down. `/agent resume` ends that.")
        label = "human" if agent.is_direct else "channel"
        edited = agent.core.append(label, " ".join(text.split()), parts.shelves.counter)
        reason, source = "/agent remember", _source(context)
        await parts.agents.edit_core(agent, label, edited, author=context.author, reason=reason, source=source)

    try:
        await context.in_lane(write)
    except CoreMemoryFault:
        raise CommandRefused("My core memory has no room for that. Let me tidy it first, or make it shorter.") from None
    return "I will remember that."


def _source(context: CommandContext) -> NewEvent | None:
    """The message that this is to be remembered of, if it stands where the agent's messages do."""
    about = context.about
    return shown(about) if about is not None and scope_of(about.origin) == context.scope else None
