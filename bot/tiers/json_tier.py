"""Models that answer in JSON to a schema but do not call tools: one object holds the thoughts and one call.

The server keeps the answer to the schema where it can (`response_format`); where it cannot, or takes none, near misses
are repaired.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.models.model_json import read_object
from adapters.ports.errors import FeatureUnsupported, RequestRefused
from adapters.ports.model import ChatMessage, Completion, LanguageModel, Sampling, ToolCall, ToolSchema
from bot.agent import Agent
from bot.context.main_context import ContextCompiler
from bot.reasoning import after_reasoning, without_reasoning
from bot.text import clean
from bot.tiers.ports import Answer
from memory.ports import Message

logger = logging.getLogger(__name__)

MAX_THOUGHT_CHARS = 400  # a small model would think for ever
THOUGHTS, TOOL, ARGUMENTS = "thoughts", "tool", "arguments"

HOW_TO_ANSWER = """\
# How you call tools here
Answer with one JSON object and nothing else:
{"thoughts": "your inner monologue", "tool": "name of the tool", "arguments": {…, "request_heartbeat": false}}
The tools:
"""


class JsonTier:
    """See `Tier`."""

    def __init__(self, model: LanguageModel, compiler: ContextCompiler) -> None:
        self._model = model
        self._compiler = compiler
        self._has_schema = True
        """Whether the server takes a schema; until it refuses one."""

    @property
    def speaks_unasked(self) -> bool:
        """See `Tier`."""
        return True

    async def answer(self, agent: Agent, event: Message) -> Answer:
        """See `Tier`."""
        system, *queue = self._compiler.compile(agent)
        tools = self._compiler.tools(agent)
        told = "\n".join(_told(tool) for tool in tools)
        prompt = [ChatMessage("system", f"{system.content}\n\n{HOW_TO_ANSWER}{told}"), *_in_json(queue)]
        completion = await self._complete(prompt, tools)
        text = clean(completion.text or "")
        if completion.is_refusal:
            said = without_reasoning(text) or None
            return Answer(said, usage=completion.usage, saw_context=True, is_addressed=True)
        thoughts, call = _read(after_reasoning(text), f"json_{event.id}_{len(agent.queue)}")
        if call is not None and completion.is_cut and not _is_whole(text):
            said = _said_so_far(call)
            return Answer(said, usage=completion.usage, saw_context=True, is_cut=True, is_addressed=said is not None)
        is_cut = completion.is_cut and call is None
        return Answer(thoughts, (call,) if call else (), completion.usage, saw_context=True, is_cut=is_cut)

    async def _complete(self, prompt: Sequence[ChatMessage], tools: Sequence[ToolSchema]) -> Completion:
        """An answer to the schema, or where the server refuses that, one that the prompt alone asks for."""
        room = self._compiler.room.reply
        if self._has_schema:
            sampling = Sampling(extra={"response_format": _response_format(tools)})
            try:
                return await self._model.complete(prompt, max_tokens=room, sampling=sampling)
            except (FeatureUnsupported, RequestRefused) as refusal:
                completion = await self._model.complete(prompt, max_tokens=room)
                logger.info("the server takes no schema: %s", refusal.detail)
                self._has_schema = False
                return completion
        return await self._model.complete(prompt, max_tokens=room)


def _told(tool: ToolSchema) -> str:
    required = tool.parameters["required"]
    arguments = ", ".join(
        f"{name}{'' if name in required else '?'}: {of['type']}"
        for name, of in tool.parameters["properties"].items()
        if name != "request_heartbeat"
    )
    return f"- {tool.name}({arguments}): {tool.description}"


def _response_format(tools: Sequence[ToolSchema]) -> Mapping[str, Any]:
    choices = [
        {
            "type": "object",
            "properties": {
                THOUGHTS: {"type": "string", "maxLength": MAX_THOUGHT_CHARS},
                TOOL: {"const": tool.name},
                ARGUMENTS: {**tool.parameters, "additionalProperties": False},
            },
            "required": [THOUGHTS, TOOL, ARGUMENTS],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    return {"type": "json_schema", "json_schema": {"name": "step", "schema": {"anyOf": choices}}}


def _in_json(queue: Sequence[ChatMessage]) -> list[ChatMessage]:
    """A queue with native calls and results, told in plain roles: calls as JSON, results as words to the agent."""
    told: list[ChatMessage] = []
    for message in queue:
        if message.role == "tool":
            message = ChatMessage("user", f'{{"type": "tool_result", "result": {message.content}}}')
        elif message.tool_calls:
            message = ChatMessage("assistant", "\n".join(_call_in_json(message, call) for call in message.tool_calls))
        if told and told[-1].role == message.role:  # many templates take no two of one role in a row
            before = told.pop()
            images = (*before.images, *message.images)
            message = ChatMessage(message.role, f"{before.content}\n{message.content}", images=images)
        told.append(message)
    return told


def _call_in_json(message: ChatMessage, call: ToolCall) -> str:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = call.arguments
    return json.dumps({THOUGHTS: message.content or "", TOOL: call.name, ARGUMENTS: arguments}, ensure_ascii=False)


def _read(text: str, call_id: str) -> tuple[str | None, ToolCall | None]:
    """The thoughts and the call of an answer; a text with no object in it is a bare text."""
    read = read_object(text)
    if read is None or not isinstance(read.get(TOOL), str):
        return without_reasoning(text) or None, None
    arguments = read.get(ARGUMENTS)
    if not isinstance(arguments, dict):  # arguments beside the tool's name, as small models write them
        arguments = {key: value for key, value in read.items() if key not in (THOUGHTS, TOOL, ARGUMENTS)}
    thoughts = read.get(THOUGHTS)
    call = ToolCall(call_id, clean(read[TOOL]), clean(json.dumps(arguments, ensure_ascii=False)))
    return (without_reasoning(clean(thoughts)) or None if isinstance(thoughts, str) else None), call


def _is_whole(text: str) -> bool:
    """Whether an answer that ran into the token limit has come to the end of its object all the same."""
    try:
        json.JSONDecoder().raw_decode(text[text.index("{") :])
    except (ValueError, RecursionError):
        return False
    return True


def _said_so_far(call: ToolCall) -> str | None:
    """What there is of a message to the person; a half call of any other tool is of no use."""
    message = json.loads(call.arguments).get("message") if call.name == "send_message" else None
    return without_reasoning(message) or None if isinstance(message, str) else None
