"""A language model with a watch beside it."""

import asyncio
import time
from collections.abc import Callable, Sequence

from adapters.ports.errors import (
    AnswerWithheld,
    ContextOverflow,
    FeatureUnsupported,
    ImagesRefused,
    ModelUnavailable,
    RequestRefused,
)
from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, LanguageModel, Sampling, ToolSchema
from bot.metering.metrics import Metrics, ModelOutcome
from bot.metering.model_around import ModelAround

_OUTCOMES: dict[type[BaseException], ModelOutcome] = {
    ModelUnavailable: "unavailable",
    RequestRefused: "refused",
    ImagesRefused: "refused",
    AnswerWithheld: "withheld",
    ContextOverflow: "overflow",
    FeatureUnsupported: "unsupported",
    asyncio.CancelledError: "cancelled",
}


class MeasuredModel(ModelAround):
    """See `LanguageModel`: the same model, each of its calls noted."""

    def __init__(self, model: LanguageModel, metrics: Metrics, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(model)
        self._metrics = metrics
        self._now = now

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        begun = self._now()
        try:
            answer = await self._model.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)
        except BaseException as error:
            self._metrics.model_called(_OUTCOMES.get(type(error), "broken"), self._now() - begun)
            raise
        self._metrics.model_called("ok", self._now() - begun, answer.usage)
        return answer
