"""The prompt for text models in general: core memory, the last messages, and memories beside the question."""

from collections.abc import Sequence
from string import Template

from adapters.ports.errors import ContextOverflow
from adapters.ports.model import ChatMessage, Completion, LanguageModel
from bot.agent import Agent
from bot.context.lookup_hints import parted
from bot.context.main_context import TOKENS_PER_MESSAGE
from bot.context.token_ratio import MOST, TokenRatio
from bot.context.window import Room
from bot.documents.sight import IMAGE_TOKENS
from bot.text import defuse, shorten
from bot.tiers.text_tier import Question, persona_of
from memory.ports import Kind, Message, TokenCounter

OVERHEAD_TOKENS = 60
"""Headings, and what the chat template adds."""


OPENED = (
    "(The person has just opened the conversation and has not written yet. "
    "Greet them in one or two sentences, by name if you know it.)"
)


class PlainPrompter:
    """See `Prompter`."""

    def __init__(self, model: LanguageModel, instructions: Template, counter: TokenCounter, room: Room) -> None:
        self._model = model
        self._instructions = instructions
        self._counter = counter
        self._room = room
        self._ratio = TokenRatio()

    async def reply(self, agent: Agent, question: Question) -> Completion:
        """See `Prompter`."""
        prompt = self._prompt(agent, question)
        try:
            completion = await self._model.complete(prompt, max_tokens=self._room.reply)
        except ContextOverflow:
            self._ratio.learn(min(MOST, self._ratio.value * 1.5))  # the turn tries once more
            raise
        if completion.usage is not None and completion.usage.prompt_tokens > 0 and not agent.images:
            own = sum(self._size(message.content or "") + TOKENS_PER_MESSAGE for message in prompt)
            self._ratio.learn(completion.usage.prompt_tokens / own)
        return completion

    def _prompt(self, agent: Agent, question: Question) -> list[ChatMessage]:
        """What fits the window, the most needed first: the question, core memory, what was recalled, the last words."""
        budget = (self._room.window - self._room.reply) / self._ratio.value
        instructions = self._instructions.substitute(
            place="a direct conversation" if agent.is_direct else "a channel of many"
        )
        asked = self._fit(OPENED if question.text is None else question.text, budget / 4)
        if question.replying_to is not None:
            asked = f"{self._fit(question.replying_to, budget / 16)}\n{asked}".lstrip()
        persona = self._fit(defuse(persona_of(agent)), budget / 8)
        known = self._fit("\n".join(question.core) or "(nothing yet)", budget / 5)
        images = tuple(image for shown in agent.images.values() for image in shown)
        left = (
            budget
            - len(images) * IMAGE_TOKENS
            - sum(self._size(text) for text in (instructions, asked, persona, known))
            - OVERHEAD_TOKENS
        )
        found = (*question.people, *question.recalled, *(note.with_place for note in question.noted))
        beside = self._fit("\n".join(f"- {line}" for line in found), left / 3)
        told, _ = parted(agent.summary)  # such a model looks nothing up
        summary = self._fit(defuse(told), left / 6)
        parts = [instructions, f"# Persona\n{persona}", f"# What you know\n{known}"]
        if summary:
            parts.append(f"# What was said long ago\n{summary}")
        last = f"(From memory, perhaps of use:\n{beside}\n)\n\n{asked}" if beside else asked
        history = self._history(question.before, left - self._size(beside) - self._size(summary))
        return [ChatMessage("system", "\n\n".join(parts)), *history, ChatMessage("user", last, images=images)]

    def _history(self, before: Sequence[Message], budget: float) -> list[ChatMessage]:
        """Of what was said before, the newest, as much as fits."""
        kept: list[ChatMessage] = []
        for message in reversed(before):
            text = self._fit(defuse(message.text or ""), budget / 3)
            budget -= self._size(text) + TOKENS_PER_MESSAGE
            if budget < 0 or not text:
                break
            kept.append(ChatMessage("user" if message.kind is Kind.USER_MESSAGE else "assistant", text))
        return _alternating(list(reversed(kept)))

    def _size(self, text: str) -> int:
        return self._counter.count(text)

    def _fit(self, text: str, most: float) -> str:
        """The text, cut to so many tokens; nothing if there is no room."""
        chars = int(max(0.0, most) * 4)
        cut = shorten(text, chars) if chars > 40 else ""
        while cut and self._size(cut) > most:
            chars = chars * 3 // 4
            cut = shorten(text, chars) if chars > 40 else ""
        return cut


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
