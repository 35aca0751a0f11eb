"""/pop."""

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.in_chat.numbers import number
from bot.registry import command
from bot.slash.command import CommandContext
from bot.text import counted
from bot.turns.take_back import TakenBack


@command
async def pop(context: CommandContext, n: str = "1") -> str:
    """Take back the last turn, or the last n, with what they changed in memory."""
    count = number(n, "turns")

    async def take_back(agent: Agent) -> TakenBack:
        return await context.parts.history.take_back(agent, count, author=context.author, reason="/pop")

    taken = await context.in_lane(take_back)
    if not taken.events:
        raise CommandRefused("There is no turn to take back.")
    return told(taken)


def told(taken: TakenBack) -> str:
    """What was taken back, in a sentence or two."""
    changes = [
        counted(taken.messages, "message"),
        *([counted(taken.edits, "edit") + " of core memory"] if taken.edits else ()),
        *([counted(taken.notes, "note")] if taken.notes else ()),
    ]
    kept = (
        f" {counted(taken.edits_kept, 'edit')} of core memory stayed: the text was changed again since."
        if taken.edits_kept
        else ""
    )
    return f"Taken back: {counted(len(taken.events), 'turn')} ({', '.join(changes)}). What was sent stays sent.{kept}"
