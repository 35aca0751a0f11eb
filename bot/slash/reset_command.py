"""What `/agent reset` and `/agent admin reset` share: the question before, and what is told after."""

from datetime import timedelta

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.memory_rights.checkpoints import CheckpointUnusable
from bot.memory_rights.resets import Part, named
from bot.slash.command import CommandContext
from bot.slash.question import Question
from memory.erasing.undoable_resets import UNDOABLE

_DAYS = UNDOABLE // timedelta(days=1)

KEPT = f"It is kept aside for {_DAYS} days, in which it can be undone; then it is gone for good."

WAY_BACK = f"For {_DAYS} days `/agent undo reset` brings it back."


async def ask_to_reset(context: CommandContext, part: Part, reason: str) -> Question:
    """Show what a reset of the agent of this scope would take away, and do it on a yes."""
    resets = context.parts.rights.resets
    if await context.parts.agents.id_of(context.scope) is None:
        raise CommandRefused("We have not talked yet, so there is nothing to reset.")

    async def preview(agent: Agent) -> tuple[str, ...]:
        return await resets.preview(agent, part)

    async def reset(agent: Agent) -> str:
        return await resets.reset(agent, part, author=context.author, reason=reason)

    async def confirmed() -> str:
        try:
            await context.in_lane(reset)
        except CheckpointUnusable as fault:
            raise CommandRefused(f"{fault} So nothing was reset.") from None
        return f"Done: {named(part)} is as it was at the beginning. {WAY_BACK}"

    lines = await context.in_lane(preview)
    if not lines:
        raise CommandRefused(f"There is nothing to reset: {named(part)} is as it was at the beginning.")
    listed = "\n".join(f"- {line}" for line in lines)
    question = f"This takes away:\n{listed}\n\n{KEPT} Go on?"
    return Question(question, confirmed)
