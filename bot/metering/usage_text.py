"""What was used, in words for people (pure)."""

from collections.abc import Sequence

from bot.metering.budgets import Used
from memory.people.accounts import ALL, TIMED
from memory.people.usage import UsageSum


def told_usage(used: UsageSum) -> str:
    """Calls, tokens, and what they cost where that is known."""
    if not used.calls:
        return "nothing yet"
    calls = "1 call" if used.calls == 1 else f"{used.calls:,} calls"
    told = (
        f"{calls} of the model, {used.prompt_tokens:,} tokens of prompts ({used.cached_tokens:,} of them cached), "
        f"{used.completion_tokens:,} of answers"
    )
    if not used.priced:
        return told
    unknown = used.calls - used.priced
    return f"{told}, ${used.cost:,.4f}{f' and {unknown:,} of unknown price' if unknown else ''}"


def told_budgets(budgets: Sequence[Used]) -> str:
    """How much of each cap is used today."""
    return "; ".join(f"{_whose(used.account)} {used.tokens:,} of {used.cap:,} tokens" for used in budgets)


def _whose(account: str) -> str:
    if account in (ALL, TIMED):
        return {ALL: "everybody", TIMED: "timed events of everybody"}[account]
    return "your timed events" if account.startswith(TIMED) else "you"
