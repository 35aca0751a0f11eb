"""A model whose calls are checked against the budgets before, and noted after."""

import json
from collections.abc import Sequence

from adapters.ports.errors import ModelError
from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, LanguageModel, Sampling, ToolSchema, Usage
from bot.documents.sight import IMAGE_TOKENS
from bot.metering.budgets import Budgets, Reservation
from bot.metering.charges import Bill, open_bill
from bot.metering.model_around import ModelAround
from config.prices import Prices
from memory.people.usage import ModelCall

BYTES_PER_TOKEN = 3
"""Fewer than most texts have (English 4 and more, Chinese 3), so that an estimate is sooner too high."""

MESSAGE_TOKENS = 8
"""What a message takes beside its text, at most."""

MOST_TOKENS = 10**9
"""A server that reports more, or less than nothing, reports nonsense."""


class MeteredModel(ModelAround):
    """See `LanguageModel`; calls that are charged to nobody are passed on as they are.

    Args:
        model: answers.
        budgets: what may be spent.
        prices: of the model; None if they are not known.
    """

    def __init__(self, model: LanguageModel, budgets: Budgets, prices: Prices | None) -> None:
        super().__init__(model)
        self._budgets = budgets
        self._prices = prices
        self._tools: Sequence[ToolSchema] = ()
        self._tools_tokens = 0

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`.

        Raises:
            BudgetSpent: the call may not be paid for today; it was not made.
        """
        bill = open_bill()
        if bill is None:
            return await self._model.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)
        reservation = await self._reserve(bill, messages, tools, max_tokens)
        try:
            answer = await self._model.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)
        except ModelError as error:
            taken = _sensible(error.usage)
            if error.is_billed and taken is None:
                taken = Usage(self._prompt_tokens(messages, tools), 0)
            await self._settle(bill, reservation, taken, is_reported=_sensible(error.usage) is not None)
            raise
        except BaseException:
            if reservation is not None:  # it stays paid for as it was estimated: the server may answer it all the same
                self._budgets.leave(reservation)
            raise
        reported = _sensible(answer.usage)  # where the server counts, nothing is estimated: that costs CPU
        usage = reported or Usage(self._prompt_tokens(messages, tools), _answer_tokens(answer))
        await self._settle(bill, reservation, usage, is_reported=reported is not None)
        return answer

    async def _reserve(
        self, bill: Bill, messages: Sequence[ChatMessage], tools: Sequence[ToolSchema], max_tokens: int | None
    ) -> Reservation | None:
        if not self._budgets.has_caps:
            return None
        reply = max_tokens or min(2048, self.context_window // 8)  # as `Room` has it
        return await self._budgets.reserve(bill.charge, self._prompt_tokens(messages, tools) + reply)

    async def _settle(
        self, bill: Bill, reservation: Reservation | None, usage: Usage | None, *, is_reported: bool
    ) -> None:
        """Write down what a call took; None: nothing."""
        if usage is not None:
            self._note(bill, usage, is_reported=is_reported)
        if reservation is not None:
            await self._budgets.settle(reservation, usage.prompt_tokens + usage.completion_tokens if usage else 0)

    def _note(self, bill: Bill, usage: Usage, *, is_reported: bool) -> None:
        counts = (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)
        cost = self._prices.of(*counts) if self._prices is not None and is_reported else None
        charge = bill.charge
        bill.note(ModelCall(charge.agent_id, charge.person, self.name, charge.is_timed, *counts, cost))

    def _prompt_tokens(self, messages: Sequence[ChatMessage], tools: Sequence[ToolSchema]) -> int:
        """An estimate, by lengths alone: counting the whole prompt would cost as much CPU as all the rest of a turn."""
        if tools is not self._tools:  # they are the same list at each call
            self._tools, self._tools_tokens = tools, sum(_tool_tokens(tool) for tool in tools)
        return self._tools_tokens + sum(_message_tokens(message) for message in messages)


def _message_tokens(message: ChatMessage) -> int:
    calls = sum(_tokens(call.name) + _tokens(call.arguments) for call in message.tool_calls)
    return MESSAGE_TOKENS + _tokens(message.content or "") + calls + IMAGE_TOKENS * len(message.images)


def _tool_tokens(tool: ToolSchema) -> int:
    return MESSAGE_TOKENS + _tokens(json.dumps([tool.name, tool.description, tool.parameters], default=dict))


def _answer_tokens(answer: Completion) -> int:
    return _message_tokens(ChatMessage("assistant", answer.text, answer.tool_calls))


def _tokens(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // BYTES_PER_TOKEN)


def _sensible(usage: Usage | None) -> Usage | None:
    """What the server counted, if it can be true."""
    if usage is None or not 0 < usage.prompt_tokens <= MOST_TOKENS or not 0 <= usage.completion_tokens <= MOST_TOKENS:
        return None
    return Usage(usage.prompt_tokens, usage.completion_tokens, min(max(0, usage.cached_tokens), usage.prompt_tokens))
