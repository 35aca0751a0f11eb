"""The prompt for text models in general: core memory, the last messages, and memories beside the question."""

from string import Template

from adapters.ports import ChatMessage, LanguageModel, Usage
from bot.agent import Agent
from bot.context import Room
from bot.text import defuse, shorten
from bot.tiers.text_tier import Question, persona_of, said_before
from memory.ports import Kind, TokenCounter


class PlainPrompter:
    """See `Prompter`."""

    def __init__(self, model: LanguageModel, instructions: Template, counter: TokenCounter, room: Room) -> None:
        self._model = model
        self._instructions = instructions
        self._counter = counter
        self._room = room

    async def reply(self, agent: Agent, question: Question) -> tuple[str, Usage | None]:
        """See `Prompter`."""
        completion = await self._model.complete(self._prompt(agent, question), max_tokens=self._room.reply)
        return completion.text or "", completion.usage

    def _prompt(self, agent: Agent, question: Question) -> list[ChatMessage]:
        known = "\n".join(question.core) or "(nothing yet)"
        parts = [
            self._instructions.substitute(place="a direct conversation" if agent.is_direct else "a channel of many"),
            f"# Persona\n{defuse(persona_of(agent))}",
            f"# What you know\n{known}",
        ]
        if agent.summary:
            parts.append(f"# What was said long ago\n{defuse(agent.summary)}")
        beside = "\n".join(f"- {line}" for line in (*question.recalled, *question.noted))
        asked = shorten(question.text, self._room.message)  # a token is at least a character
        last = f"(From memory, perhaps of use:\n{beside}\n)\n\n{asked}" if beside else asked
        return [ChatMessage("system", "\n\n".join(parts)), *self._history(agent), ChatMessage("user", last)]

    def _history(self, agent: Agent) -> list[ChatMessage]:
        """What was said before the message at hand, as much as half of the window holds."""
        kept: list[ChatMessage] = []
        left = self._room.window // 2
        for message in reversed(said_before(agent)):
            text = shorten(defuse(message.text or ""), self._room.message)
            left -= self._counter.count(text)
            if left < 0:
                break
            kept.append(ChatMessage("user" if message.kind is Kind.USER_MESSAGE else "assistant", text))
        return _alternating(list(reversed(kept)))


def _alternating(history: list[ChatMessage]) -> list[ChatMessage]:
    """The same, beginning with the person and ending with the agent: many chat templates take nothing else."""
    merged: list[ChatMessage] = []
    for message in history:
        if merged and merged[-1].role == message.role:
            merged[-1] = ChatMessage(message.role, f"{merged[-1].content}\n{message.content}")
        else:
            merged.append(message)
    if merged and merged[0].role == "assistant":
        merged = merged[1:]
    return merged[:-1] if merged and merged[-1].role == "user" else merged
