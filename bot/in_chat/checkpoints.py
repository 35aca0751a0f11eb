"""/save and /restore."""

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.events import local_time
from bot.memory_rights.checkpoints import BEFORE_RESTORE, CheckpointUnusable
from bot.memory_rights.resets import BEFORE_RESET
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.question import Question
from memory.ports import Kind


@command
async def save(context: CommandContext, name: str = "") -> str:
    """Keep me as I am now, as a checkpoint; without a name: list them."""
    if not name:
        return await _listed(context)
    if name.casefold().startswith(BEFORE_RESET):
        raise CommandRefused(f"The name {name!r} is one that I use myself; take another one.")

    async def keep(agent: Agent) -> None:
        await context.parts.rights.checkpoints.save(agent, name)

    try:
        await context.in_lane(keep)
    except CheckpointUnusable as fault:
        raise CommandRefused(str(fault)) from None
    return f"Saved as {name!r}. `/restore {name}` brings me back to this moment."


@command
async def restore(context: CommandContext, name: str = "") -> str | Question:
    """Bring me back to a checkpoint, with all that I knew and nothing since; without a name: list them."""
    if not name:
        return await _listed(context)

    async def put_back(agent: Agent) -> bool:
        await context.parts.rights.checkpoints.restore(agent, name)
        return await _is_answered(context)

    async def confirmed() -> str:
        try:
            is_answered = await context.in_lane(put_back)
        except CheckpointUnusable as fault:
            return str(fault)
        # Not by itself: it may have been answered since, and by an agent that is forgotten now.
        again = "" if is_answered else " What you wrote last before that has no answer: `/retry` asks me again."
        return f"I am as I was at {name!r}. `/restore {BEFORE_RESTORE}` brings me back from it.{again}"

    try:
        context.parts.rights.checkpoints.check(context.scope, name)
    except CheckpointUnusable as fault:
        raise CommandRefused(str(fault)) from None
    question = f"Restoring {name!r} forgets everything since then. Go on?"
    return Question(question, confirmed)


async def _is_answered(context: CommandContext) -> bool:
    """Whether the person heard something in the agent's last turn, if they wrote in it."""
    agent = await context.parts.agents.get(context.scope)
    last = [message for turn in await context.parts.shelves.recall.last_turns(agent.id, 1) for message in turn]
    is_asked = any(message.kind is Kind.USER_MESSAGE for message in last)
    return not is_asked or any(message.kind is Kind.ASSISTANT and message.text for message in last)


async def _listed(context: CommandContext) -> str:
    found, zone = context.parts.rights.checkpoints.made_of(context.scope), await context.zone()
    lines = [f"- {checkpoint.name} ({local_time(checkpoint.made_at, zone)})" for checkpoint in found]
    return "Checkpoints:\n" + "\n".join(lines) if lines else "There are no checkpoints yet. `/save NAME` makes one."
