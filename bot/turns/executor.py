"""The function executor: checks a call's arguments, runs the tool, and turns what comes of it into its result.

Tools change nothing themselves. They add to a draft (core memory, replies, notes), which the turn commits in one
transaction after the step; a tool that fails leaves the draft as it found it. So no transaction is open while a tool
works, and one failing tool undoes only itself.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from adapters.models.model_json import read_arguments
from adapters.ports.model import ToolCall
from bot.context.main_context import MAX_CALLS
from bot.errors import ToolFailed
from bot.registry import Tool
from bot.text import clean, defuse_json, one_line
from bot.turns.tool_context import ToolContext
from memory.ports import CoreMemoryFault

logger = logging.getLogger(__name__)

CUT_CALL = (
    "Your answer was cut at the token limit within this call, so it was not run. Make it shorter; what is long to say, "
    "say in several messages, one answer each, with request_heartbeat."
)


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
        self, calls: Sequence[ToolCall], context: ToolContext, allowed: Collection[str], *, is_cut: bool = False
    ) -> tuple[ToolResult, ...]:
        """Run the calls; what they decide is in `context.draft`. Never raises for what a model wrote.

        Args:
            calls: as the model made them.
            context: what the tools may touch.
            allowed: names of the tools that the agent is given; empty for all.
            is_cut: the answer ran into the token limit, so that its last call may be half a call.
        """
        names = allowed or self._tools
        results = [await self._run(call, context, names, is_cut) for call in calls[:MAX_CALLS]]
        too_many = _json({"status": "error", "message": f"At most {MAX_CALLS} calls in one answer."})
        return (*results, *(ToolResult(call, too_many, True, True) for call in calls[MAX_CALLS:]))

    def accepts(self, call: ToolCall, allowed: Collection[str]) -> bool:
        """Whether a call can work: it is of a tool that there is, with the arguments that it needs, not all blank."""
        try:
            _, arguments = self._checked(_mended(call), allowed)
        except (ToolFailed, RecursionError):
            return False
        needed = [getattr(arguments, name) for name, of in type(arguments).model_fields.items() if of.is_required()]
        return not needed or any(str(value).strip() for value in needed)

    async def _run(self, call: ToolCall, context: ToolContext, allowed: Collection[str], is_cut: bool) -> ToolResult:
        before = context.draft
        try:
            if is_cut and not _is_json(call.arguments):
                raise ToolFailed(CUT_CALL)
            call = _mended(call)
            tool, arguments = self._checked(call, allowed)
            values = {name: _cleaned(getattr(arguments, name)) for name in type(arguments).model_fields}
            wants_heartbeat = bool(values.pop("request_heartbeat"))
            result = await tool.run(context, **values)
        except (ToolFailed, CoreMemoryFault) as failure:
            context.draft = before
            logger.info("tool failed tool=%s", self._logged(call))
            return ToolResult(call, _json({"status": "error", "message": str(failure)}), True, True)
        except Exception:  # a tool with a fault of its own must not cost the person the turn
            context.draft = before
            logger.exception("tool broke tool=%s", self._logged(call))
            fault = "The tool is broken; go on without it."
            return ToolResult(call, _json({"status": "error", "message": fault}), True, True)
        return ToolResult(call, _json({"status": "ok", **(result or {})}), False, wants_heartbeat)

    def _logged(self, call: ToolCall) -> str:
        """How the log names a call: what else a model writes may be words of people."""
        return call.name if call.name in self._tools else "(unknown)"

    def _checked(self, call: ToolCall, allowed: Collection[str]) -> tuple[Tool, BaseModel]:
        tool = self._tools.get(call.name)
        if tool is None or call.name not in allowed:
            raise ToolFailed(f"There is no tool {one_line(call.name, 60)!r}. The tools are: {', '.join(allowed)}.")
        try:
            return tool, tool.arguments.model_validate_json(call.arguments)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in error.errors()
            )
            raise ToolFailed(f"Wrong arguments: {one_line(faults, 400)}. Correct the call and try again.") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _mended(call: ToolCall) -> ToolCall:
    """A call whose arguments are nearly JSON, as it was meant; so the model sees it from now on as well."""
    is_object = call.arguments.lstrip().startswith("{") and _is_json(call.arguments)
    meant = None if is_object else read_arguments(call.arguments)
    return call if meant is None else replace(call, arguments=json.dumps(meant, ensure_ascii=False))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value


def _json(result: Mapping[str, Any]) -> str:
    return defuse_json(json.dumps(result, ensure_ascii=False))
