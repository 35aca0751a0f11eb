"""/agent admin budget."""

from collections.abc import Sequence

from bot.metering.charges import Charge
from bot.metering.usage_text import told_budgets, told_usage
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.text import verbatim
from memory.people.usage import Of

SHOWN = 10
NOBODY = 0
"""Stands for an agent that is not made yet: nothing was spent on it."""


@command(may=For.MODERATORS_OR_OWNERS)
async def budget(context: CommandContext) -> str:
    """Show what was spent today in this channel, and the limits; to owners everywhere."""
    parts = context.parts
    since, agent_id = parts.budgets.midnight(), await parts.agents.id_of(context.scope) or NOBODY
    here = "in our direct messages" if context.origin.is_direct else "in this channel"
    lines = [f"- Used today {here}: {told_usage(await parts.stores.usage.sum(agent_id, since))}"]
    if context.caller.is_owner:
        lines.append(f"- Used today everywhere: {told_usage(await parts.stores.usage.sum_of_all(since))}")
    caps = await parts.budgets.used(Charge(agent_id, context.scope, None, is_timed=True))
    limits = [f"{parts.budgets.per_person:,} tokens for each person"] if parts.budgets.per_person else []
    limits += [told_budgets(caps)] if caps else []
    shown = ["\n".join([*lines, f"- Limits of today: {'; '.join(limits) or 'none'}"])]
    if context.caller.is_owner:
        shown += _table("Most was used by", await parts.stores.usage.most(Of.SCOPES, since, SHOWN))
        shown += _table("For", await parts.stores.usage.most(Of.PEOPLE, since, SHOWN))
    return "\n\n".join(shown)


def _table(title: str, most: Sequence[tuple[str, int]]) -> list[str]:
    lines = [f"{tokens:>12,} tokens  {name}" for name, tokens in most]
    return [f"{title}\n{verbatim(chr(10).join(lines))}"] if lines else []
