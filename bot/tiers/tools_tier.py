"""Models that call tools natively: they see the whole main context and manage their memory themselves."""

from adapters.ports import LanguageModel, ToolCall
from bot.agent import Agent
from bot.context import ContextCompiler
from bot.text import clean, without_reasoning
from bot.tiers.ports import Answer
from memory.ports import Message


class ToolsTier:
    """See `Tier`."""

    def __init__(self, model: LanguageModel, compiler: ContextCompiler) -> None:
        self._model = model
        self._compiler = compiler

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """See `Tier`."""
        completion = await self._model.complete(self._compiler.compile(agent), self._compiler.tools(agent))
        calls: list[ToolCall] = []
        for call in completion.tool_calls:
            # Some servers number their calls anew in each answer, or twice the same; results find theirs by id.
            id_ = clean(call.id)[:100]
            if not id_ or any(other.id == id_ for other in calls):
                id_ = f"{id_}_{len(calls)}"
            calls.append(ToolCall(id_, clean(call.name), clean(call.arguments)))
        text = without_reasoning(clean(completion.text or "")).strip()
        return Answer(text or None, tuple(calls), completion.usage, saw_context=True)
