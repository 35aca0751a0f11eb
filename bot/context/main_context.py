"""The main context: what the model sees (pure).

    [instructions][core memory + summary, as of the last compaction][messages …]

The first two are one system message. Nothing in it changes from call to call, and the tools are always the same, so
that a server which caches prompts reads the prefix from its cache.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

from adapters.ports.model import ChatMessage, ToolCall, ToolSchema
from bot.agent import Agent, Queued
from bot.context.speakers import known_speakers
from bot.context.window import Room, Window
from bot.documents.sight import IMAGE_TOKENS
from bot.events import MAX_QUOTE_CHARS, envelope, notes_on_people
from bot.text import defuse, defuse_json, shorten
from memory.core.core_memory import CoreMemory
from memory.ports import Kind, Message, TokenCounter, ToolUse

CUT = "[… {count} characters left out here …]"
CUT_MESSAGE = "[… {count} characters left out here; the whole message is in recall storage …]"
CUT_BLOCK = "[… {count} characters left out; shorten this block …]"
MIN_RESULT_TOKENS = 24
MIN_CHARS = 40
"""Of the shortest cut text, so much stays beside the note of what is missing."""

NOTHING = "(nothing)"
NOTE_ON_PEOPLE = (
    'Of each person here you may keep a block person:<id>, the id as in "from": core_memory_append makes it '
    "when they write themselves. "
    "Blocks of who is speaking are shown beside the newest message."
)
SUMMARY_HEADING = "# Summary of earlier messages (evicted; search recall for the originals)"
SUMMARY_HEADING_TOKENS = 20

MAX_CALLS = 16
"""Of one answer, so many calls are run; one more is shown, whose result says that it was one too many."""

SMALLEST_SHARE = 1 / 32
"""How far a text may be cut beyond its usual room, where nothing but the newest step is left to make room from."""

TOKENS_PER_MESSAGE = 4
"""What chat templates add around each message."""


PREFIXES_AT_HAND = 1024
"""Of so many agents at work the fixed part of the prompt is made once for as long as it stays the same, 4 kB each."""


def result_room(room: Room, calls: int) -> int:
    """Tokens that one result may take where an answer makes so many calls."""
    return max(MIN_RESULT_TOKENS, room.result // max(1, min(calls, MAX_CALLS + 1)))


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a preset gives its agents beside their first memory: instructions and tools."""

    instructions: Template
    tools: tuple[ToolSchema, ...]

    def tokens(self, counter: TokenCounter) -> int:
        """What it takes of every prompt."""
        of_channels = counter.count(NOTE_ON_PEOPLE) if self.tools else 0
        return counter.count(self.instructions.template) + of_channels + counter.count(told_tools(self.tools))


class ContextCompiler:
    """Turns an agent into a prompt; holds only what is the same for every agent of a preset.

    Args:
        equipment: by preset; an agent whose preset is not among them takes the first.
        window: how it is shared out.
        counter: counts tokens.
    """

    def __init__(self, equipment: Mapping[str, Equipment], window: Window, counter: TokenCounter) -> None:
        self._window = window
        self._equipment = equipment
        self._counter = counter
        self._count_notes = lru_cache(maxsize=64)(counter.count)  # the same text at every step
        self._prefix = lru_cache(maxsize=PREFIXES_AT_HAND)(self._made_prefix)
        self._tool_tokens = {name: counter.count(told_tools(of.tools)) for name, of in equipment.items()}

    @property
    def room(self) -> Room:
        """How the window is shared out now."""
        return self._window.room

    def compile(self, agent: Agent) -> tuple[ChatMessage, ...]:
        """The prompt for the agent's next step; notes on who is speaking stand before the newest of their messages."""
        notes = self._notes(agent)
        if not notes and not agent.images:
            return (self.prefix(agent), *(queued.chat for queued in agent.queue if queued.chat is not None))
        shown: list[ChatMessage] = [self.prefix(agent)]
        newest = next((queued for queued in reversed(agent.queue) if queued.message.kind is Kind.USER_MESSAGE), None)
        for queued in agent.queue:
            if queued is newest and notes:
                shown.append(ChatMessage("user", notes))
            if queued.chat is not None:
                images = agent.images.get(queued.message.id)
                shown.append(replace(queued.chat, images=images) if images else queued.chat)
        return tuple(shown)

    def tools(self, agent: Agent) -> tuple[ToolSchema, ...]:
        """The tools that the agent is given: always the same list."""
        return self._equipment[self._preset(agent)].tools

    def prefix(self, agent: Agent) -> ChatMessage:
        """The fixed part: instructions, core memory as folded, and the summary of what was evicted.

        What is too much for the window, as it grew in a larger one or before the server's count was known, is cut here.
        """
        return self._prefix_of(agent)[0]

    def fixed_tokens(self, agent: Agent) -> int:
        """The size of prefix and tools, and of images, which can be cut as little."""
        tool_tokens = self._tool_tokens[self._preset(agent)]
        images = IMAGE_TOKENS * sum(len(shown) for shown in agent.images.values())
        return self._prefix_of(agent)[1] + tool_tokens + TOKENS_PER_MESSAGE + images

    def notes_tokens(self, agent: Agent) -> int:
        """The size of the notes on who is speaking."""
        notes = self._notes(agent)
        return self._count_notes(notes) + TOKENS_PER_MESSAGE if notes else 0

    def most_notes_tokens(self, agent: Agent) -> int:
        """The size that these notes may come to, whoever speaks."""
        return self.room.people + TOKENS_PER_MESSAGE if agent.core.people else 0

    def shares(self, agent: Agent) -> Mapping[str, int]:
        """What each part takes of the next prompt, in tokens of our own count, in the order of the prompt."""
        bare = replace(agent, folded=CoreMemory(()), summary="")
        system = self.fixed_tokens(bare)
        core = self.fixed_tokens(replace(agent, summary="")) - system
        notes = self.notes_tokens(agent)
        return {
            "system": system,
            "core memory": core,
            "summary": self.fixed_tokens(agent) - core - system,
            **({"people": notes} if notes else {}),
            "messages": sum(queued.tokens for queued in agent.queue),
        }

    def with_queued(self, agent: Agent, messages: Iterable[Message]) -> Agent:
        """The agent with messages at the end of its queue."""
        queued = self.queued(messages, agent.zone, names_speaker=not agent.is_direct)
        return replace(agent, queue=(*agent.queue, *queued))

    def queued(
        self,
        messages: Iterable[Message],
        zone: ZoneInfo,
        *,
        names_speaker: bool,
        share: float = 1.0,
        calls: int = MAX_CALLS + 1,
    ) -> tuple[Queued, ...]:
        """Messages as they stand in the queue, each cut if it is too long for the window; whole it is in recall.

        Args:
            messages: in order; a step's results follow its calls.
            zone: for the times.
            names_speaker: whether each line says who wrote it.
            share: of its usual room, what each may take.
            calls: of one answer, so many are shown, each with its result.
        """
        room = replace(self.room, message=int(self.room.message * share), result=int(self.room.result * share))
        queue = []
        uses: tuple[ToolUse, ...] = ()
        for message in messages:
            if message.kind is Kind.ASSISTANT:
                uses = message.tool_uses[:calls]
            is_shown = message.kind is not Kind.TOOL_RESULT or any(use.id == message.tool_use_id for use in uses)
            chat = self._render(message, zone, names_speaker, room, uses) if is_shown else None
            queue.append(Queued(message, chat, self._tokens(chat) if chat else 0))
        return tuple(queue)

    def tightened(
        self, queue: tuple[Queued, ...], zone: ZoneInfo, *, names_speaker: bool, max_tokens: float
    ) -> tuple[Queued, ...]:
        """A queue of which nothing can be spared, its texts cut further until it fits (or cannot be cut any more).

        Where many calls were made in one answer and short texts are not enough, only the first of them are shown.
        """
        messages = [queued.message for queued in queue]
        share, calls = 1.0, MAX_CALLS + 1
        while sum(queued.tokens for queued in queue) > max_tokens and (share > SMALLEST_SHARE or calls > 1):
            if share > SMALLEST_SHARE:
                share /= 2
            else:
                calls //= 2
            queue = self.queued(messages, zone, names_speaker=names_speaker, share=share, calls=calls)
        return queue

    def limited(self, core: CoreMemory) -> CoreMemory:
        """Core memory whose blocks grow no further than the window has room for now."""
        return core.with_limits(self.room.block, self.room.person)

    def _prefix_of(self, agent: Agent) -> tuple[ChatMessage, int]:
        """The prefix, and its size: the same objects as long as nothing of it changes."""
        room = self.room
        return self._prefix(self._preset(agent), agent.is_direct, agent.folded, agent.summary, room.core, room.summary)

    def _made_prefix(
        self, preset: str, is_direct: bool, folded: CoreMemory, summary: str, core_room: int, summary_room: int
    ) -> tuple[ChatMessage, int]:
        note = "" if is_direct else f"{NOTE_ON_PEOPLE}\n"
        place = "a direct conversation" if is_direct else "a channel of many"
        parts = [
            self._equipment[preset].instructions.substitute(place=place),
            f"# Core memory\n{note}{defuse(self._in_view(folded, core_room))}",
        ]
        if summary:
            parts.append(f"{SUMMARY_HEADING}\n{defuse(self._fit(summary, summary_room, note=CUT))}")
        text = "\n\n".join(parts)
        return ChatMessage("system", text), self._counter.count(text)

    def _in_view(self, core: CoreMemory, room: int) -> str:
        """Core memory whole, if there is room for that; else the longest blocks cut."""
        whole = core.render()
        if len(whole) <= room // 4 or self._counter.count(whole) <= room:
            return whole
        blocks = core.always_in_view
        left = room - self._counter.count(CoreMemory(tuple(replace(block, value="") for block in blocks)).render())
        sizes = sorted(self._counter.count(block.value) for block in blocks)
        for at, size in enumerate(sizes):
            most = left // (len(sizes) - at)
            if size > most:
                break
            left -= size
        cut = (replace(block, value=self._fit(block.value, most, note=CUT_BLOCK)) for block in blocks)
        return CoreMemory(tuple(cut)).render()

    def _notes(self, agent: Agent) -> str:
        """The blocks of the people who are speaking, as many as there is room for; nothing if there are none."""
        told = ""
        notes: dict[str, str] = {}
        for block, _ in known_speakers(agent):
            notes[block.label] = self._fit(block.value, self.room.person)  # it may be of a larger window
            more = notes_on_people(notes)
            if self._count_notes(more) > self.room.people:
                break
            told = more
        return told

    def _tokens(self, chat: ChatMessage) -> int:
        calls = sum(
            self._counter.count(call.name) + self._counter.count(call.arguments) + 6 for call in chat.tool_calls
        )
        return self._counter.count(chat.content or "") + calls + TOKENS_PER_MESSAGE

    def _preset(self, agent: Agent) -> str:
        return agent.preset if agent.preset in self._equipment else next(iter(self._equipment))

    def _render(
        self, message: Message, zone: ZoneInfo, names_speaker: bool, room: Room, uses: tuple[ToolUse, ...]
    ) -> ChatMessage:
        """A message in the roles of the API; `uses` are the calls of its step, which share the room."""
        sharing = max(1, len(uses))
        if message.kind is Kind.ASSISTANT:
            fits = sum(self._counter.count(use.arguments) for use in uses) <= room.message
            most = room.message if fits else room.message // sharing
            made = tuple(
                ToolCall(use.id, _replayed_name(use.name), self._replayed(use.arguments, most)) for use in uses
            )
            # Beside tool calls stands the inner monologue; a bare answer is what was said.
            content = message.thoughts if made else message.text or message.thoughts or NOTHING
            return ChatMessage("assistant", self._fit(defuse(content or ""), room.message) or None, made)
        if message.kind is Kind.TOOL_RESULT:
            # Kept whole, shown cut.
            text = self._fit(message.text or "", result_room(room, sharing), note=CUT)
            return ChatMessage("tool", text, tool_call_id=message.tool_use_id)

        quote_chars = max(MIN_CHARS, min(MAX_QUOTE_CHARS, room.message // 4))

        def wrapped(text: str) -> str:
            return envelope(message, zone, text=text, names_speaker=names_speaker, quote_chars=quote_chars)

        text = message.text or ""
        fitting = self._fit(text, room.message, size=lambda cut: self._counter.count(wrapped(cut)))
        return ChatMessage("user", wrapped(fitting))

    def _replayed(self, written: str, max_tokens: int) -> str:
        """The arguments of a call as a server takes them back: an object, whatever the model wrote."""
        arguments = _object(written)
        if arguments is None:
            return "{}"  # the call's result says what was wrong with them
        if self._counter.count(written) <= max_tokens:
            return defuse_json(written or "{}")
        most = max_tokens // max(1, len(arguments))
        texts = {
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in arguments.items()
            if not isinstance(value, int | None)
        }
        fitting = {key: self._fit(text, most, note=CUT) for key, text in texts.items()}
        short = json.dumps(arguments | fitting, ensure_ascii=False)
        # What names or sheer number of arguments make too long is left out.
        return defuse_json(short) if self._counter.count(short) <= max(2 * max_tokens, MIN_RESULT_TOKENS) else "{}"

    def _fit(
        self, text: str, max_tokens: int, *, size: Callable[[str], int] | None = None, note: str = CUT_MESSAGE
    ) -> str:
        """Cut a text to a number of tokens; searching from below, for texts of any density."""
        measure = size or self._counter.count
        if len(text) <= max_tokens // 4 or measure(text) <= max_tokens:
            return text
        least = len(note) + MIN_CHARS
        chars = max(least, max_tokens * 4)
        while measure(cut := shorten(text, chars, note)) > max_tokens and chars > least:
            chars = max(least, chars * 3 // 4)
        return cut


def _object(written: str) -> dict[str, Any] | None:
    """The JSON object that a model wrote, if it is one; Python would read NaN too, which JSON does not know."""
    try:
        read = json.loads(written or "{}", parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _replayed_name(name: str) -> str:
    """A tool's name as servers take it back (OpenAI: letters, digits, _ and -, at most 64)."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "unnamed"


def told_tools(tools: Sequence[ToolSchema]) -> str:
    """The tools as they weigh in a prompt."""
    return json.dumps([[tool.name, tool.description, tool.parameters] for tool in tools])
