"""A model that thinks before it speaks, without a mark where that begins: what was cut before its end is no answer.

Chat templates that write the opening mark into the prompt leave the answer nothing but the closing one. Cut before
that, it has no mark at all, and would pass for words. That a model thinks so is known once it has shown such a mark.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, Sampling, ToolSchema
from bot.metering.model_around import ModelAround
from bot.reasoning import is_closed, is_opened_unseen

logger = logging.getLogger(__name__)


class CutReasoning(ModelAround):
    """See `LanguageModel`: the same model, without the text of answers that were cut while it thought unseen."""

    _thinks_unseen = False

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
        if not answer.text or answer.is_refusal:
            return answer
        self._thinks_unseen = self._thinks_unseen or is_opened_unseen(answer.text)
        if not (self._thinks_unseen and answer.is_cut) or is_closed(answer.text):
            return answer
        logger.info("the answer was cut at the token limit while the model was thinking")
        return replace(answer, text=None)
