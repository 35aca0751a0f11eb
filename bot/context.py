"""The main context: what the model sees (pure).

    [instructions][core memory + summary, as of the last compaction][messages …]

The first two are one system message. Nothing in it changes from call to call, and the tools are always the same, so
that a server which caches prompts reads the prefix from its cache.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import Template
from zoneinfo import ZoneInfo

from adapters.ports import ChatMessage, ToolCall, ToolSchema
from bot.agent import Agent, Queued
from bot.errors import ContextTooSmall
from bot.events import envelope
from bot.text import defuse, defuse_json, shorten
from memory.ports import Kind, Message, TokenCounter, ToolUse

CUT = "[… {count} characters left out here …]"
CUT_MESSAGE = "[… {count} characters left out here; the whole message is in recall storage …]"
MIN_RESULT_TOKENS = 24

MIN_FREE_TOKENS = 400
"""What core memory, summary and queue need at least, together."""

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
    def of(cls, window: int, block_tokens: int, fixed: int) -> "Room":
        """The shares of a window.

        Args:
            window: tokens that prompt and answer share.
            block_tokens: the most that a block of core memory may take.
            fixed: what instructions and tools take.

        Raises:
            ContextTooSmall: they leave no room for memory and a conversation.
        """
        reply = min(2048, window // 8)
        free = window - fixed - reply
        if free < MIN_FREE_TOKENS:
            raise ContextTooSmall(
                f"Instructions and tools take {fixed} tokens of a window of {window}; at least "
                f"{fixed + reply + MIN_FREE_TOKENS} are needed. Use a model with a larger window, or set "
                "LLM_CONTEXT_WINDOW if this one's is larger than that."
            )
        return cls(
            window=window,
            block=min(block_tokens, window // 8, free // 6),
            summary=min(800, window // 8, free // 6),
            message=min(window // 4, free // 4),
            result=min(2000, window // 8, free // 4),
            reply=reply,
        )


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a preset gives its agents beside their first memory: instructions and tools."""

    instructions: Template
    tools: tuple[ToolSchema, ...]

    def tokens(self, counter: TokenCounter) -> int:
        """What it takes of every prompt."""
        return counter.count(self.instructions.template) + counter.count(told_tools(self.tools))


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
        self._tool_tokens = {name: counter.count(told_tools(of.tools)) for name, of in equipment.items()}

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
            f"# Core memory\n{defuse(agent.folded.render())}",
        ]
        if agent.summary:
            parts.append(
                f"# Summary of earlier messages (evicted; search recall for the originals)\n{defuse(agent.summary)}"
            )
        return ChatMessage("system", "\n\n".join(parts))

    def fixed_tokens(self, agent: Agent) -> int:
        """The size of prefix and tools."""
        tool_tokens = self._tool_tokens[self._preset(agent)]
        return self._count_prefix(self.prefix(agent).content or "") + tool_tokens + TOKENS_PER_MESSAGE

    def queued(
        self, messages: Iterable[Message], zone: ZoneInfo, *, names_speaker: bool, calls: int = 1
    ) -> tuple[Queued, ...]:
        """Messages as they stand in the queue, each cut if it is too long for the window; whole it is in recall.

        `calls`: of how many calls the first results are, if the step that made them is not among the messages.
        """
        queue = []
        for message in messages:
            if message.kind is Kind.ASSISTANT:
                calls = max(1, len(message.tool_uses))
            chat = self._render(message, zone, names_speaker, calls)
            tokens = self._counter.count(chat.content or "") + TOKENS_PER_MESSAGE
            tokens += sum(self._counter.count(call.arguments) + 10 for call in chat.tool_calls)
            queue.append(Queued(message, chat, tokens))
        return tuple(queue)

    def _preset(self, agent: Agent) -> str:
        return agent.preset if agent.preset in self._equipment else next(iter(self._equipment))

    def _render(self, message: Message, zone: ZoneInfo, names_speaker: bool, calls: int) -> ChatMessage:
        if message.kind is Kind.ASSISTANT:
            made = tuple(ToolCall(use.id, _replayed_name(use.name), self._replayed(use)) for use in message.tool_uses)
            # Beside tool calls stands the inner monologue; a bare answer is what was said.
            content = message.thoughts if made else message.text or message.thoughts
            return ChatMessage("assistant", self._fit(defuse(content or ""), self.room.message) or None, made)
        if message.kind is Kind.TOOL_RESULT:
            # Kept whole, shown cut; the results of one step share the room.
            text = self._fit(message.text or "", max(MIN_RESULT_TOKENS, self.room.result // calls), note=CUT)
            return ChatMessage("tool", text, tool_call_id=message.tool_use_id)

        def wrapped(text: str) -> str:
            return envelope(message, zone, text=text, names_speaker=names_speaker)

        text = message.text or ""
        fitting = self._fit(text, self.room.message, size=lambda cut: self._counter.count(wrapped(cut)))
        return ChatMessage("user", wrapped(fitting))

    def _replayed(self, use: ToolUse) -> str:
        """The arguments of a call as a server takes them back: an object, whatever the model wrote."""
        try:
            arguments = json.loads(use.arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            return "{}"  # the call's result says what was wrong with them
        if self._counter.count(use.arguments) <= self.room.message:
            return defuse_json(use.arguments or "{}")
        most = self.room.message // max(1, len(arguments))
        short = {
            key: self._fit(value, most, note=CUT) if isinstance(value, str) else value
            for key, value in arguments.items()
        }
        return defuse_json(json.dumps(short, ensure_ascii=False))

    def _fit(
        self, text: str, max_tokens: int, *, size: Callable[[str], int] | None = None, note: str = CUT_MESSAGE
    ) -> str:
        """Cut a text to a number of tokens; searching from below, for texts of any density."""
        measure = size or self._counter.count
        if len(text) <= max_tokens // 4 or measure(text) <= max_tokens:
            return text
        chars = max_tokens * 4
        while measure(cut := shorten(text, chars, note)) > max_tokens and chars > 40:
            chars = chars * 3 // 4
        return cut


def _replayed_name(name: str) -> str:
    """A tool's name as servers take it back (OpenAI: letters, digits, _ and -, at most 64)."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "unnamed"


def told_tools(tools: Sequence[ToolSchema]) -> str:
    """The tools as they weigh in a prompt."""
    return json.dumps([[tool.name, tool.description, tool.parameters] for tool in tools])
