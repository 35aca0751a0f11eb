"""The main context: what the model sees (pure).

    [instructions][core memory + summary, as of the last compaction][messages …]

The first two are one system message. Nothing in it changes from call to call, and the tools are always the same, so
that a server which caches prompts reads the prefix from its cache.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import Template
from zoneinfo import ZoneInfo

from adapters.ports import ChatMessage, ToolCall, ToolSchema
from bot.agent import Agent, Queued
from bot.events import envelope
from bot.text import shorten
from memory.ports import Kind, Message, TokenCounter

TOKENS_PER_MESSAGE = 4
"""What chat templates add around each message."""


@dataclass(frozen=True, slots=True)
class Room:
    """How a context window is shared out, in tokens. In a small window everything shrinks with it."""

    window: int
    block: int
    summary: int
    message: int
    result: int
    reply: int

    @classmethod
    def of(cls, window: int, block_tokens: int) -> "Room":
        """The shares of a window; `block_tokens` is the most that a block may take."""
        return cls(
            window=window,
            block=min(block_tokens, window // 8),
            summary=min(800, window // 8),
            message=window // 4,
            result=min(2000, window // 8),
            reply=min(2048, window // 8),
        )


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a preset gives its agents beside their first memory: instructions and tools."""

    instructions: Template
    tools: tuple[ToolSchema, ...]


class ContextCompiler:
    """Turns an agent into a prompt; holds only what is the same for every agent of a preset.

    Args:
        equipment: by preset; an agent whose preset is not among them takes the first.
        room: how the window is shared out.
        counter: counts tokens.
    """

    def __init__(self, equipment: Mapping[str, Equipment], room: Room, counter: TokenCounter) -> None:
        self.room = room
        self._equipment = equipment
        self._counter = counter
        self._count_prefix = lru_cache(maxsize=64)(counter.count)  # the same text at every step
        self._tool_tokens = {name: counter.count(_told(of.tools)) for name, of in equipment.items()}

    def compile(self, agent: Agent) -> tuple[ChatMessage, ...]:
        """The prompt for the agent's next step."""
        return (self.prefix(agent), *(queued.chat for queued in agent.queue))

    def tools(self, agent: Agent) -> tuple[ToolSchema, ...]:
        """The tools that the agent is given: always the same list."""
        return self._equipment[self._preset(agent)].tools

    def prefix(self, agent: Agent) -> ChatMessage:
        """The fixed part: instructions, core memory as folded, and the summary of what was evicted."""
        instructions = self._equipment[self._preset(agent)].instructions
        parts = [
            instructions.substitute(place="a direct conversation" if agent.is_direct else "a channel of many"),
            f"# Core memory\n{agent.folded.render()}",
        ]
        if agent.summary:
            parts.append(f"# Summary of earlier messages (evicted; search recall for the originals)\n{agent.summary}")
        return ChatMessage("system", "\n\n".join(parts))

    def fixed_tokens(self, agent: Agent) -> int:
        """The size of prefix and tools."""
        tool_tokens = self._tool_tokens[self._preset(agent)]
        return self._count_prefix(self.prefix(agent).content or "") + tool_tokens + TOKENS_PER_MESSAGE

    def queued(self, message: Message, agent_zone: ZoneInfo, *, names_speaker: bool) -> Queued:
        """A message as it stands in the queue, cut if it is too long for the window; whole it is in recall."""
        chat = self._render(message, agent_zone, names_speaker)
        tokens = self._counter.count(chat.content or "") + TOKENS_PER_MESSAGE
        tokens += sum(self._counter.count(call.arguments) + 10 for call in chat.tool_calls)
        return Queued(message, chat, tokens)

    def _preset(self, agent: Agent) -> str:
        return agent.preset if agent.preset in self._equipment else next(iter(self._equipment))

    def _render(self, message: Message, zone: ZoneInfo, names_speaker: bool) -> ChatMessage:
        if message.kind is Kind.ASSISTANT:
            calls = tuple(ToolCall(use.id, use.name, use.arguments) for use in message.tool_uses)
            # Beside tool calls stands the inner monologue; a bare answer is what was said.
            content = message.thoughts if calls else message.text or message.thoughts
            return ChatMessage("assistant", self._fit(content or "", self.room.message) or None, calls)
        if message.kind is Kind.TOOL_RESULT:
            # Kept whole, shown cut.
            return ChatMessage(
                "tool", self._fit(message.text or "", self.room.result), tool_call_id=message.tool_use_id
            )
        text = self._fit(message.text or "", self.room.message)
        return ChatMessage("user", envelope(message, zone, text=text, names_speaker=names_speaker))

    def _fit(self, text: str, max_tokens: int) -> str:
        """Cut a text to a number of tokens; searching from below, for texts of any density."""
        if len(text) <= max_tokens or self._counter.count(text) <= max_tokens:
            return text
        note = "[… {count} characters left out here; the whole message is in recall storage …]"
        chars = max_tokens * 4
        while self._counter.count(cut := shorten(text, chars, note)) > max_tokens and chars > 100:
            chars = chars * 3 // 4
        return cut


def _told(tools: Sequence[ToolSchema]) -> str:
    return json.dumps([[tool.name, tool.description, tool.parameters] for tool in tools])
