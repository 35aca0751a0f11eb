"""/dump."""

from collections.abc import Iterator

from bot.agent import Agent, Queued
from bot.in_chat.numbers import MOST, number
from bot.registry import command
from bot.slash.command import CommandContext
from bot.text import verbatim


@command
async def dump(context: CommandContext, n: str = str(MOST)) -> str:
    """Show the message queue as the model sees it, or its last n entries."""
    count = number(n, "messages")

    async def show(agent: Agent) -> list[str]:
        shown = [line for queued in agent.queue[-count:] for line in _lines(queued)]
        left_out = len(agent.queue) - min(count, len(agent.queue))
        head = [f"[… {left_out} before …]"] if left_out else []
        summary = [f"summary: {agent.summary}"] if agent.summary else []
        return [*summary, *head, *shown]

    lines = await context.in_lane(show)
    return verbatim("\n".join(lines)) if lines else "The queue is empty."


def _lines(queued: Queued) -> Iterator[str]:
    chat = queued.chat
    if chat is None:  # of a step of many calls, a result that is not shown
        return
    if chat.content or not chat.tool_calls:
        yield f"#{queued.message.id} {chat.role}: {chat.content or ''}"
    for call in chat.tool_calls:
        yield f"#{queued.message.id} {chat.role} calls {call.name} {call.arguments}"
