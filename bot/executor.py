"""The function executor: checks a call's arguments, runs the tool, and turns what comes of it into its result.

Tools change nothing themselves. They add to a draft (core memory, replies, notes), which the turn commits in one
transaction after the step; a tool that fails leaves the draft as it found it. So no transaction is open while a tool
works, and one failing tool undoes only itself.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from adapters.ports import ToolCall
from bot.agent import Agent
from bot.context import Room
from bot.errors import ToolFailed
from bot.registry import Tool
from bot.text import clean, defuse_json, one_line
from memory.archival import ArchivalStorage
from memory.core_memory import CoreMemory
from memory.ports import BlockEdit, CoreMemoryFault, Message, NewPassage, ResultList, TokenCounter
from memory.recall import RecallStorage
from memory.result_lists import ResultLists

logger = logging.getLogger(__name__)


MAX_CALLS = 16
"""Of one answer, so many calls are run."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a step is going to change; nothing of it is visible to anybody before the commit."""

    core: CoreMemory
    edits: tuple[BlockEdit, ...] = ()
    replies: tuple[str, ...] = ()
    passages: tuple[NewPassage, ...] = ()
    result_lists: tuple[ResultList, ...] = ()


@dataclass(frozen=True, slots=True)
class Shelves:
    """The stores and measures that tools read."""

    recall: RecallStorage
    archival: ArchivalStorage
    result_lists: ResultLists
    counter: TokenCounter
    room: Room


@dataclass(slots=True)
class ToolContext:
    """What a tool may touch: read the shelves, and add to the draft."""

    agent: Agent
    event: Message
    now: datetime
    shelves: Shelves
    draft: Draft

    def edit_core(self, label: str, edited: CoreMemory, reason: str) -> None:
        """Take over an edit of core memory, with its entry in the journal."""
        edit = BlockEdit(
            label=label,
            before=self.draft.core.block(label).value,
            after=edited.block(label).value,
            author="agent",
            reason=reason,
            source_message_id=self.event.id,
            created_at=self.now,
        )
        self.draft = replace(self.draft, core=edited, edits=(*self.draft.edits, edit))

    def say(self, text: str) -> None:
        """Decide on a reply."""
        self.draft = replace(self.draft, replies=(*self.draft.replies, text))

    def keep(self, passage: NewPassage) -> None:
        """Decide to keep a note."""
        self.draft = replace(self.draft, passages=(*self.draft.passages, passage))

    def keep_results(self, results: ResultList) -> None:
        """Decide to keep a list of results, so that a cursor can name it."""
        self.draft = replace(self.draft, result_lists=(*self.draft.result_lists, results))


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one call; `text` is JSON for the model."""

    call: ToolCall
    text: str
    failed: bool
    wants_heartbeat: bool


class Executor:
    """Runs tool calls in the order in which the model wrote them."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools

    async def execute(
        self, calls: Sequence[ToolCall], context: ToolContext, allowed: Collection[str]
    ) -> tuple[ToolResult, ...]:
        """Run the calls; what they decide is in `context.draft`. Never raises for what a model wrote.

        `allowed`: names of the tools that the agent is given; empty for all.
        """
        names = allowed or self._tools
        results = [await self._run(call, context, names) for call in calls[:MAX_CALLS]]
        too_many = _json({"status": "error", "message": f"At most {MAX_CALLS} calls in one answer."})
        return (*results, *(ToolResult(call, too_many, True, True) for call in calls[MAX_CALLS:]))

    async def _run(self, call: ToolCall, context: ToolContext, allowed: Collection[str]) -> ToolResult:
        before = context.draft
        try:
            tool, arguments = self._checked(call, allowed)
            values = {name: _cleaned(getattr(arguments, name)) for name in type(arguments).model_fields}
            wants_heartbeat = bool(values.pop("request_heartbeat"))
            result = await tool.run(context, **values)
        except (ToolFailed, CoreMemoryFault) as failure:
            context.draft = before
            logger.info("tool failed tool=%s", one_line(ascii(call.name), 60))
            return ToolResult(call, _json({"status": "error", "message": str(failure)}), True, True)
        except Exception:  # a tool with a fault of its own must not cost the person the turn
            context.draft = before
            logger.exception("tool broke tool=%s", one_line(ascii(call.name), 60))
            fault = "The tool is broken; go on without it."
            return ToolResult(call, _json({"status": "error", "message": fault}), True, True)
        return ToolResult(call, _json({"status": "ok", **(result or {})}), False, wants_heartbeat)

    def _checked(self, call: ToolCall, allowed: Collection[str]) -> tuple[Tool, BaseModel]:
        tool = self._tools.get(call.name)
        if tool is None or call.name not in allowed:
            raise ToolFailed(f"There is no tool {one_line(call.name, 60)!r}. The tools are: {', '.join(allowed)}.")
        try:
            return tool, tool.arguments.model_validate_json(call.arguments.strip() or "{}")
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in error.errors()
            )
            raise ToolFailed(f"Wrong arguments: {one_line(faults, 400)}. Correct the call and try again.") from None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value


def _json(result: Mapping[str, Any]) -> str:
    return defuse_json(json.dumps(result, ensure_ascii=False))
