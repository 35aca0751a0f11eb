"""Letta's agent file (`.af`) as records: blocks, messages and archival passages of an agent that lived there (pure).

Its schema is that of `letta/schemas/agent_file.py` (agents, blocks and the like, which refer to each other) and, before
that, of `letta/serialize_schemas/pydantic_agent_schema.py` (one agent). Letta writes no passages into it; they are
taken from `passages`, as its API lists them. Tools, files, groups and settings of models have nothing here to become.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from memory.portable.records import (
    AgentState,
    BlockText,
    End,
    Head,
    KeptMessage,
    KeptPassage,
    MalformedExport,
    Record,
    ToolUseMade,
)
from memory.ports import Kind

PRESET = "memgpt_chat"
FIRST = ("persona", "human")
"""The blocks that every agent has here, in their order."""

SAID_BY = "send_message"
NO_RESULT = json.dumps({"status": "what came of it is not in the agent file"})
MAX_LABEL_CHARS = 60

_NO_LABEL = re.compile(r"[<>\x00-\x1f]")
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_KINDS = {"user_message": Kind.USER_MESSAGE, "login": Kind.LOGIN, "heartbeat": Kind.HEARTBEAT}
_TEXT_PARTS = ("text", "reasoning", "summarized_reasoning")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


_Moment = Annotated[datetime, AfterValidator(_aware)]
"""A time; one without a zone is in UTC."""


class _Part(BaseModel):
    """As much as is read of a part of the file; whatever else stands there is for Letta."""

    model_config = ConfigDict(extra="ignore")


class _Block(_Part):
    label: str
    value: str | None = ""
    id: str | None = None


class _Function(_Part):
    name: str
    arguments: str = "{}"


class _Call(_Part):
    id: str
    function: _Function


class _Return(_Part):
    tool_call_id: str | None = None
    func_response: Any = None
    status: str | None = None


class _Message(_Part):
    role: str
    content: Any = None
    id: str | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    tool_returns: list[_Return] | None = None
    created_at: _Moment | None = None


class _Passage(_Part):
    text: str
    tags: list[str] | None = None
    agent_id: str | None = None
    created_at: _Moment | None = None


class _Agent(_Part):
    name: str = ""
    agent_type: str = ""
    id: str | None = None
    block_ids: list[str] = []
    memory_blocks: list[_Block] | None = None
    core_memory: list[_Block] | None = None
    messages: list[_Message] = []
    in_context_message_ids: list[str] | None = None
    in_context_message_indices: list[int] | None = None
    passages: list[_Passage] | None = None
    created_at: _Moment | None = None


class _File(_Part):
    agents: list[_Agent] = Field(min_length=1)
    blocks: list[_Block] = []
    passages: list[_Passage] | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """An agent of Letta's: its name, and its records but for the scope, which `records` puts in."""

    name: str
    _blocks: tuple[BlockText, ...]
    _messages: tuple[KeptMessage, ...]
    _notes: tuple[KeptPassage, ...]
    _created_at: datetime

    def records(self, scope: str) -> Iterator[Record]:
        """All of it, as an export of ours has it."""
        state = AgentState(scope=scope, created_at=self._created_at, preset=PRESET, summary="", warned=False)
        before_end: tuple[Record, ...] = (Head(), state, *self._blocks, *self._messages, *self._notes)
        yield from before_end
        yield End(records=len(before_end))


def is_agent_file(written: object) -> bool:
    """Whether JSON may be an agent file."""
    return isinstance(written, dict) and ("agents" in written or "core_memory" in written)


def converted(written: dict[str, Any], now: datetime) -> Converted:
    """The agent in a file; of several, the first that is not one of Letta's helpers in the background.

    Args:
        written: the file's JSON.
        now: for what it gives no time.

    Raises:
        MalformedExport: something in it is not as Letta writes it; the text says what.
    """
    try:
        file = _File.model_validate(written if "agents" in written else {"agents": [written]})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise MalformedExport(f"it is no agent file of Letta's: {place}: {fault['msg']}") from None
    agent = next((each for each in file.agents if not each.agent_type.startswith("sleeptime")), file.agents[0])
    messages = tuple(_numbered(agent, now))
    moments = [message.created_at for message in messages]
    return Converted(
        " ".join(_NO_NAME.sub(" ", agent.name).split())[:100] or "letta",
        tuple(_blocks(agent, file)),
        messages,
        tuple(_notes(agent, file, now)),
        agent.created_at or min(moments, default=now),
    )


def _blocks(agent: _Agent, file: _File) -> Iterator[BlockText]:
    named = {block.id: block for block in file.blocks}
    own = [named[id_] for id_ in agent.block_ids if id_ in named]
    found: dict[str, str] = {}
    for block in (*own, *(agent.memory_blocks or ()), *(agent.core_memory or ())):
        label = _NO_LABEL.sub("_", block.label)[:MAX_LABEL_CHARS] or "block"
        found.setdefault(label, (block.value or "").strip("\n"))
    for label in dict.fromkeys((*FIRST, *found)):
        yield BlockText(label=label, value=found.get(label, ""))


def _notes(agent: _Agent, file: _File, now: datetime) -> Iterator[KeptPassage]:
    of_agent = (passage for passage in file.passages or () if passage.agent_id in (None, agent.id))
    for passage in (*(agent.passages or ()), *of_agent):
        yield KeptPassage(
            content=passage.text,
            tags=tuple(passage.tags or ()),
            source_message_id=None,
            created_at=passage.created_at or now,
        )


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────


def _numbered(agent: _Agent, now: datetime) -> Iterator[KeptMessage]:
    """The messages in their order, each in a turn; what no person or clock began is out of the window."""
    turn = 0
    for id_, message in enumerate(_kept(agent, now), 1):
        is_begun = turn > 0
        if message.kind.is_event or not is_begun:
            turn = id_ if message.kind.is_event else turn
        evicted = message.evicted or not turn
        yield message.model_copy(update={"id": id_, "turn_id": turn or id_, "evicted": evicted})


def _kept(agent: _Agent, now: datetime) -> Iterator[KeptMessage]:
    """The messages with every call beside what came of it: servers refuse one without the other."""
    asked: dict[str, bool] = {}  # of calls without a result yet, whether they are out of the window
    moment = now
    for place, message in enumerate(agent.messages):
        moment, evicted = message.created_at or moment, not _in_context(agent, message, place)
        if message.role == "tool":
            for use_id, text in _results(message):
                if use_id in asked:
                    yield _record(Kind.TOOL_RESULT, moment, asked.pop(use_id), text=text, tool_use_id=use_id)
            continue
        for use_id, was_evicted in asked.items():
            yield _record(Kind.TOOL_RESULT, moment, was_evicted, text=NO_RESULT, tool_use_id=use_id)
        asked = {}
        if message.role == "user":
            yield _event(message, moment, evicted)
        elif message.role in ("assistant", "approval") and (said := _said(agent, message, moment, evicted)) is not None:
            asked = {use.id: evicted for use in said.tool_uses}
            yield said
    for use_id, was_evicted in asked.items():
        yield _record(Kind.TOOL_RESULT, moment, was_evicted, text=NO_RESULT, tool_use_id=use_id)


def _in_context(agent: _Agent, message: _Message, place: int) -> bool:
    if agent.in_context_message_ids is not None:
        return message.id in agent.in_context_message_ids
    return agent.in_context_message_indices is None or place in agent.in_context_message_indices


def _event(message: _Message, moment: datetime, evicted: bool) -> KeptMessage:
    """What somebody wrote, or what came of itself: Letta keeps both as texts of the user, within an envelope."""
    text, kind = _text_of(message.content), Kind.USER_MESSAGE
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict) and isinstance(told.get("type"), str) and isinstance(told.get("message"), str):
        text, kind = told["message"], _KINDS.get(told["type"], Kind.SYSTEM_ALERT)
    elif isinstance(told, dict) and isinstance(told.get("type"), str):
        kind = _KINDS.get(told["type"], Kind.SYSTEM_ALERT)
    return _record(kind, moment, evicted, text=text, author_name=message.name if kind is Kind.USER_MESSAGE else None)


def _said(agent: _Agent, message: _Message, moment: datetime, evicted: bool) -> KeptMessage | None:
    """What the agent thought, said and called; what stands beside calls is a thought, but for its newest kind."""
    calls = message.tool_calls or []
    uses = tuple(ToolUseMade(id=call.id, name=call.function.name, arguments=call.function.arguments) for call in calls)
    heard = [text for use in uses if use.name == SAID_BY and (text := _message_in(use.arguments))]
    words = _text_of(message.content, ("text",))
    thoughts = _text_of(message.content, _TEXT_PARTS[1:])
    if calls and not agent.agent_type.startswith("letta_v1"):
        thoughts, words = "\n\n".join(filter(None, (thoughts, words))), ""
    text = "\n\n".join(filter(None, (*heard, words)))
    if not (text or thoughts or uses):
        return None
    return _record(Kind.ASSISTANT, moment, evicted, text=text or None, thoughts=thoughts or None, tool_uses=uses)


def _results(message: _Message) -> Iterator[tuple[str, str]]:
    for returned in message.tool_returns or ():
        if returned.tool_call_id is not None and returned.func_response is not None:
            yield returned.tool_call_id, _text_of(returned.func_response)
    if message.tool_call_id is not None:
        yield message.tool_call_id, _text_of(message.content)


def _message_in(arguments: str) -> str:
    try:
        written = json.loads(arguments)
    except (ValueError, RecursionError):
        return ""
    said = written.get("message") if isinstance(written, dict) else None
    return said if isinstance(said, str) else ""


def _text_of(content: Any, parts: Sequence[str] = _TEXT_PARTS) -> str:
    """The text in a message's content: as it stands, or in parts that say of which kind they are."""
    if isinstance(content, str):
        return content if "text" in parts else ""
    texts = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and (kind := part.get("type")) in parts:
            text = part.get("text") if kind == "text" else part.get("reasoning", part.get("summary"))
            texts.append(text if isinstance(text, str) else "")
    return "\n\n".join(filter(None, texts))


def _record(
    kind: Kind,
    moment: datetime,
    evicted: bool,
    *,
    text: str | None,
    thoughts: str | None = None,
    tool_uses: tuple[ToolUseMade, ...] = (),
    tool_use_id: str | None = None,
    author_name: str | None = None,
) -> KeptMessage:
    return KeptMessage(
        id=1,
        turn_id=1,
        kind=kind,
        created_at=moment,
        text=text,
        thoughts=thoughts,
        tool_uses=tool_uses,
        tool_use_id=tool_use_id,
        author_id=None,
        author_name=author_name,
        evicted=evicted,
    )
