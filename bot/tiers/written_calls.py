"""Calls that a model writes as text instead of making them, as some models and servers do (pure).

Hermes and Qwen write `<tool_call>{…}</tool_call>`, Mistral `[TOOL_CALLS] [{…}]`, Llama a bare object (perhaps behind
`<|python_tag|>`). Where such a mark stands, words before it are thoughts. Without one the whole text, fences aside, has
to be calls of tools that the agent has; a text that shows some JSON is a text.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.models.model_json import read_object
from bot.text import clean

_MARK = re.compile(r"</?(?:tool_calls?|function_calls?|tools)>|\[/?TOOL_CALLS\]|<\|(?:python_tag|eom_id|eot_id)\|>")
_FENCE = re.compile(r"\A\s*```\w*[ \t]*\n?(.*?)(?:\n?\s*```\s*)?\Z", re.DOTALL)
_OPEN_FENCE = re.compile(r"```\w*\Z")
_BETWEEN = re.compile(rf"(?:{_MARK.pattern}|[\s,;\[\]])*")
_NAMES = ("name", "tool", "function")
_ARGUMENTS = ("arguments", "parameters")
_BESIDE = frozenset({*_NAMES, *_ARGUMENTS, "id", "type", "thoughts", "request_heartbeat"})


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as it was written; `arguments` is JSON text, which is broken if the answer was cut inside."""

    name: str
    arguments: str


def written_calls(
    text: str, names: Collection[str], *, is_cut: bool = False
) -> tuple[str | None, tuple[WrittenCall, ...]]:
    """The words before the calls, and the calls; no calls where the text is not made of them.

    Args:
        text: an answer, without reasoning.
        names: the tools that there are.
        is_cut: whether its end is missing; then a call without its end is not mended.
    """
    mark = _MARK.search(text, 0, text.find("{") + 1)  # inside a call it is a word like others
    words, rest = (text[: mark.start()].strip(), text[mark.start() :]) if mark else ("", text)
    if fenced := _FENCE.match(rest):
        rest = fenced[1]
    calls = []
    for piece in _objects(rest):
        call = _call(piece, is_cut) if piece is not None else None
        if call is not None and not mark and (call.name not in names or not call.arguments):
            call = None
        if call is None:
            return None, ()
        calls.append(call)
    words = _OPEN_FENCE.sub("", words).strip()  # one around mark and calls
    return (words or None, tuple(calls)) if calls else (None, ())


def _objects(text: str) -> Iterator[str | None]:
    """The objects that a text consists of, the last perhaps without its end; None for anything else."""
    at = _end_of(_BETWEEN, text, 0)
    while at < len(text):
        if text[at] != "{":
            if text[at:].strip(" \n`"):  # what is left of a fence is nothing
                yield None
            return
        end = _closing(text, at)
        yield text[at:end]
        at = _end_of(_BETWEEN, text, end)


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _closing(text: str, start: int) -> int:
    """Where the object that begins at `start` ends; single quotes are quotes where a value may begin."""
    depth, quote, before, at = 0, "", "", start
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char == '"' or (char == "'" and before in "{[,:"):
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return at + 1
        if not char.isspace():
            before = char
        at += 1
    return len(text)


def _call(piece: str, is_cut: bool) -> WrittenCall | None:
    """The call that an object is; its arguments are empty if it names none."""
    try:
        read = json.loads(piece)
        is_whole = True
    except (ValueError, RecursionError):
        read = read_object(piece)
        is_whole = not is_cut
    if not isinstance(read, dict):
        return None
    inner = read.get("function")
    if isinstance(inner, dict):  # as the API writes its calls
        read = inner
    name = next((read[key] for key in _NAMES if isinstance(read.get(key), str)), None)
    arguments = next((read[key] for key in _ARGUMENTS if key in read), None)
    if name is None or not read.keys() <= _BESIDE:
        return None
    if not is_whole:
        return WrittenCall(clean(name), piece)
    return WrittenCall(clean(name), "" if arguments is None else _as_text(arguments, read))


def _as_text(arguments: object, call: Mapping[str, Any]) -> str:
    if isinstance(arguments, str):  # encoded twice
        arguments = read_object(arguments) or arguments
    if isinstance(arguments, dict) and "request_heartbeat" in call:
        arguments = {"request_heartbeat": call["request_heartbeat"], **arguments}
    return clean(json.dumps(arguments, ensure_ascii=False))
