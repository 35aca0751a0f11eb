"""Models that only write text: code does the paging, and the model writes the reply (design: model tiers).

Code looks up what bears on the message (core memory, recall, archival storage) and puts it beside the question. Plain
requests to remember become calls of the core memory tools, made by code before the reply.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from adapters.ports.model import Completion, ToolCall
from bot.agent import Agent
from bot.context.speakers import known_speakers
from bot.documents.attached import words_of
from bot.documents.places import Noted, place_of, with_source
from bot.events import reply_of
from bot.reasoning import without_reasoning
from bot.text import clean, defuse, excerpt, one_line, whole_sentences
from bot.tiers.ports import Answer
from bot.tiers.remembering import SAID, facts_to_remember, same_subject, second_person
from bot.tiers.reminding import reminder_asked
from bot.turns.shelves import Shelves
from memory.core.core_memory import Block, person_label
from memory.ports import Kind, Message, Passage
from memory.search.words import query_words

RECALLED = 5
MAX_LINE_CHARS = 300

REMINDER = "code_reminder"
ZONE_NEEDED = "I do not know your time zone. Set it, as by `/agent timezone Europe/Lisbon`, and ask me again."
CANNOT_REMIND = "I cannot remind you of that: the time has passed, or too much is to come already (`/agent followups`)."

MEMORY_FULL = "(My memory is full, so I could not remember this:"


@dataclass(frozen=True, slots=True)
class Question:
    """A person's message with all that a prompt may put beside it."""

    text: str | None
    """None: the person has opened the conversation and has not written."""
    before: tuple[Message, ...]
    """What people and the agent said before, as far as it is in the queue, oldest first."""
    core: tuple[str, ...]
    """Lines of core memory about the people (or the channel), oldest first."""
    recalled: tuple[str, ...]
    """What was said earlier and bears on the message, best first."""
    noted: tuple[Noted, ...]
    """Notes and pieces of documents from archival storage, best first."""
    just_saved: tuple[str, ...]
    """Facts that code has just written to core memory from this message."""
    people: tuple[str, ...] = ()
    """In a channel, lines of the blocks on the people who are speaking, whoever asks first; others are named."""
    replying_to: str | None = None
    """What the message replies to, in a line."""


class Prompter(Protocol):
    """Writes the prompt for a kind of model, and reads its answer."""

    async def reply(self, agent: Agent, question: Question) -> Completion:
        """The reply to a message; without a text if the model gave none.

        Raises:
            ModelUnavailable: no answer after the retries.
            AnswerWithheld: a content filter left nothing of the answer.
            ContextOverflow: the server says that the prompt is too long.
        """
        ...


class TextTier:
    """See `Tier`."""

    def __init__(self, prompter: Prompter, shelves: Shelves) -> None:
        self._prompter = prompter
        self._shelves = shelves

    @property
    def speaks_unasked(self) -> bool:
        """See `Tier`."""
        return False

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """See `Tier`."""
        if not event.kind.awaits_answer:
            # Kept as a thought: such a model does not speak unasked.
            return Answer("Nothing to answer.", is_by_code=True)
        if not event.is_addressed:  # the model was stepped down since the turn began
            return Answer(None, is_by_code=True)
        is_message = event.kind is Kind.USER_MESSAGE
        may_write = is_message and agent.keeps(event)
        facts = facts_to_remember(words_of(event.text or "")) if may_write else []
        lines = _lines_on(agent, event)
        is_first_step = not any(
            queued.message.turn_id == event.turn_id and queued.message.kind is Kind.ASSISTANT for queued in agent.queue
        )
        if is_first_step:
            calls = _memory_calls(agent, event, facts) + (_reminder_call(agent, event) if may_write else ())
            if calls:
                return Answer(None, calls, is_by_code=True)
        elif (promised := _promised(agent, event)) is not None:
            return Answer(promised, is_by_code=True)
        question = await self._question(agent, event, facts)
        completion = await self._prompter.reply(agent, question)
        reply = without_reasoning(clean(completion.text or ""))
        if reply and completion.is_cut:
            reply = whole_sentences(reply)
        if reply and question.text is not None and not completion.is_refusal:
            reply = with_source(reply, question.text, question.noted, _told(question))
        forgotten = [second_person(fact) for fact in facts if SAID + fact not in lines]
        if reply and forgotten:
            reply = f"{reply}\n\n{MEMORY_FULL} {' '.join(forgotten)})"
        return Answer(reply or None, usage=completion.usage, is_addressed=completion.is_refusal)

    async def _question(self, agent: Agent, event: Message, facts: list[str]) -> Question:
        core = _lines_of(agent.core.always_in_view)
        before = tuple(
            replace(message, text=_line_of(message, agent, event))
            for message in said(agent)
            if message.turn_id != event.turn_id
        )
        if event.kind is Kind.LOGIN:
            return Question(None, before, tuple(defuse(line) for line in core), (), (), ())
        recalled_ids = await self._shelves.recall.search(
            agent.id, event.text or "", before_id=event.id, zone=agent.zone
        )
        recalled = await self._shelves.recall.get(agent.id, recalled_ids[: RECALLED * 4])
        told = [
            one_line(defuse(_line_of(message, agent, event)), MAX_LINE_CHARS)
            for message in recalled
            if message.kind is Kind.USER_MESSAGE and not (message.text or "").rstrip().endswith("?")
        ]
        noted_ids = await self._shelves.archival.search(agent.id, event.text or "", zone=agent.zone)
        noted = await self._shelves.archival.get(agent.id, noted_ids[:RECALLED])
        words = query_words(event.text or "")  # of a long piece of a document, the part that bears on the message
        return Question(
            text=defuse(event.text or ""),
            replying_to=defuse(replied) if (replied := reply_of(event)) is not None else None,
            before=before,
            core=tuple(defuse(line) for line in core),
            recalled=tuple(dict.fromkeys(told))[:RECALLED],
            noted=tuple(_noted(passage, words) for passage in noted),
            just_saved=tuple(fact for fact in facts if SAID + fact in _lines_on(agent, event)),
            people=tuple(one_line(defuse(line), MAX_LINE_CHARS) for line in _of_speakers(agent, event)),
        )


def _lines_of(blocks: Iterable[Block]) -> list[str]:
    """The lines of blocks, but for the persona."""
    return [line for block in blocks if block.label != "persona" for line in block.value.splitlines() if line.strip()]


def _lines_on(agent: Agent, event: Message) -> list[str]:
    """The lines among which the facts are that somebody tells of themselves."""
    if agent.is_direct:
        return _lines_of(agent.core.always_in_view)
    return [line for line in agent.core.text(_label_for(agent, event)).splitlines() if line.strip()]


def _line_of(message: Message, agent: Agent, event: Message) -> str:
    """What somebody said; in a channel others than the one who asks are named."""
    text = message.text or ""
    is_others = message.kind is Kind.USER_MESSAGE and message.author_id != event.author_id
    return text if agent.is_direct or not is_others else f"{message.author_name or message.author_id}: {text}"


def _label_for(agent: Agent, event: Message) -> str:
    """The block that is on whoever wrote."""
    return agent.core.blocks[-1].label if agent.is_direct else person_label(event.author_id or "")


def _of_speakers(agent: Agent, event: Message) -> list[str]:
    if agent.is_direct:
        return []
    asks = person_label(event.author_id or "")
    return [
        line if block.label == asks else f"{name}: {line}"
        for block, name in known_speakers(agent)
        for line in _lines_of([block])
    ]


def said(agent: Agent) -> list[Message]:
    """What people and the agent said, as far as it is in the queue."""
    messages = [queued.message for queued in agent.queue if queued.message.text]
    return [message for message in messages if message.kind in (Kind.USER_MESSAGE, Kind.ASSISTANT)]


def persona_of(agent: Agent) -> str:
    """The persona block."""
    return next((block.value for block in agent.core if block.label == "persona"), "")


def _noted(passage: Passage, words: Sequence[str]) -> Noted:
    text = one_line(defuse(excerpt(passage.content, words, MAX_LINE_CHARS)), 2 * MAX_LINE_CHARS)
    place = place_of(passage)
    return Noted(text, place and defuse(place), passage.document)


def _told(question: Question) -> Iterable[str]:
    """What the model knows from elsewhere than documents."""
    notes = (note.text for note in question.noted if note.document is None)
    return (*question.core, *question.people, *question.recalled, *notes)


def _reminder_call(agent: Agent, event: Message) -> tuple[ToolCall, ...]:
    """The call that keeps what somebody plainly asks to be reminded of."""
    asked = reminder_asked(words_of(event.text or ""), event.created_at.astimezone(agent.zone))
    if asked is None:
        return ()
    arguments = {"when": asked.when, "note": asked.note, "request_heartbeat": True}
    return (ToolCall(REMINDER, "schedule_follow_up", json.dumps(arguments, ensure_ascii=False)),)


def _promised(agent: Agent, event: Message) -> str | None:
    """What came of that call, for whoever asked."""
    for queued in reversed(agent.queue):
        message = queued.message
        if message.turn_id == event.turn_id and message.tool_use_id == REMINDER and message.text is not None:
            came_to = json.loads(message.text)
            if came_to["status"] != "ok":
                return ZONE_NEEDED if "time zone" in came_to["message"] else CANNOT_REMIND
            return (
                f"I will remind you at {datetime.fromisoformat(came_to['due']):%H:%M on %A, %d %B} ({came_to['zone']})."
            )
    return None


def _memory_calls(agent: Agent, event: Message, facts: list[str]) -> tuple[ToolCall, ...]:
    """The calls that write facts to core memory: in the place of one about the same thing, else at the end."""
    label, lines = _label_for(agent, event), _lines_on(agent, event)
    text = agent.core.text(label)
    calls = []
    for number, fact in enumerate(facts):
        new = SAID + fact
        if new in lines:
            continue
        old = next((line for line in lines if same_subject(line.removeprefix(SAID), fact)), None)
        # A line that stands there more than once cannot be replaced.
        if old is not None and text.count(old) == 1:
            name, arguments = "core_memory_replace", {"label": label, "old_content": old, "new_content": new}
        else:
            name, arguments = "core_memory_append", {"label": label, "content": new}
        written = json.dumps({**arguments, "request_heartbeat": True}, ensure_ascii=False)
        calls.append(ToolCall(f"code_{number}", name, written))
    return tuple(calls)
