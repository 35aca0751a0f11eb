"""A language model with something around it: what all such models have in common."""

from collections.abc import Sequence

from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, LanguageModel, Sampling, ToolSchema


class ModelAround:
    """See `LanguageModel`; hands everything on. Who puts something around the calls has a `complete` of its own."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """See `LanguageModel`."""
        return self._model.name

    @property
    def context_window(self) -> int:
        """See `LanguageModel`."""
        return self._model.context_window

    async def warm_up(self) -> None:
        """See `LanguageModel`."""
        await self._model.warm_up()

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        return await self._model.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)

    async def close(self) -> None:
        """See `LanguageModel`."""
        await self._model.close()
