"""/summarize."""

from bot.agent import Agent
from bot.errors import CommandRefused, ContextTooSmall
from bot.metering.charges import Charge, charged_to
from bot.registry import command
from bot.slash.command import CommandContext
from bot.text import verbatim


@command
async def summarize(context: CommandContext) -> str:
    """Evict the older half of the queue now, and leave a summary in its place."""
    parts = context.parts

    async def compact(agent: Agent) -> tuple[int, str]:
        with charged_to(Charge(agent.id, agent.scope, context.author, is_timed=False)) as bill:
            try:
                compacted = await parts.minds.of(agent).queue_manager.compact(agent, parts.agents.keep)
            except ContextTooSmall as error:
                raise CommandRefused(str(error)) from None
            finally:
                await parts.stores.usage.keep(bill.take(), context.now)
        return len(agent.queue) - len(compacted.queue), compacted.summary

    evicted, summary = await context.in_lane(compact)
    if not evicted:
        raise CommandRefused("There is nothing to summarize yet.")
    entries = f"{evicted} {'entry' if evicted == 1 else 'entries'}"
    told = verbatim(summary) if summary else "(nothing in them was worth a summary)"
    return f"{entries} left the window; they can still be searched. The summary is now:\n{told}"
