"""/retry."""

from adapters.ports.commands import CommandReply
from bot.agent import Agent
from bot.errors import CommandRefused
from bot.registry import command
from bot.slash.command import CommandContext
from bot.turns.take_back import TakenBack


@command
async def retry(context: CommandContext) -> CommandReply:
    """Take back the last turn and put the same message again, or the same messages."""

    async def take_back(agent: Agent) -> TakenBack:
        return await context.parts.history.take_back(agent, 1, author=context.author, reason="/retry")

    taken = await context.in_lane(take_back)
    if not taken.events:
        raise CommandRefused("There is no turn to try again.")
    return CommandReply(turn=await context.parts.wake(context.origin, *taken.events[-1]))
