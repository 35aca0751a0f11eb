"""Finding out what a model can do: native tools first, then JSON to a schema, then plain text.

A model is stepped down when its server refuses the way of asking, or when it keeps answering in bare text and does not
call a tool when asked for nothing else (some servers take tools and ignore them). A call whose arguments cannot be read
is no better than none. What was found out is remembered for model and server, so that it is paid for once; a model that
calls tools from the start costs nothing at all.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum

from adapters.model_json import can_be_read
from adapters.ports import ChatMessage, FeatureUnsupported, LanguageModel, ToolCall, ToolSchema
from bot.agent import Agent
from bot.text import after_reasoning, clean
from bot.tiers.ports import Answer, Tier
from bot.tiers.written_calls import written_calls
from memory.ports import Message

logger = logging.getLogger(__name__)

BARE_ANSWERS = 3
"""Answers without a call, before the first call ever, after which a model is asked to call a tool and nothing else."""

GARBLED_ANSWERS = 3
"""Answers whose calls cannot be read, before the first that can, after which a model is stepped down, and not asked: it
has tried, and that it makes a call without arguments says nothing of those with some."""

PROBE_TOKENS = 512
"""Room to think before that call; and an end for models that would write for ever."""


class TierName(StrEnum):
    """The ways of putting an agent before a model, the most capable first."""

    TOOLS = "tools"
    JSON = "json"
    TEXT = "text"


Remember = Callable[[TierName], Awaitable[None]]

_READY = ToolSchema("ready", "Say that you are ready.", {"type": "object", "properties": {}, "required": []})
_CALL_READY = (ChatMessage("system", "You call tools."), ChatMessage("user", "Call the tool `ready` now."))


async def calls_tools(model: LanguageModel) -> bool:
    """Whether a model calls a tool, so that it can be read, when it is asked for nothing else: one small call.

    Raises:
        ModelUnavailable: no answer after the retries.
    """
    try:
        completion = await model.complete(_CALL_READY, [_READY], max_tokens=PROBE_TOKENS)
    except FeatureUnsupported:
        return False
    _, written = written_calls(after_reasoning(clean(completion.text or "")), [_READY.name])
    return bool(written) or _is_any_readable(completion.tool_calls)


def _is_any_readable(calls: Iterable[ToolCall]) -> bool:
    return any(can_be_read(call.arguments) for call in calls)


class AutoTier:
    """See `Tier`.

    Args:
        model: asked whether it calls tools, where its answers leave that open.
        tiers: the ways there are, by name.
        known: what was found out earlier, if anything.
        remember: keeps what is found out now.
    """

    def __init__(
        self, model: LanguageModel, tiers: Mapping[TierName, Tier], known: TierName | None, remember: Remember
    ) -> None:
        self._model = model
        self._tiers = tiers
        self._current = known or TierName.TOOLS
        self._is_proven = known is not None
        self._remember = remember
        self._remembers = True
        self._bare = self._garbled = 0

    @property
    def current(self) -> TierName:
        """The way in use."""
        return self._current

    @property
    def speaks_unasked(self) -> bool:
        """See `Tier`."""
        return self._tiers[self._current].speaks_unasked

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """See `Tier`."""
        tier = self._current
        try:
            answer = await self._tiers[tier].answer(agent, event)
        except FeatureUnsupported as refusal:
            if tier is TierName.TEXT:
                raise
            logger.info("the server refuses this way of asking: %s", refusal.detail)
            if tier is self._current:  # many agents may find it out at once
                if (
                    self._is_proven
                ):  # it did better: what refuses it today may be gone tomorrow, so it is not written down
                    self._is_proven = self._remembers = False
                self._step_down()
            return await self.answer(agent, event)
        if not self._is_proven and tier is self._current:
            await self._learn(answer)
        return answer

    async def _learn(self, answer: Answer) -> None:
        if _is_any_readable(answer.calls) or (answer.text and self._current is TierName.TEXT):
            await self._prove()
        elif answer.calls and not answer.is_cut:
            self._garbled += 1
            if self._garbled >= GARBLED_ANSWERS:
                self._step_down()
        # A refusal says nothing of what a model can do; one that never comes to an end with its calls cannot do it.
        elif answer.is_cut or (answer.text and not answer.is_addressed):
            self._bare += 1
            if self._bare >= BARE_ANSWERS:
                await self._decide()

    async def _decide(self) -> None:
        """Answers alone do not tell a model that cannot call tools from one that needed none so far."""
        self._bare = 0
        if self._current is TierName.TOOLS and await calls_tools(self._model):
            await self._prove()
        else:
            self._step_down()

    async def _prove(self) -> None:
        self._is_proven = True
        if self._remembers:
            await self._remember(self._current)

    def _step_down(self) -> None:
        names = list(TierName)
        self._current = names[names.index(self._current) + 1]
        self._bare = self._garbled = 0
        logger.warning("the model does not call tools; from now on it is spoken to in the %s tier", self._current)
