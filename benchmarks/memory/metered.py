"""What a model costs: a model that counts the calls made of it, and the tokens that the server reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, LanguageModel, Sampling, ToolSchema
from bot.metering.model_around import ModelAround
from config.prices import Prices


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls and tokens; `cached` of those of the prompts came from the server's cache."""

    calls: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.calls + other.calls,
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.completion + other.completion,
        )

    def __sub__(self, other: "Spent") -> "Spent":
        return self + Spent(-other.calls, -other.prompt, -other.cached, -other.completion)

    def cost(self, prices: Prices) -> float:
        """In the prices' currency."""
        return prices.of(self.prompt, self.cached, self.completion)


@dataclass
class Meter:
    """Sums up what all models cost that it is put around."""

    spent: Spent = field(default_factory=Spent)
    model: LanguageModel | None = None

    def around(self, model: LanguageModel) -> LanguageModel:
        """The same model, counted."""
        self.model = Metered(model, self)
        return self.model


class Metered(ModelAround):
    """See `LanguageModel`."""

    def __init__(self, model: LanguageModel, meter: Meter) -> None:
        super().__init__(model)
        self._meter = meter

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        answer = await self._model.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)
        usage = answer.usage
        self._meter.spent += (
            Spent(1, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) if usage else Spent(1)
        )
        return answer
