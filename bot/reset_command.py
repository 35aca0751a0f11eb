"""What `/agent reset` and `/agent admin reset` share: the question before, and what is told after."""

from bot.agent import Agent
from bot.checkpoints import CheckpointUnusable
from bot.command import CommandContext
from bot.errors import CommandRefused
from bot.permissions import CONSOLE
from bot.question import Question
from bot.resets import Part


async def ask_to_reset(context: CommandContext, part: Part, reason: str) -> Question:
    """Show what a reset of the agent of this scope would take away, and do it on a yes."""
    resets = context.parts.resets
    if await context.parts.agents.id_of(context.scope) is None:
        raise CommandRefused("We have not talked yet, so there is nothing to reset.")

    async def preview(agent: Agent) -> tuple[str, ...]:
        return await resets.preview(agent, part)

    async def reset(agent: Agent) -> str:
        return await resets.reset(agent, part, author=context.author, reason=reason)

    async def confirmed() -> str:
        try:
            name = await context.in_lane(reset)
        except CheckpointUnusable as fault:
            raise CommandRefused(f"{fault} So nothing was reset.") from None
        return f"Done: {_named(part)} is as it was at the beginning. {_way_back(context, name)}"

    lines = await context.in_lane(preview)
    if not lines:
        raise CommandRefused(f"There is nothing to reset: {_named(part)} is as it was at the beginning.")
    listed = "\n".join(f"- {line}" for line in lines)
    question = f"This takes away:\n{listed}\n\nA checkpoint of me as I am now is made first. Go on?"
    return Question(question, confirmed)


def _named(part: Part) -> str:
    return part.value if part is Part.EVERYTHING else f"my {part.value}"


def _way_back(context: CommandContext, name: str) -> str:
    if context.origin.address.platform == CONSOLE:
        return f"`/restore {name}` brings it back."
    return f"What was there is kept as the checkpoint `{name}`, which whoever runs me has."
