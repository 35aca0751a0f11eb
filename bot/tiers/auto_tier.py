"""Finding out what a model can do: native tools first, then JSON to a schema, then plain text.

A model is stepped down when its server refuses the way of asking, or when it keeps answering in bare text, or not at
all, and does not call a tool when asked for nothing else (some servers take tools and ignore them). A call that cannot
work is no better than none. What was found out is remembered for model and server, so that it is paid for once; a model
that calls tools from the start costs nothing at all. It holds as long as the model does what it did: another may have
taken its place under the same name.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from adapters.models.model_json import can_be_read
from adapters.ports.errors import FeatureUnsupported, ModelError
from adapters.ports.model import ChatMessage, LanguageModel, ToolCall, ToolSchema
from bot.agent import Agent
from bot.reasoning import after_reasoning
from bot.text import clean
from bot.tiers.ports import Answer, Tier
from bot.tiers.written_calls import written_calls
from memory.ports import Message

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How many answers in a row without a call that can work are borne.

    Attributes:
        bare: texts, after which a model is asked to call a tool and nothing else.
        useless: calls that cannot work, after which a model is stepped down, and not asked: it has tried, and that it
            makes a call without arguments says nothing of those with some.
    """

    bare: int
    useless: int


AT_FIRST = Patience(bare=3, useless=3)
"""Before the first call that can work."""

ONCE_PROVEN = Patience(bare=12, useless=6)
"""After it; useless is then whatever leaves people unanswered. More than one turn's worth, which may be stuck."""

HOLDS_FOR = timedelta(days=7)
"""How long a model that was found to need less than tools is not asked for them again."""

PROBE_TOKENS = 512
"""Room to think before that call; and an end for models that would write for ever."""


class TierName(StrEnum):
    """The ways of putting an agent before a model, the most capable first."""

    TOOLS = "tools"
    JSON = "json"
    TEXT = "text"


def may_be_outdated(tier: TierName, found_at: datetime, now: datetime) -> bool:
    """Whether a better model may have taken the place of the one that this was found out about."""
    return tier is not TierName.TOOLS and now - found_at >= HOLDS_FOR


Remember = Callable[[TierName], Awaitable[None]]
Accepts = Callable[[Agent, ToolCall], bool]

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
    return bool(written) or any(
        clean(call.name) == _READY.name and can_be_read(call.arguments) for call in completion.tool_calls
    )


class AutoTier:
    """See `Tier`.

    Args:
        model: asked whether it calls tools, where its answers leave that open.
        tiers: the ways there are, by name.
        known: what was found out earlier, if anything.
        remember: keeps what is found out now.
        accepts: whether a call that an agent makes is one that can work.
        may_do_more: what was found out is so old that a better model may have taken its place.
    """

    def __init__(
        self,
        model: LanguageModel,
        tiers: Mapping[TierName, Tier],
        known: TierName | None,
        remember: Remember,
        accepts: Accepts,
        *,
        may_do_more: bool = False,
    ) -> None:
        self._model = model
        self._tiers = tiers
        self._current = known or TierName.TOOLS
        self._is_proven = known is not None
        self._remember = remember
        self._remembers = True
        self._accepts = accepts
        self._bare = self._useless = self._passed = 0
        self._may_do_more = may_do_more
        self._raised_from: TierName | None = None

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
                if self._is_proven:  # what refuses today what it did before may be gone tomorrow: it is not kept
                    self._remembers = False
                self._step_down()
            return await self.answer(agent, event)
        if tier is self._current and not answer.is_by_code:
            await self._learn(agent, event, answer)
        return answer

    async def ask_again(self) -> None:
        """Where the model may do more by now, ask it whether it calls tools, and if so, offer them: one small call.

        To be called beside the start: where the model gives no answer, things stay as they are until the next one.
        """
        tier = self._current
        if not self._may_do_more or tier is TierName.TOOLS:
            return
        try:
            calls = await calls_tools(self._model)
        except ModelError as error:
            logger.info("the model cannot be asked whether it calls tools by now: %s", error.detail)
            return
        if tier is not self._current:  # it was given up meanwhile
            return
        if calls:
            logger.info("the model calls tools by now; it was spoken to in the %s tier", tier)
            self._go_on_in(TierName.TOOLS)
            self._raised_from = tier
        else:
            await self._remember(tier)

    async def _learn(self, agent: Agent, event: Message, answer: Answer) -> None:
        if self._current is TierName.TEXT:  # there is nothing below it
            if answer.text:
                await self._prove()
        elif any(self._accepts(agent, call) for call in answer.calls):
            self._bare = self._useless = self._passed = 0
            await self._prove()
        # A refusal says nothing of what a model can do; and where nobody waits for an answer, none is one, too.
        elif not answer.is_addressed and (answer.calls or answer.text or event.awaits_answer):
            await self._doubt(answer)

    async def _doubt(self, answer: Answer) -> None:
        """Count what speaks against the way in use, and give it up where that is enough."""
        if self._is_proven:
            patience, is_useless = ONCE_PROVEN, bool(answer.calls) or not answer.text
        else:  # one that never comes to an end with its calls may do so when asked for less
            patience, is_useless = AT_FIRST, bool(answer.calls) and not answer.is_cut
        if is_useless:
            self._useless += 1
            if self._useless >= patience.useless:
                self._step_down()
        else:
            self._bare += 1
            if self._bare >= patience.bare * 2**self._passed:
                await self._decide()

    async def _decide(self) -> None:
        """Answers alone do not tell a model that cannot call tools from one that needed none so far."""
        tier, self._bare = self._current, 0
        calls = tier is TierName.TOOLS and await calls_tools(self._model)
        if tier is not self._current:  # it was given up meanwhile
            return
        if calls:
            self._passed += 1  # whoever only chats is asked ever more seldom
            await self._prove()
        else:
            self._step_down()

    async def _prove(self) -> None:
        if not self._is_proven:
            self._is_proven = True
            if self._remembers:
                await self._remember(self._current)

    def _step_down(self) -> None:
        names = list(TierName)
        below = names[names.index(self._current) + 1]
        # What was found out before is true after all, and is not found out once more on the way down.
        self._go_on_in(self._raised_from or below)
        logger.warning("the model does not call tools; from now on it is spoken to in the %s tier", self._current)

    def _go_on_in(self, tier: TierName) -> None:
        self._current, self._raised_from = tier, None
        self._is_proven = False
        self._bare = self._useless = self._passed = 0
