"""Models that only write text: code does the paging, and the model writes the reply (design: model tiers).

Code looks up what bears on the message (core memory, recall, archival storage) and puts it beside the question. Plain
requests to remember become calls of the core memory tools, made by code in a step of their own before the reply.
"""

import json
from dataclasses import dataclass
from typing import Protocol

from adapters.ports import ToolCall, Usage
from bot.agent import Agent
from bot.executor import Shelves
from bot.text import clean, defuse, one_line, without_reasoning
from bot.tiers.ports import Answer
from bot.tiers.remembering import SAID, facts_to_remember, same_subject
from memory.ports import Kind, Message

RECALLED = 5
MAX_LINE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Question:
    """A person's message with all that a prompt may put beside it."""

    text: str
    core: tuple[str, ...]
    """Lines of core memory about the people (or the channel), oldest first."""
    recalled: tuple[str, ...]
    """What was said earlier and bears on the message, best first."""
    noted: tuple[str, ...]
    """Notes from archival storage, best first."""
    just_saved: tuple[str, ...]
    """Facts that code has just written to core memory from this message."""


class Prompter(Protocol):
    """Writes the prompt for a kind of model, and reads its answer."""

    async def reply(self, agent: Agent, question: Question) -> tuple[str, Usage | None]:
        """The reply to a message; empty if the model gave none.

        Raises:
            ModelUnavailable: no answer after the retries.
            ContextOverflow: the server says that the prompt is too long.
        """
        ...


class TextTier:
    """See `Tier`."""

    def __init__(self, prompter: Prompter, shelves: Shelves) -> None:
        self._prompter = prompter
        self._shelves = shelves

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """See `Tier`."""
        if event.kind is not Kind.USER_MESSAGE or event.text is None:
            return Answer("Nothing to answer.")  # kept as a thought: such a model does not speak unasked
        facts = facts_to_remember(event.text) if agent.is_direct else []
        is_first_step = not any(
            queued.message.turn_id == event.turn_id and queued.message.kind is Kind.ASSISTANT for queued in agent.queue
        )
        calls = _memory_calls(agent, facts) if is_first_step else ()
        if calls:
            return Answer(None, calls)
        reply, usage = await self._prompter.reply(agent, await self._question(agent, event, facts))
        return Answer(without_reasoning(clean(reply)).strip() or None, usage=usage)

    async def _question(self, agent: Agent, event: Message, facts: list[str]) -> Question:
        core = about_people(agent)
        recalled_ids = await self._shelves.recall.search(agent.id, event.text or "", before_id=event.id)
        recalled = await self._shelves.recall.get(agent.id, recalled_ids[: RECALLED * 4])
        said = [
            one_line(defuse(message.text or ""), MAX_LINE_CHARS)
            for message in recalled
            if message.kind is Kind.USER_MESSAGE and not (message.text or "").rstrip().endswith("?")
        ]
        noted_ids = await self._shelves.archival.search(agent.id, event.text or "")
        noted = await self._shelves.archival.get(agent.id, noted_ids[:RECALLED])
        return Question(
            text=defuse(event.text or ""),
            core=tuple(defuse(line) for line in core),
            recalled=tuple(dict.fromkeys(said))[:RECALLED],
            noted=tuple(one_line(defuse(passage.content), MAX_LINE_CHARS) for passage in noted),
            just_saved=tuple(fact for fact in facts if SAID + fact in core),
        )


def about_people(agent: Agent) -> list[str]:
    """The lines of every block but the persona."""
    return [
        line for block in agent.core if block.label != "persona" for line in block.value.splitlines() if line.strip()
    ]


def said_before(agent: Agent) -> list[Message]:
    """What people and the agent said before the message at hand, as far as it is in the queue."""
    said = [queued.message for queued in agent.queue if queued.message.text]
    return [message for message in said if message.kind in (Kind.USER_MESSAGE, Kind.ASSISTANT)][:-1]


def persona_of(agent: Agent) -> str:
    """The persona block."""
    return next((block.value for block in agent.core if block.label == "persona"), "")


def _memory_calls(agent: Agent, facts: list[str]) -> tuple[ToolCall, ...]:
    """The calls that write facts to core memory: in the place of one about the same thing, else at the end."""
    label = agent.core.blocks[-1].label
    lines = about_people(agent)
    calls = []
    for number, fact in enumerate(facts):
        new = SAID + fact
        if new in lines:
            continue
        old = next((line for line in lines if same_subject(line.removeprefix(SAID), fact)), None)
        if old is not None:
            name, arguments = "core_memory_replace", {"label": label, "old_content": old, "new_content": new}
        else:
            name, arguments = "core_memory_append", {"label": label, "content": new}
        written = json.dumps({**arguments, "request_heartbeat": True}, ensure_ascii=False)
        calls.append(ToolCall(f"code_{number}", name, written))
    return tuple(calls)
