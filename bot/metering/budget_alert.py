"""Tells an agent, once a day, that a budget which it is paid from comes near its end."""

from datetime import UTC

from bot.metering.budgets import Budgets
from bot.metering.charges import Charge, open_bill
from memory.people.accounts import ALL
from memory.people.told import Told


class BudgetAlert:
    """Looks after the call that is charged now, and costs nothing as long as enough is left."""

    def __init__(self, budgets: Budgets, told: Told) -> None:
        self._budgets = budgets
        self._told = told

    async def text(self) -> str | None:
        """What the agent is to be told, if there is news."""
        bill = open_bill()
        if bill is None or not self._budgets.is_near_end(bill.charge):
            return None
        return await self._news(bill.charge)

    async def _news(self, charge: Charge) -> str | None:
        for used in await self._budgets.used(charge):
            if self._budgets.is_near(used.account) and not used.account.startswith("timed"):
                about = f"{used.account} of {charge.scope}"
                if await self._told.once_since(
                    "bot", "budget near its end", about, self._budgets.midnight().astimezone(UTC)
                ):
                    whose = "everybody together" if used.account == ALL else "this person"
                    return (
                        f"Budget: {used.tokens} of the {used.cap} tokens for {whose} today are used. Be brief, and "
                        "finish what matters; when they are used up you cannot answer until midnight."
                    )
        return None
