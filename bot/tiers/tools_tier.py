"""Models that call tools natively: they see the whole main context and manage their memory themselves."""

import logging
from collections.abc import Sequence

from adapters.ports.errors import FeatureUnsupported, RequestRefused
from adapters.ports.model import ChatMessage, Completion, LanguageModel, Sampling, ToolCall, ToolSchema
from bot.agent import Agent
from bot.context.main_context import ContextCompiler
from bot.reasoning import after_reasoning, without_reasoning
from bot.text import clean
from bot.tiers.ports import Answer
from bot.tiers.written_calls import written_calls
from memory.ports import Message

logger = logging.getLogger(__name__)

MUST_CALL = Sampling(extra={"tool_choice": "required"})


class ToolsTier:
    """See `Tier`."""

    def __init__(self, model: LanguageModel, compiler: ContextCompiler) -> None:
        self._model = model
        self._compiler = compiler
        self._forces = True
        """Whether the server takes it that a tool is to be called; until it refuses that."""

    @property
    def speaks_unasked(self) -> bool:
        """See `Tier`."""
        return True

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """See `Tier`."""
        tools = self._compiler.tools(agent)
        prompt = self._compiler.compile(agent)
        completion = await (
            self._decision(prompt, tools) if event.kind.is_timed else self._model.complete(prompt, tools)
        )
        text, calls = clean(completion.text or ""), _native(completion)
        if not calls and not completion.is_refusal:
            names = [tool.name for tool in tools]
            thoughts, written = written_calls(after_reasoning(text), names, is_cut=completion.is_cut)
            first = f"written_{event.id}_{len(agent.queue)}"
            calls = tuple(ToolCall(f"{first}_{n}", call.name, call.arguments) for n, call in enumerate(written))
            text = thoughts or "" if calls else text
        return Answer(
            without_reasoning(text) or None,
            calls,
            completion.usage,
            saw_context=True,
            is_cut=completion.is_cut,
            is_addressed=completion.is_refusal,
        )

    async def _decision(self, prompt: Sequence[ChatMessage], tools: Sequence[ToolSchema]) -> Completion:
        """An answer to what nobody waits for: a call, where the server can see to it, for text is heard by nobody."""
        if self._forces:
            try:
                return await self._model.complete(prompt, tools, sampling=MUST_CALL)
            except (FeatureUnsupported, RequestRefused) as refusal:
                completion = await self._model.complete(prompt, tools)
                logger.info("the server does not make a model call a tool: %s", refusal.detail)
                self._forces = False
                return completion
        return await self._model.complete(prompt, tools)


def _native(completion: Completion) -> tuple[ToolCall, ...]:
    calls: list[ToolCall] = []
    for call in completion.tool_calls:
        # Some servers number their calls anew in each answer, or twice the same; results find theirs by id.
        id_ = clean(call.id)[:100]
        if not id_ or any(other.id == id_ for other in calls):
            id_ = f"{id_}_{len(calls)}"
        calls.append(ToolCall(id_, clean(call.name), clean(call.arguments)))
    return tuple(calls)
